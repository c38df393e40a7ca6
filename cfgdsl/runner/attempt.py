"""One try at the ops of a step, or of several steps that one command can do."""

from __future__ import annotations

import time

from .ops import OpError, perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .ops import Op, Work, Workshop
    from .pool import Pool, Running
    from .schedule import Step

MOST_OUTPUT = 16 * 1024
"""How many bytes of its commands' output are told while they run."""


class Attempt:
    """Does the ops one after the other; commands run in the pool meanwhile.

    At the end `done` is called with this and the detail of the failure, or None.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        shop: Workshop,
        pool: Pool,
        done: Callable[[Attempt, dict[str, Any] | None], None],
        told: Callable[[Step, str, str], None],
    ) -> None:
        self.steps = steps
        self.halted = False
        """Do not begin another op."""
        self._pool = pool
        self._done = done
        self._told = told
        self._output_left = MOST_OUTPUT
        timeout = steps[0].timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._timeout = timeout
        self._work = self._all(_ops(steps), shop)

    def begin(self) -> None:
        """Start; `done` may be called before this returns."""
        self._continue(lambda: next(self._work))

    def _all(self, ops: Sequence[Op], shop: Workshop) -> Work:
        for op in ops:
            if self.halted:
                raise OpError("stopped before its next op")
            yield from perform(op, shop)

    def _continue(self, go_on: Callable[[], Any]) -> None:
        try:
            command = go_on()
        except StopIteration:
            self._done(self, None)
            return
        except OpError as error:
            self._done(self, error.detail)
            return
        if self._deadline is not None:
            left = max(0.001, self._deadline - time.monotonic())
            command.timeout = left if command.timeout is None else min(left, command.timeout)
        self._pool.submit(command, self._ran, self._heard)

    def _ran(self, running: Running) -> None:
        self._continue(lambda: self._work.send(running))

    def _heard(self, stream: str, data: bytes) -> None:
        told = data[: self._output_left]
        if told:
            self._output_left -= len(told)
            self._told(self.steps[0], stream, told.decode("utf-8", "replace"))


def _ops(steps: Sequence[Step]) -> Sequence[Op]:
    """The ops of one step; those of several, alike but for their items, as one."""
    ops = steps[0].ops or []
    if len(steps) == 1:
        return ops
    items = [item for step in steps for op in step.ops or [] for item in op["items"]]
    return [{**ops[0], "items": items}]
