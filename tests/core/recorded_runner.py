"""The runner's own loop over a machine: looks, ops, commands and the clock are the machine's."""

import contextlib
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self
from unittest import mock

import attrs

from cfgdsl import ImpossibleError, Resource, ops, probes
from cfgdsl.core.decide import decide_open, differences
from cfgdsl.core.ledger import note_of
from cfgdsl.core.predict import Identity
from cfgdsl.core.request import Planned
from cfgdsl.runner import backups, execute, journal, keeper, survey
from cfgdsl.runner.checks import check
from cfgdsl.runner.paths import Root
from cfgdsl.runner.schedule import Schedule
from cfgdsl.runner.wire import JSON_FRAME, MESSAGES, canonical, decode

from .machine import FailedError
from .recorded_body import Body, KilledError, Trouble

_FD = 0  # of a channel that is none


@attrs.frozen
class Outcome:
    """How a run ended."""

    killed: bool
    outcomes: Mapping[str, str]
    touched: frozenset[str]
    """The names of the steps whose ops were tried."""
    lost: frozenset[str]
    """The keys of what was protected, and was deleted nevertheless."""

    @property
    def is_well(self) -> bool:
        return not self.killed and set(self.outcomes.values()) <= {"changed", "unneeded"}


class Runner:
    """The runner's loop over a machine, and the controller that answers it."""

    def __init__(self, host: Any, planned: Planned, trouble: Trouble) -> None:
        self.body = host.body
        self._host = host
        self._planned = planned
        self.trouble = trouble
        self.random = random.Random(trouble.order)  # noqa: S311 - any order will do
        self.touched: set[str] = set()
        self.lost: set[str] = set()
        self.outcomes: dict[str, str] = {}
        self._decisions: list[dict[str, Any]] = []
        self.keeper: keeper.Keeper | None = None
        # As a channel:
        self.fd, self.out_fd = _FD, _FD + 1
        self.broken = self.ended = False

    def run(self, message: dict[str, Any]) -> Outcome:
        check(MESSAGES, "execute", message)
        schedule = Schedule(message["steps"])
        killed = False
        self.keeper = keeper.Keeper(Root(str(self._host.folder)), message)
        try:
            self.keeper.flush()
            self.trouble.moment()
            shop = SimpleNamespace(
                runner=self, sync=self.trouble.moment, accounts=None, contents=None
            )
            channel: Any = self
            execute.Execution(schedule, channel, shop, self.keeper).run()  # type: ignore[arg-type]
            self.keeper.__exit__()
        except KilledError:
            killed = True
            self._die(self.keeper)
        except OSError:  # it is refused: nothing was begun
            self._die(self.keeper)
            killed = True
        return Outcome(killed, self.outcomes, frozenset(self.touched), frozenset(self.lost))

    def _die(self, keeper: keeper.Keeper) -> None:
        """All in memory is gone, and what the disk has not got yet, to some byte."""
        book = keeper._journal
        at_stake = os.fstat(book._fd).st_size - book._end
        written = b"".join(book._unwritten)
        with contextlib.suppress(OSError):
            os.write(book._fd, written)
        size = at_stake + len(written)
        os.ftruncate(book._fd, book._end + size - min(self.trouble.lost, size))
        os.close(book._fd)
        keeper.backups.close()
        keeper._lock.__exit__()
        os.close(keeper.folder)

    # As a channel

    def send(self, message: Mapping[str, Any]) -> None:
        if message["event"] == "observed":
            self._decisions.append(sent(self._decide(message)))
        elif message["event"] == "done":
            step = self._planned.plan.steps[int(message["step"])]
            self.outcomes[step.identity] = message["outcome"]

    def flush(self) -> None:
        self.trouble.moment()

    def hear(self) -> None:
        assert self._decisions, "it waits for nothing"

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        while self._decisions:
            yield JSON_FRAME, canonical(self._decisions.pop(0)).encode()

    def _decide(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """What the controller says, as `cfgdsl.engine.execute` does."""
        step = self._planned.plan.steps[int(message["step"])]
        try:
            found = self._decided(step, message)
        except ImpossibleError as error:
            found = {"done": "failed", "detail": {"error": error.summary}}
        return {"do": "resolve", "steps": {str(step.id): found}}

    def _decided(self, step: Any, message: Mapping[str, Any]) -> dict[str, Any]:
        resource = self._planned.resources[step.id]
        answers = message["answers"]
        if message["phase"] == "after":
            left = differences(resource, step.probes, answers)
            return {"done": "unproven", "detail": {"left": left}} if left else {"done": "changed"}
        decision = decide_open(resource, step.probes, answers, Identity())
        if decision is None:
            done = "unneeded" if step.possible else "changed"
            return {"done": done, **self._note(step, resource, resource)}
        for op in decision.ops:
            if isinstance(op, ops.Put):
                self.body.sent.setdefault(op.content.sha256, op.content.data or b"")
        return {
            "ops": [op.to_json() for op in decision.ops],
            "want": decision.want,
            **self._note(step, resource, decision.before),
        }

    def _note(self, step: Any, resource: Resource, before: Resource | None) -> dict[str, Any]:
        if step.release or step.identity != resource.identity:
            return {}
        return note_of(resource, before).to_wire()


class _Looks:
    """Answers come at once."""

    def __init__(self, shop: Any, _pool: object) -> None:
        self._body: Body = shop.runner.body
        self._asked: list[Any] = []

    def ask(self, groups: Sequence[Any]) -> None:
        self._asked += groups

    def answered(self) -> list[Any]:
        groups, self._asked = self._asked, []
        return [[(step, self._answers(step)) for step in group] for group in groups]

    def _answers(self, step: Any) -> list[Any]:
        return [sent(self._body.answer(probes.from_json(probe))) for probe in step.probes]


class _Tries:
    """Ops of steps that run at the same time, one after the other in any order."""

    def __init__(self, shop: Any, _pool: object, done: Any, _heard: object) -> None:
        self._runner: Runner = shop.runner
        self._done = done
        self._live: list[tuple[Any, list[Any]]] = []

    def begin(self, groups: Sequence[Any]) -> None:
        self._live += [(group, _ops_of(group)) for group in groups]

    def go_on(self) -> bool:
        if not self._live:
            return False
        chosen = self._runner.random.randrange(len(self._live))
        steps, todo = self._live[chosen]
        detail = None
        if todo:
            detail = self._do(steps, todo.pop(0))
        if detail or not todo:
            del self._live[chosen]
            self._done(steps, detail)
        return True

    def halt(self) -> None:
        raise AssertionError("nobody stops a run here")

    def _do(self, steps: Sequence[Any], op: dict[str, Any]) -> dict[str, Any] | None:
        runner = self._runner
        runner.trouble.moment()
        runner.touched.update(step.name for step in steps)
        planned = [runner._planned.resources[int(step.id)] for step in steps]
        writes = [key for resource in planned for key in resource.footprint().writes]
        owned = runner.keeper.record.owned if runner.keeper else {}
        guarded = {
            key
            for entry in owned.values()
            if entry.get("protect") and not entry.get("gone")
            for key in entry["drop"]["writes"]
        }
        there = guarded & runner.body.keys.keys()
        try:
            runner.trouble.attempt()
            ours = not any(step.release for step in steps)
            runner.body.do(ops.from_json(op), writes, ours=ours)
        except FailedError as error:
            return {"error": str(error)}
        runner.lost |= there - runner.body.keys.keys()
        runner.trouble.moment()
        return None


def _ops_of(steps: Sequence[Any]) -> list[Any]:
    todo = list(steps[0].ops)
    if len(steps) == 1:
        return todo
    return [{**todo[0], "items": [item for s in steps for op in s.ops for item in op["items"]]}]


class _NoPool:
    """There are no commands."""

    signalled: tuple[int, ...] = ()

    def __init__(self, _accounts: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def watch(self, fd: int, *, only_end: bool = False) -> None: ...

    def unwatch(self, fd: int) -> None: ...

    def pump(self, _timeout: float | None) -> set[int]:
        return {_FD}


@contextlib.contextmanager
def simulated(
    body: Body, trouble: Trouble, runner: Any = None, *, most: int = keeper.MOST
) -> Iterator[None]:
    """All that would touch the real host is the machine's."""
    clock = SimpleNamespace(
        monotonic=body.tick, time=body.tick, strftime=lambda *_: "", localtime=lambda: None
    )
    write = journal._write
    boot = lambda _: f"boot-{body.boots}"  # noqa: E731

    def written(fd: int, data: bytes) -> None:
        trouble.write()
        write(fd, data)
        trouble.moment()

    def forget(_: object, wanted: Any) -> None:
        kept = set(wanted)
        body.kept = {sha: data for sha, data in body.kept.items() if sha in kept}

    with (
        mock.patch.multiple(keeper, time=clock, read_text=boot, MOST=most),
        mock.patch.multiple(survey, read_text=boot),
        mock.patch.multiple(journal, time=clock, _write=written),
        mock.patch.multiple(execute, Observations=_Looks, Attempts=_Tries, Pool=_NoPool),
        mock.patch.object(backups.Backups, "forget", forget),
        mock.patch.object(backups, "names", return_value=set(body.kept)),
        mock.patch.object(os, "fsync"),
    ):
        yield


def sent(value: Any) -> Any:
    """As it arrives on the other side."""
    return decode(canonical({"it": value}).encode())["it"]
