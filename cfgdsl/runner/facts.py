"""What a machine is: cheap facts for the greeting, and those that cost something.

A fact that cannot be read is None. No fact asks the network, and none waits for one.
"""

from __future__ import annotations

import grp
import os
import pwd
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PACKAGE_MANAGERS = (
    ("apt", "/usr/bin/apt-get"),
    ("dnf", "/usr/bin/dnf"),
    ("yum", "/usr/bin/yum"),
    ("zypper", "/usr/bin/zypper"),
    ("pacman", "/usr/bin/pacman"),
    ("apk", "/sbin/apk"),
)
_FAMILIES = ("debian", "rhel", "fedora", "suse", "arch", "alpine", "gentoo")
_FAMILY_NAMES = {"rhel": "redhat", "fedora": "redhat"}


def read_text(path: str, limit: int = 64 * 1024) -> str | None:
    """The start of a small text file; None when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None


def attempt(read: Callable[[], Any]) -> Any:
    """A fact, or None when it cannot be read."""
    try:
        return read()
    except (OSError, LookupError, ValueError):
        return None


def cheap(root: str) -> dict[str, Any]:
    """What costs no process and next to no time."""
    system = os.uname()
    release = _os_release(read_text("/etc/os-release") or read_text("/usr/lib/os-release") or "")
    return {
        "hostname": system.nodename.split(".")[0],
        "os_id": release.get("ID"),
        "os_version": release.get("VERSION_ID"),
        "os_codename": release.get("VERSION_CODENAME"),
        "os_family": _family(release),
        "kernel": system.release,
        "arch": system.machine,
        "cpu_count": os.cpu_count(),
        "memory_mb": attempt(
            lambda: os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
        ),
        "package_manager": next(
            (name for name, program in _PACKAGE_MANAGERS if os.path.exists(program)), None
        ),
        "init_system": _init_system(),
        "python_version": "%d.%d.%d" % sys.version_info[:3],
        "user": attempt(lambda: pwd.getpwuid(os.geteuid()).pw_name) or str(os.geteuid()),
        "group": attempt(lambda: grp.getgrgid(os.getegid()).gr_name) or str(os.getegid()),
        "is_root": os.geteuid() == 0,
        "machine_id": (read_text("/etc/machine-id") or "").strip() or None,
        "selinux": _selinux(),
        "root": root,
    }


def _os_release(text: str) -> dict[str, str]:
    """os-release(5): assignments in the syntax of a shell, without its expansions."""
    lines = (line.strip().partition("=") for line in text.splitlines())
    return {
        name: value.strip().strip("\"'").replace("\\", "")
        for name, equals, value in lines
        if equals and not name.startswith("#")
    }


def _family(release: dict[str, str]) -> str | None:
    for like in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]:
        for family in _FAMILIES:
            if like == family or (family == "suse" and like.startswith(("opensuse", "sles"))):
                return _FAMILY_NAMES.get(family, family)
    return release.get("ID")


def _init_system() -> str | None:
    if os.path.isdir("/run/systemd/system"):
        return "systemd"
    if os.path.isdir("/run/openrc"):
        return "openrc"
    name = (read_text("/proc/1/comm") or "").strip()
    return {"init": "sysvinit", "runit": "runit", "s6-svscan": "s6"}.get(name)


def _selinux() -> str | None:
    enforcing = read_text("/sys/fs/selinux/enforce")
    if enforcing is not None:
        return "enforcing" if enforcing.strip() == "1" else "permissive"
    return "disabled" if os.path.exists("/etc/selinux/config") else None
