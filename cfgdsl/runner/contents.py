"""Contents from the wire: small ones in memory, others in a file, until they are placed."""

from __future__ import annotations

import errno
import os

from .lean import sha256, sha256_large
from .wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL = 64 * 1024
"""Up to this size a content stays in memory,"""
MEMORY = 32 * 1024 * 1024
"""as long as all of them together are no larger than this."""

_SPOOL = ".spool-"
_PIECE = 8 * 1024 * 1024


class Contents:
    """The contents of one `execute`, by sha256. `folder`: where the spool may be, open."""

    def __init__(self, announced: Sequence[tuple[str, int]], folder: int) -> None:
        self._folder = folder
        self._sizes = dict(announced)
        self._memory: dict[str, bytearray] = {}
        self._spooled: dict[str, int] = {}
        self._spool = -1
        self._arrived = dict.fromkeys(self._sizes, 0)
        self._hashers = {
            name: sha256() if size <= SMALL else sha256_large()
            for name, size in self._sizes.items()
        }
        for name in os.listdir(folder):
            if name.startswith(_SPOOL):
                _unlink(name, folder)
        try:
            self._make_room()
        except BaseException:
            self.close()
            raise

    def _make_room(self) -> None:
        """Decide for each content where it goes, and refuse now what would not fit later."""
        room, end = MEMORY, 0
        for name, size in self._sizes.items():
            if size <= min(SMALL, room):
                self._memory[name] = bytearray()
                room -= size
            else:
                self._spooled[name] = end
                end += size
            if size == 0:
                self._finish(name)
        if end:
            self._spool = _nameless(self._folder)
            _reserve(self._spool, end)

    @property
    def complete(self) -> bool:
        """All that was announced has arrived, and is what it should be."""
        return not self._hashers

    def add(self, payload: bytes) -> None:
        """Take one `B` frame: WireError when it does not fit, OSError when it cannot be kept."""
        name, data = payload[:32].hex(), payload[32:]
        if name not in self._hashers:
            raise WireError("a content that nobody waits for: %s" % name)
        before = self._arrived[name]
        if before + len(data) > self._sizes[name]:
            raise WireError("more of a content than was announced: %s" % name)
        self._arrived[name] += len(data)
        self._hashers[name].update(data)
        if name in self._memory:
            self._memory[name] += data
        else:
            _write(self._spool, data, self._spooled[name] + before)
        if self._arrived[name] == self._sizes[name]:
            self._finish(name)

    def keep(self, text: str) -> None:
        """Take in one that was not announced, because it was decided only now."""
        data = text.encode("utf-8", "surrogateescape")
        name = sha256(data).hexdigest()
        if name not in self._sizes:
            self._sizes[name] = len(data)
            self._memory[name] = bytearray(data)

    def _finish(self, name: str) -> None:
        if self._hashers[name].hexdigest() != name:
            raise WireError("a content is not what was announced: %s" % name)
        del self._hashers[name]

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def write_to(self, name: str, fd: int) -> None:
        """Write a content into an open, empty file."""
        if name in self._memory:
            _write(fd, self._memory[name], 0)
            return
        start, size = self._spooled[name], self._sizes[name]
        done = 0
        while done < size:
            done += os.sendfile(fd, self._spool, start + done, min(_PIECE, size - done))

    def close(self) -> None:
        """Forget them all; the spool, which has no name, is gone with this."""
        if self._spool >= 0:
            os.close(self._spool)


def _nameless(folder: int) -> int:
    """A file that ends with this process, however that ends: its name is gone at once.

    (O_TMPFILE would be the same, but not every file system has it.)
    """
    name = _SPOOL + os.urandom(8).hex()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(name, flags, 0o600, dir_fd=folder)
    _unlink(name, folder)
    return fd


def _reserve(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise  # else: this file system cannot promise; writing will tell


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:  # another run tidies up too
        pass


def _write(fd: int, data: bytes | bytearray, offset: int) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.pwrite(fd, view[done:], offset + done)
