"""Which host is worked on when: many at once, the first ones before the rest, and when to halt."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import attrs

from cfgdsl.core.errors import ConfigurationError, Diagnostic


@attrs.frozen(kw_only=True)
class Budget:
    """How many hosts may fail before no new one is started."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: int | str | None) -> "Budget":
        """From ``3`` or ``"10%"``; None is the default: more than 25 %, and at least 3.

        >>> Budget.parse("10%").exceeded(failed=2, total=10)
        True
        """
        if text is None:
            return cls()
        raw = str(text).strip()
        number = raw.removesuffix("%")
        if not number.isascii() or not number.isdigit():
            raise ConfigurationError(
                Diagnostic(
                    summary=f"bad failure budget {raw!r}",
                    hint="Write a number, or a share like 10%.",
                )
            )
        return cls(percent=float(number)) if raw.endswith("%") else cls(count=int(number))

    def exceeded(self, *, failed: int, total: int) -> bool:
        """Whether so many failures are too many."""
        if self.count is not None:
            return failed > self.count
        if self.percent is not None:
            return failed * 100 > self.percent * total
        return failed >= 3 and failed * 4 > total


@attrs.frozen
class Halt:
    """Why the rest was not started."""

    reason: str
    not_started: tuple[str, ...]


def for_each_host(
    names: Sequence[str],
    work: Callable[[str], bool],
    *,
    parallel: int,
    first: int | None = None,
    budget: Budget | None = None,
    stopping: threading.Event,
    left_out: Callable[[str], object] = lambda _: None,
) -> Halt | None:
    """Call `work` for each host, at most `parallel` at once; it says whether the host is well.

    Hosts are started in the order of `names`. With `first`, that many must all end well before the
    rest begins. Hosts that have started are never stopped because of others; `left_out` is called
    for each that will not be started, as soon as that is certain.
    """
    pilots = list(names[:first]) if first else []
    rest = list(names[len(pilots) :])
    around: dict[str, Any] = {"parallel": parallel, "stopping": stopping, "left_out": left_out}
    if pilots:
        failed = _wave(pilots, work, budget=None, total=len(pilots), **around).failed
        if failed:
            return Halt(f"{failed} of the first {len(pilots)} failed", tuple(rest))
    result = _wave(rest, work, budget=budget, total=len(names), **around)
    if not result.left:
        return None
    reason = (
        "the run was stopped"
        if stopping.is_set()
        else f"{result.failed} of {len(names)} hosts failed, more than the run may lose"
    )
    return Halt(reason, tuple(result.left))


@attrs.frozen
class _Result:
    failed: int
    left: list[str]


def _wave(
    names: list[str],
    work: Callable[[str], bool],
    *,
    parallel: int,
    budget: Budget | None,
    stopping: threading.Event,
    left_out: Callable[[str], object],
    total: int,
) -> _Result:
    """Run a wave; hosts that were not started are left over."""
    waiting = names[::-1]
    failed = 0
    left: list[str] = []
    if not names:
        return _Result(0, [])
    with ThreadPoolExecutor(min(parallel, len(names)), thread_name_prefix="cfgdsl") as pool:
        running: set[Future[bool]] = set()
        while waiting or running:
            halted = stopping.is_set() or (
                budget is not None and budget.exceeded(failed=failed, total=total)
            )
            if halted:
                left, waiting = waiting[::-1], []
                for name in left:  # whoever runs may wait for these
                    left_out(name)
            while waiting and len(running) < parallel:
                running.add(pool.submit(work, waiting.pop()))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            failed += sum(not future.result() for future in done)
    return _Result(failed, left)
