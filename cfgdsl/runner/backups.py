"""Copies of what a run overwrites or deletes, by content, in the record's folder."""

from __future__ import annotations

import os
import stat

from .files import digest_of
from .paths import Place
from .state import forget_temps, temp_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "backup"
LARGEST = 64 * 1024 * 1024
"""Larger files are not kept: the way back for them is not promised."""

_PIECE = 8 * 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Backups:
    """The copies of one project. `folder`: the record's folder, open. The lock is held."""

    def __init__(self, folder: int) -> None:
        try:
            os.mkdir(FOLDER, 0o700, dir_fd=folder)
        except FileExistsError:
            pass
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        self._folder = os.open(FOLDER, flags, dir_fd=folder)
        self.private: set[str] = set()
        """Paths of which no copy is made: they hold a secret."""
        forget_temps(self._folder)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._folder)

    def __contains__(self, sha256: str) -> bool:
        try:
            os.stat(sha256, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def keep(self, place: Place) -> None:
        """Copy the regular file at `place`, durably, unless it is kept already or too large, or
        holds a secret."""
        if place.path in self.private:
            return
        fd = os.open(place.name, _READ, dir_fd=place.fd)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return
            sha256 = digest_of(fd)
            if sha256 not in self:
                self._copy(fd, status.st_size, sha256)
        finally:
            os.close(fd)

    def _copy(self, source: int, size: int, sha256: str) -> None:
        temp = temp_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = os.open(temp, flags, 0o600, dir_fd=self._folder)
        try:
            copy(source, fd, 0, size)
            os.fsync(fd)
            os.rename(temp, sha256, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except BaseException:
            os.unlink(temp, dir_fd=self._folder)
            raise
        finally:
            os.close(fd)
        os.fsync(self._folder)

    def write_to(self, sha256: str, fd: int) -> None:
        """Write a kept content into an open, empty file; OSError when it is not intact."""
        source = os.open(sha256, _READ, dir_fd=self._folder)
        try:
            if digest_of(source) != sha256:
                raise OSError(5, "the backup %s is damaged" % sha256[:12])
            copy(source, fd, 0, os.fstat(source).st_size)
        finally:
            os.close(source)

    def forget(self, kept: Iterable[str]) -> None:
        """Delete all but these."""
        wanted = set(kept)
        for name in os.listdir(self._folder):
            if name not in wanted:
                os.unlink(name, dir_fd=self._folder)


def names(folder: int) -> set[str]:
    """The contents that a record's folder keeps; it is made by the first run."""
    try:
        fd = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return set()
    try:
        return set(os.listdir(fd))
    finally:
        os.close(fd)


def copy(source: int, target: int, start: int, size: int) -> None:
    """Copy `size` bytes of a file, from `start` on, to the end of another."""
    done = 0
    while done < size:
        sent = os.sendfile(target, source, start + done, min(_PIECE, size - done))
        if not sent:  # it has become shorter
            break
        done += sent
