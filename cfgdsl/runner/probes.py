"""Answers to probes, in bulk: commands are started first, files are looked at meanwhile."""

from __future__ import annotations

from . import query
from .files import list_answer, read_answer, stat_answer
from .process import Command
from .wire import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .accounts import Accounts
    from .generated import Generated
    from .paths import Root
    from .pool import Pool, Running

    Probe = dict[str, Any]

TIMEOUT = 60.0
"""Seconds for a command that only answers a question, unless the probe says otherwise."""

_QUERY_OUTPUT = 16 * 1024 * 1024
_RUN_OUTPUT = 1024 * 1024
_SYSTEM_KINDS = ("user", "group", "query", "run")


class Inquiry:
    """A list of probes on the way to their answers. Never raises: what cannot be answered is told.

    Its commands run in `pool`: `answered` becomes true after enough calls of `pool.pump`.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        root: Root,
        accounts: Accounts,
        pool: Pool,
        generated: Generated,
    ) -> None:
        self._root = root
        self._generated = generated
        self._accounts = accounts
        self._pool = pool
        self._order = [canonical(probe) for probe in probes]
        self._answers: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._open = 0
        self._waiting: dict[str, list[tuple[str, Probe]]] = {}  # by the condition's key
        self._ask(list(zip(self._order, probes)))

    @property
    def answered(self) -> bool:
        """Every probe has its answer."""
        return not self._open

    def answers(self) -> list[Any]:
        """The answers, in the order of the probes."""
        return [self._answers[key] for key in self._order]

    def _ask(self, probes: list[tuple[str, Probe]]) -> None:
        """Answer these, but for those whose `when` has to be answered first."""
        now: list[tuple[str, Probe]] = []
        for key, probe in probes:  # grows meanwhile
            if key in self._asked:
                continue
            self._asked.add(key)
            if probe.get("when"):
                condition = canonical(probe["when"])
                self._waiting.setdefault(condition, []).append((key, probe))
                probes.append((condition, probe["when"]))
            else:
                now.append((key, probe))
        self._start_commands(now)
        for key, probe in now:
            if key not in self._answers and probe["kind"] not in ("query", "run"):
                self._answers[key] = self._look(probe)
        self._go_on([key for key, _ in now if key in self._answers])

    def _go_on(self, answered: list[str]) -> None:
        """Ask, or give up, what waited for these answers."""
        ready: list[tuple[str, Probe]] = []
        for condition in answered:  # grows meanwhile
            found = self._answers[condition]
            unknown = isinstance(found, dict) and set(found) == {"error"}
            for key, probe in self._waiting.pop(condition, []):
                if found is None:
                    ready.append((key, probe))
                else:
                    self._answers[key] = found if unknown else None
                    answered.append(key)
        if ready:
            self._start_commands(ready)
            self._go_on([key for key, _ in ready if key in self._answers])

    def _look(self, probe: Probe) -> Any:
        kind = probe["kind"]
        if kind in ("stat", "read", "list"):
            return self._look_at_path(kind, probe)
        if kind == "account_name":
            return self._accounts.account_name(probe["database"], probe["number"])
        if kind == "account_number":
            return self._account_number(probe["database"], probe["name"])
        if kind == "generated":
            return self._generated.answer(probe)
        return getattr(self._accounts, kind)(probe["name"])

    def _look_at_path(self, kind: str, probe: Probe) -> Any:
        follow = bool(probe.get("follow"))
        if kind == "stat":
            return stat_answer(self._root, self._accounts, probe["path"], follow)
        if kind == "read":
            unless, up_to = probe.get("unless"), probe.get("up_to")
            up_to = 64 * 1024 if up_to is None else up_to
            return read_answer(self._root, probe["path"], unless, up_to, follow)
        return list_answer(self._root, probe["path"])

    def _account_number(self, database: str, name: str) -> dict[str, Any] | None:
        found = self._accounts.account_number(database, name)
        if found is None and not self._root.whole:
            why = "this machine has no %s %r, and the directory %s has none of its own"
            return {"error": why % (database, name, self._root.path)}
        return found

    def _start_commands(self, probes: Sequence[tuple[str, Probe]]) -> None:
        if not self._root.whole:
            why = "needs a whole system: this target is the directory %s" % self._root.path
            for key, probe in probes:
                if probe["kind"] in _SYSTEM_KINDS:
                    self._answers[key] = {"error": why}
            return
        queries = [pair for pair in probes if pair[1]["kind"] == "query"]
        for group in query.grouped(queries):
            self._query(group)
        for key, probe in probes:
            if probe["kind"] == "run":
                self._run(key, probe)

    def _query(self, group: list[tuple[str, Probe]]) -> None:
        items = [probe["item"] for _, probe in group]
        probe = group[0][1]
        argv = [*probe["argv"], *items]
        command = Command(argv, timeout=TIMEOUT, limit=_QUERY_OUTPUT, urgent=True)

        def done(running: Running) -> None:
            self._open -= 1
            error = running.error
            if error is None and running.exit is not None and running.exit < 0:
                error = "killed by signal %d" % -running.exit
            if error is None and running.stdout.cut:
                error = "the output is longer than %d bytes" % _QUERY_OUTPUT
            found = {} if error else query.split(probe, items, running.stdout.text())
            for (key, _), item in zip(group, items):
                self._answers[key] = {"error": error} if error else found.get(item)
            self._go_on([key for key, _ in group])

        self._submit(command, done)

    def _run(self, key: str, probe: Probe) -> None:
        command = Command(
            probe["argv"],
            cwd=probe.get("cwd"),
            env=probe.get("env"),
            user=probe.get("user"),
            stdin=probe.get("stdin"),
            timeout=probe.get("timeout") or TIMEOUT,
            limit=_RUN_OUTPUT,
            urgent=True,
        )

        def done(running: Running) -> None:
            self._open -= 1
            answer = {"exit": running.exit, "stdout": running.stdout.text()}
            self._answers[key] = answer if running.error is None else {"error": running.error}
            self._go_on([key])

        self._submit(command, done)

    def _submit(self, command: Command, done: Any) -> None:
        self._open += 1
        self._pool.submit(command, done)
