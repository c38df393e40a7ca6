"""Where a path leads: to a folder that is held open, and a name in it.

Everything that touches a file works relative to an open folder, so that nobody can swap a part of
the path for a link in between. With a root other than "/", links are followed by hand: an absolute
one starts at the root again, and ".." ends there. Nothing outside is ever reached.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_MOST_LINKS = 40  # as the kernel has it: path_resolution(7)
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class Place:
    """A name in an open folder. `name` is "." when the path was that of the folder itself."""

    __slots__ = ("fd", "name", "path")

    def __init__(self, fd: int, name: str, path: str) -> None:
        self.fd = fd
        self.name = name
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self.fd)

    def lstat(self) -> os.stat_result:
        """What is there, links not followed; FileNotFoundError when nothing is."""
        return os.stat(self.name, dir_fd=self.fd, follow_symlinks=False)

    def find(self) -> os.stat_result | None:
        """What is there, links not followed; None when nothing is."""
        try:
            return self.lstat()
        except FileNotFoundError:
            return None

    def link_target(self) -> str:
        """Where the link that is there points to."""
        return os.readlink(self.name, dir_fd=self.fd)


class Root:
    """The folder that all paths are in."""

    def __init__(self, path: str = "/") -> None:
        self.path = os.path.abspath(path)
        self.whole = self.path == "/"
        """It is a whole system: with users, packages, units, and programs to run."""

    def make(self) -> None:
        """Make the folder if it is not there, as `stat` has promised; OSError otherwise."""
        if not self.whole and not os.path.lexists(self.path):
            os.makedirs(self.path)
            os.chmod(self.path, 0o755)  # noqa: S103 - as any folder that is made on the way

    def locate(self, path: str, follow: bool = False) -> Place:
        """The place of `path`, whose folder must exist; OSError otherwise.

        With `follow`, a chain of links at its end is followed: the place is that of its end, which
        need not exist.
        """
        folder, _, name = path.rpartition("/")
        if self.whole and not follow and name not in ("", ".", ".."):
            return Place(os.open(folder or "/", _FOLDER), name, path)
        fds = [os.open(self.path, _FOLDER)]
        try:
            name = _walk(fds, path, follow)
            return Place(fds.pop(), name, path)
        finally:
            for fd in fds:
                os.close(fd)


def _walk(fds: list[int], path: str, follow: bool) -> str:
    """Go down `path`: `fds` becomes the open folders from the root to the last; returns the name.

    The folders stay open so that ".." goes back to where the walk came from, whatever is renamed
    meanwhile.
    """
    todo = path.split("/")[::-1]
    links = 0
    while todo:
        name = todo.pop()
        if name in ("", "."):
            continue
        if name == "..":
            _go_up(fds, to=max(1, len(fds) - 1))
            continue
        target = _read_link(fds[-1], name) if todo or follow else None
        if target is not None:
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                _go_up(fds, to=1)
            todo += target.split("/")[::-1]
        elif todo:
            fds.append(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fds[-1]))
        else:
            return name
    return "."


def _go_up(fds: list[int], to: int) -> None:
    while len(fds) > to:
        os.close(fds.pop())


def _read_link(fd: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):  # not a link; nothing
            return None
        raise


def explain(error: OSError, path: str) -> str:
    """One line for people: what went wrong, and with which path."""
    return "%s: %s" % (error.strerror or type(error).__name__, path)
