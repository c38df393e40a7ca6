"""Where the runner keeps its record on the host: a folder of each project, for its owner alone."""

from __future__ import annotations

import errno
import os
import stat

from .paths import Root, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


_TEMP = ".new-"


class StateError(Exception):
    """The record cannot be kept, so nothing may be changed; the text says why."""


def open_state(root: Root, project: str | None) -> int:
    """The project's own folder on this host, open; created when needed."""
    name, home = _folder_name(project), _home(root)
    above, _, last = home.rpartition("/")
    path = ""
    try:
        root.make()
        for part in filter(None, above.split("/")):
            path += "/" + part
            _make(root, path, 0o755)
        for part in (last, name):
            path += "/" + part
            _make(root, path, 0o700)
            folder = _enter(root, path)
            if part != name:
                os.close(folder)
    except OSError as error:
        raise StateError("cannot keep the record: " + explain(error, path)) from None
    return folder


def find_state(root: Root, project: str | None) -> int | None:
    """The project's own folder, open; None when there is none: a look makes nothing."""
    name, home = _folder_name(project), _home(root)
    try:
        for path in (home, home + "/" + name):
            folder = _enter(root, path)
            if not path.endswith("/" + name):
                os.close(folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise StateError("cannot read the record: " + explain(error, path)) from None
    return folder


def temp_name() -> str:
    """What a file of the record is called until it is whole, and renamed."""
    return _TEMP + os.urandom(8).hex()


def forget_temps(folder: int) -> None:
    """Delete what a killed run has left half-written. The caller holds the lock."""
    for name in os.listdir(folder):
        if name.startswith(_TEMP):
            os.unlink(name, dir_fd=folder)


def other_projects(root: Root, project: str | None) -> Iterator[tuple[str, int]]:
    """The name and the open folder of each other project that has a record here."""
    try:
        with root.locate(_home(root), follow=True) as place:
            fd = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=place.fd)
        try:
            names = sorted(os.listdir(fd))
        finally:
            os.close(fd)
    except OSError:
        return
    for name in names:
        if name == _folder_name(project) or not _is_name(name):
            continue
        try:
            folder = find_state(root, name)
        except StateError:  # another's problem
            continue
        if folder is not None:
            yield name, folder
            os.close(folder)


def lock_path(root: Root) -> str:
    """The file whose lock says that a run changes this host; where it can be, gone with a boot."""
    if root.whole and os.geteuid() == 0 and os.path.isdir("/run/lock"):
        return "/run/lock/cfgdsl"
    return _home(root) + "/.lock"


def _is_name(name: str) -> bool:
    return 0 < len(name) <= 64 and set(name) <= _NAME and not name.startswith((".", "-"))


def _folder_name(project: str | None) -> str:
    """A configuration without a name has a record too, for what it owes; it owns nothing."""
    if project is None:
        return ".unnamed"
    if not _is_name(project):
        raise StateError("not a project's name: %.80r" % project)
    return project


def _home(root: Root) -> str:
    """The folder of all records. In a directory it is beside all that a configuration declares: one
    in its /var/lib would make folders that the plan promises to make."""
    if not root.whole:
        return "/.cfgdsl"
    base = "/var/lib"
    if os.geteuid() != 0:
        base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    if not base.startswith("/"):
        raise StateError("no folder to keep the record in: %r" % base)
    return base + "/cfgdsl"


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
