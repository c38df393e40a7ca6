"""The journal: what was about to be done, and how it ended, as lines that are only ever appended.

Each line is ``CRC32 JSON``. What a crash has torn, or a disk has spoilt, does not match its
checksum and is passed over: a line counts as said only once it is on the disk. The first line names
the format, so that a newer one is refused instead of misread.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import zlib

from .paths import explain
from .state import StateError, temp_name
from .wire import WireError, canonical, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FORMAT = 1
NAME = "journal"

_PIECE = 1024 * 1024


def read(folder: int) -> tuple[list[dict[str, Any]], int, int]:
    """The entries of the journal in an open folder, how many lines are spoilt, and where the last
    whole line ends.

    A last line without an end was torn by a crash before anybody relied on it.
    Raises StateError when it is none, or of a format that is not known here.
    """
    try:
        fd = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return [], 0, 0
    except OSError as error:
        raise StateError("cannot read the record: " + explain(error, NAME)) from None
    try:
        _refuse_foreign(os.fstat(fd))
        with open(fd, "rb", closefd=False) as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise StateError("cannot read the record: " + explain(error, NAME)) from None
    finally:
        os.close(fd)
    found = [_entry(line) for line in lines[:-1]]
    end = sum(len(line) + 1 for line in lines[:-1])
    entries = [entry for entry in found if entry is not None]
    for entry in entries[:1]:
        if entry.get("format") not in (None, FORMAT):
            raise StateError("the record is of format %r, and this cfgdsl knows %d: use the newer "
                             "one that wrote it" % (entry["format"], FORMAT))  # fmt: skip
    return entries, len(found) - len(entries), end


def line(entry: dict[str, Any]) -> bytes:
    """An entry as it stands in the journal."""
    text = canonical(entry).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entry(text: bytes) -> dict[str, Any] | None:
    """The entry on a line; None: torn or spoilt."""
    if text[8:9] != b" " or b"%08x" % zlib.crc32(text[9:]) != text[:8]:
        return None
    try:
        return decode(text[9:])
    except WireError:
        return None


def _refuse_foreign(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
        raise StateError("the journal is not a file of its owner alone")


class Journal:
    """Appends to the journal in an open folder, for one run. `end`: of its last whole line."""

    def __init__(self, folder: int, run: str, end: int) -> None:
        self._run = run
        self._unwritten: list[bytes] = []
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(NAME, flags, 0o600, dir_fd=folder)
        except OSError as error:
            raise StateError("cannot keep the record: " + explain(error, NAME)) from None
        _refuse_foreign(os.fstat(self._fd))
        os.ftruncate(self._fd, end)
        self._end = end
        if not end:
            self._unwritten.append(line({"format": FORMAT}))

    def note(self, event: str, **fields: Any) -> dict[str, Any]:
        """Note an event; durable with the next `flush`. Returns the entry."""
        entry = {"event": event, "run": self._run, "time": round(time.time(), 3), **fields}
        self._unwritten.append(line(entry))
        return entry

    def flush(self) -> None:
        """Make durable what was noted; OSError when that fails."""
        if not self._unwritten:
            return
        data = b"".join(self._unwritten)
        self._unwritten.clear()
        try:
            _write(self._fd, data)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._end)  # no half line: it would look like a spoilt one
            raise
        self._end += len(data)

    def close(self) -> None:
        """Write what is left, if that is possible, and close."""
        try:
            self.flush()
        except OSError:  # what is lost here is found again by probing
            pass
        os.close(self._fd)


def _write(fd: int, data: bytes) -> None:
    if os.write(fd, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def replace(folder: int, entries: Iterable[dict[str, Any]]) -> int:
    """Put a journal of these entries in the place of the old one, atomically and durably; its
    size."""
    temp = temp_name()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(temp, flags, 0o600, dir_fd=folder)
    try:
        with open(fd, "wb") as file:
            file.write(line({"format": FORMAT}))
            file.writelines(map(line, entries))
            file.flush()
            os.fsync(fd)
            size = file.tell()
        os.rename(temp, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(temp, dir_fd=folder)
        raise
    os.fsync(folder)
    return size
