"""Who may use which host: one flock per host, so that a dead holder's lease ends by itself."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.lab.paths import LabPaths, host_name


@attrs.frozen
class Lease:
    """The right to use a host, from `take` to `release`, or to the end of this process."""

    number: int
    descriptor: int

    @classmethod
    def take(cls, paths: LabPaths, number: int) -> "Lease | None":
        """Lease the host if it is free; None when someone has it."""
        descriptor = _lock(_lease_file(paths, number), wait=False)
        return None if descriptor is None else cls(number=number, descriptor=descriptor)

    def release(self) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def holder(paths: LabPaths, number: int) -> str:
    """Who has leased the host; empty when no one has."""
    try:
        descriptor = os.open(_lease_file(paths, number), os.O_RDWR)
    except FileNotFoundError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 200).decode() or "unknown"
    else:
        return ""
    finally:
        os.close(descriptor)


@contextmanager
def shared_lock(paths: LabPaths, what: str) -> Iterator[None]:
    """Held while something that all hosts share is made: "setup", or the base of one release."""
    descriptor = _lock(paths.locks / what, wait=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lease_file(paths: LabPaths, number: int) -> Path:
    return paths.locks / host_name(number)


def _lock(path: Path, *, wait: bool) -> int | None:
    # Python opens with O_CLOEXEC: a host's supervisor never inherits, and so never holds, a lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} since {time.strftime('%H:%M:%S')}".encode())
    return descriptor
