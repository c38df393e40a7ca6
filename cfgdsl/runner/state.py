"""What the runner keeps on the host: the journal, in a folder that only its owner can enter.

The journal is append-only JSON lines, without contents or secrets: what was about to be done, and
how it ended. An intent is on the disk before the first change it speaks of.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from .paths import Root, explain
from .wire import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class StateError(Exception):
    """The record cannot be kept, so nothing may be changed; the text says why."""


def open_state(root: Root, project: str | None) -> int:
    """The project's own folder on this host, open; created when needed."""
    name = project or "unnamed"
    if len(name) > 64 or not set(name) <= _NAME or name.startswith((".", "-")):
        raise StateError("not a project's name: %.80r" % name)
    if root.whole and os.geteuid() != 0:
        base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    else:
        base = "/var/lib"
    if not base.startswith("/"):
        raise StateError("no folder to keep the record in: %r" % base)
    path = ""
    try:
        root.make()
        for part in base.strip("/").split("/"):
            path += "/" + part
            _make(root, path, 0o755)
        for part in ("cfgdsl", name):
            path += "/" + part
            _make(root, path, 0o700)
            folder = _enter(root, path)
            if part != name:
                os.close(folder)
    except OSError as error:
        raise StateError("cannot keep the record: " + explain(error, path)) from None
    return folder


def _make(root: Root, path: str, mode: int) -> None:
    with root.locate(path, follow=True) as place:
        if place.find() is None:
            os.mkdir(place.name, 0o700, dir_fd=place.fd)
            if mode != 0o700:
                os.chmod(place.name, mode, dir_fd=place.fd)


def _enter(root: Root, path: str) -> int:
    """Open a folder, unless somebody else may have put something into it."""
    with root.locate(path) as place:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        folder = os.open(place.name, flags, dir_fd=place.fd)
    status = os.fstat(folder)
    if status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077:
        return folder
    os.close(folder)
    mode = stat.S_IMODE(status.st_mode)
    raise StateError("others may enter %s (owner %d, mode %04o)" % (path, status.st_uid, mode))


class Journal:
    """Appends to the journal in an open folder."""

    def __init__(self, folder: int, run: str) -> None:
        self._run = run
        self._unwritten: list[str] = []
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open("journal", flags, 0o600, dir_fd=folder)
        except OSError as error:
            raise StateError("cannot keep the record: " + explain(error, "journal")) from None
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise StateError("the journal is not a file of its owner alone")
        end = status.st_size
        # A crash may have left half a line.
        self._torn = end > 0 and os.pread(self._fd, 1, end - 1) != b"\n"

    def intend(self, names: list[str]) -> None:
        """Make durable that these steps are about to change something; OSError when it is not."""
        self._note({"intent": names})
        self.flush()

    def outcome(self, name: str, outcome: str) -> None:
        """Note how a step ended; durable with the next `intend` or `flush`."""
        self._note({"step": name, "outcome": outcome})

    def note(self, event: str) -> None:
        """Note that the run began or ended."""
        self._note({"event": event, "pid": os.getpid()})

    def _note(self, entry: dict[str, Any]) -> None:
        self._unwritten.append(
            canonical({"run": self._run, "time": round(time.time(), 3), **entry})
        )

    def flush(self) -> None:
        """Make durable what was noted; OSError when that fails."""
        if not self._unwritten:
            return
        text = "\n" * self._torn + "\n".join(self._unwritten) + "\n"
        self._unwritten.clear()
        data = text.encode()
        self._torn = True
        if os.write(self._fd, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False
        os.fsync(self._fd)

    def close(self) -> None:
        """Write what is left, if that is possible, and close."""
        try:
            self.flush()
        except OSError:  # what is lost here is found again by probing
            pass
        os.close(self._fd)
