"""Whether a local file is still the one that was read."""

from pathlib import Path

Stamp = tuple[int, int, int]


def stamp_of(path: str) -> Stamp:
    """What changes when a file does; raises `OSError`."""
    status = Path(path).stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
