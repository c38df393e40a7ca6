"""Say whether the lab can run here, and install the tools that it needs.

A test that needs the lab and cannot have it must say what is missing, never pass by silence.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.commands import LabCommandError, run

TOOL_PACKAGES = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "dpkg-deb": "dpkg",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "mount": "mount",
}


# apt-get waits for no one who updates its lists, and test processes come side by side.
INSTALL_LOCK = Path("/run/lock/cfgdsl-lab-install")


class LabUnavailableError(RuntimeError):
    """The lab cannot run on this machine; the message says why."""


def missing_requirements() -> list[str]:
    """What this machine lacks for the lab and cannot get by itself; empty when the lab can run."""
    if not sys.platform.startswith("linux"):
        return [f"Linux (this is {sys.platform})"]
    if os.geteuid() != 0:
        return ["root (the lab mounts file systems and starts containers)"]
    missing = [f"{tool} (package {TOOL_PACKAGES[tool]})" for tool in _missing_tools()]
    if missing and shutil.which("apt-get"):
        missing = []  # `install_tools` brings them.
    if not _may_mount():
        missing.append("the right to mount (CAP_SYS_ADMIN: this root is confined)")
    return missing


def install_tools() -> None:
    """Bring the missing tools with apt, as a fresh CI machine needs it."""
    if not _missing_tools():
        return
    with _alone():
        _install(_missing_tools())


def _install(tools: list[str]) -> None:
    if not tools:  # another process has brought them meanwhile
        return
    packages = sorted({TOOL_PACKAGES[tool] for tool in tools} | {"debian-archive-keyring"})
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    try:
        run(["apt-get", "update", "-q"], environment=environment)
        run(install, environment=environment)
    except LabCommandError as error:
        raise LabUnavailableError(f"cannot install {', '.join(packages)}: {error}") from error


def require() -> None:
    """Raise unless the lab can run here; install what can be installed."""
    missing = missing_requirements()
    if missing:
        raise LabUnavailableError("the lab cannot run here; missing: " + "; ".join(missing))
    install_tools()


@contextmanager
def _alone() -> Iterator[None]:
    with INSTALL_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _missing_tools() -> list[str]:
    return [tool for tool in TOOL_PACKAGES if shutil.which(tool) is None]


def _may_mount() -> bool:
    try:
        run(["unshare", "--mount", "true"])
    except (LabCommandError, OSError):
        return False
    return True
