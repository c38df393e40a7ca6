"""Who runs this, from where: what records of runs and locks say of it."""

import functools
import getpass
import os
import socket
import subprocess
from pathlib import Path


@functools.cache
def identity_of_caller(folder: Path | None) -> dict[str, str]:
    """The user and machine; the commit of the configuration's folder, where it has one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        user = str(os.getuid())
    found = {"who": f"{user}@{socket.gethostname()}"}
    commit = None if folder is None else _commit(folder)
    return found if commit is None else {**found, "commit": commit}


def _commit(folder: Path) -> str | None:
    """The commit that is checked out there."""
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argv, no shell
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
