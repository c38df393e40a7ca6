"""One run at a time changes a host: a lock that the kernel gives back when its holder ends.

So it is never stale; what stands in the file only says who has it.
"""

from __future__ import annotations

import fcntl
import os

from .paths import explain
from .state import StateError, lock_path
from .wire import WireError, canonical, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from .paths import Root

_MOST = 4096


class HeldError(StateError):
    """Another run changes this host."""


class Lock:
    """The lock of a host, from its construction to the end of the block."""

    def __init__(self, root: Root, holder: dict[str, Any]) -> None:
        path = lock_path(root)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            with root.locate(path) as place:
                self._fd = os.open(place.name, flags, 0o600, dir_fd=place.fd)
        except OSError as error:
            raise StateError("cannot lock the host: " + explain(error, path)) from None
        try:
            self._take(path)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, canonical(holder).encode(), 0)
        except BaseException as error:
            os.close(self._fd)
            if isinstance(error, OSError):
                raise StateError("cannot lock the host: " + explain(error, path)) from None
            raise

    def _take(self, path: str) -> None:
        if os.fstat(self._fd).st_uid not in (0, os.geteuid()):
            raise StateError("the lock is somebody else's file: %s" % path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HeldError(_held(os.pread(self._fd, _MOST, 0))) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def _held(text: bytes) -> str:
    try:
        holder = decode(text)
    except WireError:
        holder = {}
    told = [str(holder[name]) for name in ("who", "run", "since") if name in holder]
    who, run, since = told if len(told) == 3 else ("somebody", "?", "?")
    return "another run changes this host: %s, run %s, since %s" % (who, run, since)
