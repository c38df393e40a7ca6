"""Waiting for something that another process does, with a limit."""

import time
from collections.abc import Callable

from tests.lab import LabHost

_POLL = 0.03


def until(true: Callable[[], object], what: str, *, seconds: float = 20.0) -> None:
    """Wait until `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(_POLL)


def processes(host: LabHost, pattern: str) -> list[str]:
    """Command lines on the host that match."""
    found = host.inside(["pgrep", "--full", "--list-full", "--", pattern], check=False)
    return [line[:200] for line in found.stdout.splitlines()]


def nothing_left(host: LabHost, *, seconds: float = 20.0) -> None:
    """Wait until the runner and all that it ran have ended, and no temporary file is left."""
    until(lambda: not processes(host, "cfgdsl"), "the runner ends", seconds=seconds)
    assert processes(host, "sleep 3[0-9]") == []
    found = host.inside(
        ["find", "/srv", "/etc", "/var/lib/cfgdsl", "-name", ".cfgdsl*", "-o", "-name", ".spool*"],
        check=False,
    )
    assert found.stdout == ""
