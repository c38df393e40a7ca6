"""Keeps the compiled runner on the host, so that the next start need not receive it again.

Reading it back, and all the mistrust that goes with it, is in `loader.BOOTSTRAP`.
"""

from __future__ import annotations

import marshal
import os

from .lean import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_KEEP = 4  # versions: other controllers, other Pythons


def store(folder: str, name: str, code: dict[str, CodeType]) -> None:
    """Write the cache if that is possible; a host without a writable disk does without."""
    try:
        _store(folder, name, marshal.dumps(code))
    except OSError:
        pass


def _store(folder: str, name: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(fd)
        if (status.st_uid, status.st_mode) != (os.geteuid(), 0o40700):
            return
        temp = ".%s.%s" % (name, os.urandom(8).hex())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with open(os.open(temp, flags, 0o600, dir_fd=fd), "wb") as file:
                file.write(sha256(data).digest() + data)
            os.rename(temp, name, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError:
            os.unlink(temp, dir_fd=fd)
            raise
        _forget_old(fd)
    finally:
        os.close(fd)


def _forget_old(fd: int) -> None:
    """Remove what was not written for longest, and what a kill has left half-written."""
    ages = sorted(
        (os.stat(name, dir_fd=fd, follow_symlinks=False).st_mtime, name) for name in os.listdir(fd)
    )
    for _, name in ages[:-_KEEP]:
        os.unlink(name, dir_fd=fd)
