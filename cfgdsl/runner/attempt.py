"""Tries at the ops of steps, many at a time."""

from __future__ import annotations

import time

from .ops import OpError, perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .ops import Op, Work, Workshop
    from .pool import Pool, Running
    from .process import Command
    from .schedule import Step

    Done = Callable[[Sequence[Step], dict[str, Any] | None], None]
    Told = Callable[[Step, str, str], None]

MOST_OUTPUT = 16 * 1024
"""How many bytes of its commands' output are told while they run."""

_MOST_PAUSED = 100  # each holds two descriptors


class Attempts:
    """All tries that are under way.

    At the end of each, `done` is called with its steps and the detail of its failure, or None.
    """

    def __init__(self, shop: Workshop, pool: Pool, done: Done, told: Told) -> None:
        self.shop = shop
        self.pool = pool
        self.told = told
        self._done = done
        self._live: dict[Attempt, None] = {}
        self._paused: list[Attempt] = []

    def begin(self, groups: Sequence[list[Step]]) -> None:
        """Begin the ops of groups of steps; each group has one step, or can be one command."""
        for group in groups:
            attempt = Attempt(group, self)
            self._live[attempt] = None
            attempt.begin()
            if len(self._paused) >= _MOST_PAUSED:
                self.go_on()

    def go_on(self) -> bool:
        """Continue those that waited for others to come as far; whether there were any."""
        paused, self._paused = self._paused, []
        for attempt in paused:
            attempt.go_on()
        return bool(paused)

    def halt(self) -> None:
        """Have no try begin another op."""
        for attempt in self._live:
            attempt.halted = True

    def pause(self, attempt: Attempt) -> None:
        """Continue this one when the others that begin now have come as far."""
        self._paused.append(attempt)

    def end(self, attempt: Attempt, detail: dict[str, Any] | None) -> None:
        """This one has done its ops, or has failed."""
        del self._live[attempt]
        self._done(attempt.steps, detail)


class Attempt:
    """One try: does the ops one after the other; commands run in the pool meanwhile."""

    def __init__(self, steps: Sequence[Step], all_of_them: Attempts) -> None:
        self.steps = steps
        self.halted = False
        self._all = all_of_them
        self._output_left = MOST_OUTPUT
        timeout = steps[0].timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._work = self._do(_ops(steps), all_of_them.shop)

    def begin(self) -> None:
        """Start; it may have ended before this returns."""
        self._continue(lambda: next(self._work))

    def go_on(self) -> None:
        """Continue after a pause."""
        self._continue(lambda: self._work.send(None))

    def _do(self, ops: Sequence[Op], shop: Workshop) -> Work:
        for op in ops:
            if self.halted:
                raise OpError("stopped before its next op")
            captured = yield from perform(op, shop)
            if captured is not None:
                self.steps[0].captured[op["capture"]] = captured

    def _continue(self, step: Callable[[], Command | None]) -> None:
        try:
            command = step()
        except StopIteration:
            self._all.end(self, None)
            return
        except OpError as error:
            self._all.end(self, error.detail)
            return
        if command is None:
            self._all.pause(self)
            return
        if self._deadline is not None:
            left = max(0.001, self._deadline - time.monotonic())
            command.timeout = left if command.timeout is None else min(left, command.timeout)
        self._all.pool.submit(command, self._ran, self._heard)

    def _ran(self, running: Running) -> None:
        self._continue(lambda: self._work.send(running))

    def _heard(self, stream: str, data: bytes) -> None:
        told = data[: self._output_left]
        if told:
            self._output_left -= len(told)
            self._all.told(self.steps[0], stream, told.decode("utf-8", "replace"))


def _ops(steps: Sequence[Step]) -> Sequence[Op]:
    """The ops of one step; those of several, alike but for their items, as one."""
    ops = steps[0].ops or []
    if len(steps) == 1 and steps[0].report:
        return ops
    ops = [{name: value for name, value in op.items() if name != "capture"} for op in ops]
    if len(steps) == 1:
        return ops
    items = [item for step in steps for op in step.ops or [] for item in op["items"]]
    return [{**ops[0], "items": items}]
