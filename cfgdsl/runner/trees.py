"""Deleting a folder with all that is in it, without ever leaving it."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .paths import Place

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(place: Place) -> None:
    """Delete the folder at `place`. Links in it are deleted, not followed; mounts are refused.

    Each folder is entered by its name in the open one above, and only if it is no link at that
    moment, so that nobody can lead this elsewhere by exchanging one (CVE-2022-21658).
    """
    device = place.lstat().st_dev
    levels = [_Level(place.fd, place.name, device)]
    try:
        while levels:
            level = levels[-1]
            if level.names:
                deeper = _remove_entry(level, device)
                if deeper is not None:
                    levels.append(deeper)
            else:
                levels.pop().close()
                above = levels[-1].fd if levels else place.fd
                os.rmdir(level.name, dir_fd=above)
    finally:
        for level in levels:
            level.close()


class _Level:
    """An open folder, and what is still to be deleted in it."""

    __slots__ = ("fd", "name", "names")

    def __init__(self, above: int, name: str, device: int) -> None:
        self.name = name
        self.fd = os.open(name, _FOLDER, dir_fd=above)
        if os.fstat(self.fd).st_dev != device:
            os.close(self.fd)
            raise OSError(errno.EXDEV, "another file system is mounted there", name)
        self.names = os.listdir(self.fd)

    def close(self) -> None:
        os.close(self.fd)


def _remove_entry(level: _Level, device: int) -> _Level | None:
    """Delete the next entry; when it is a folder, return it instead."""
    name = level.names.pop()
    try:
        status = os.stat(name, dir_fd=level.fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            return _Level(level.fd, name, device)
        os.unlink(name, dir_fd=level.fd)
    except FileNotFoundError:  # somebody else was faster
        pass
    return None
