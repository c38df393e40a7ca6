"""Reading what is there: how a path is, and the content of a regular file."""

from __future__ import annotations

import errno
import os
import stat

from .lean import sha256, sha256_large
from .paths import explain
from .wire import MOST_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .accounts import Accounts
    from .paths import Root

MOST_TEXT = 1024 * 1024
"""The longest text that an answer brings, whatever `up_to` says."""

_PIECE = 256 * 1024
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def stat_answer(root: Root, accounts: Accounts, path: str, follow: bool) -> dict[str, Any] | None:
    """The answer to a `stat` probe."""
    try:
        if root.whole and not follow:
            return _describe(os.lstat(path), accounts, lambda: os.readlink(path))
        if path == "/":
            return _root_answer(root, accounts)
        with root.locate(path, follow) as place:
            return _describe(place.lstat(), accounts, place.link_target)
    except OSError as error:
        return None if error.errno in _ABSENT else {"error": explain(error, path)}


def _root_answer(root: Root, accounts: Accounts) -> dict[str, Any]:
    """How the root is; one that is not there will be made, empty, before the first change."""
    try:
        found = _describe(os.stat(root.path), accounts, None)
    except FileNotFoundError:
        owner, group = accounts.user_name(os.geteuid()), accounts.group_name(os.getegid())
        return {"kind": "dir", "mode": 0o755, "owner": owner, "group": group}
    if found["kind"] != "dir":
        return {"error": "the root is no directory: %s" % root.path}
    return found


def _describe(status: os.stat_result, accounts: Accounts, link_target: Any) -> dict[str, Any]:
    names = {
        "owner": accounts.user_name(status.st_uid),
        "group": accounts.group_name(status.st_gid),
    }
    if stat.S_ISLNK(status.st_mode):
        return {"kind": "link", "target": link_target(), **names}
    regular, folder = stat.S_ISREG(status.st_mode), stat.S_ISDIR(status.st_mode)
    kind = "file" if regular else "dir" if folder else "other"
    return {"kind": kind, "mode": stat.S_IMODE(status.st_mode), **names}


def list_answer(root: Root, path: str) -> dict[str, Any] | None:
    """The answer to a `list` probe."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        with root.locate(path) as place:
            fd = os.open(place.name, flags, dir_fd=place.fd)
        try:
            return _first_names(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if path == "/" and not os.path.lexists(root.path):
            return {"names": [], "more": False}  # as `stat` has it: it will be made
        return None if error.errno in _ABSENT else {"error": explain(error, path)}


def _first_names(fd: int) -> dict[str, Any]:
    """The first names in order, of however many there are; few are held at a time."""
    names: list[str] = []
    more = False
    with os.scandir(fd) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) == 8 * MOST_NAMES:
                names = sorted(names)[:MOST_NAMES]
                more = True
    more = more or len(names) > MOST_NAMES
    return {"names": sorted(names)[:MOST_NAMES], "more": more}


def read_answer(
    root: Root, path: str, unless: str | None, up_to: int, follow: bool
) -> dict[str, Any] | None:
    """The answer to a `read` probe. Nothing but a regular file is ever opened."""
    try:
        with root.locate(path, follow) as place:
            status = place.find()
            if status is None or not stat.S_ISREG(status.st_mode):
                return None
            # In case it has just been replaced: no link followed, no waiting for a pipe's writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
            fd = os.open(place.name, flags, dir_fd=place.fd)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            return _digest(fd, status.st_size, unless, min(up_to, MOST_TEXT))
        finally:
            os.close(fd)
    except OSError as error:
        return None if error.errno in _ABSENT else {"error": explain(error, path)}


def digest_of(fd: int) -> str:
    """The SHA-256 (hex) of an open file, from its beginning; afterwards it is read to its end."""
    os.lseek(fd, 0, os.SEEK_SET)
    found: str = _digest(fd, os.fstat(fd).st_size, None, 0)["sha256"]
    return found


def _digest(fd: int, expected: int, unless: str | None, up_to: int) -> dict[str, Any]:
    hasher = sha256_large() if expected > _PIECE else sha256()
    start, size = bytearray(), 0
    while True:
        data = os.read(fd, _PIECE)
        if not data:
            break
        hasher.update(data)
        size += len(data)
        if size <= up_to:
            start += data
    found = hasher.hexdigest()
    wanted = found != unless and len(start) == size
    return {"sha256": found, "size": size, "text": _text(bytes(start)) if wanted else None}


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
