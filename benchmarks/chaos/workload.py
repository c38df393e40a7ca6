"""The one description of the work: what a host should have in each version, as plain data.

`infra.py` declares it to cfgdsl, `verify.py` and `watcher.py` look at it by hand; neither knows of
the other.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

TREE = "/srv/chaos"
SETTINGS = "/etc/chaos"
FOLDERS = (TREE, *(f"{TREE}/d{n}" for n in range(6)), SETTINGS)
USER = "chaos"
GROUP = "chaosops"
SMALL = 22
DAEMONS = ("chaos-a", "chaos-b")
PROGRAM = "/usr/local/sbin/chaos-daemon"
HOOK = f"{SETTINGS}/hook.conf"
HOOKED = f"{TREE}/hooked"
"""Where the command that is run after each change of `HOOK` leaves what it saw."""

_PROGRAM = """#!/bin/sh
# A daemon that reads its settings once, at its start, and says what it has read.
set -eu
read_now=$(sha256sum < "/etc/chaos/$1.conf")
echo "$VERSION ${read_now%% *}" > "/run/$1.read.new"
mv "/run/$1.read.new" "/run/$1.read"
exec sleep infinity
"""

_UNIT = """[Unit]
Description=A daemon that is killed often
StartLimitIntervalSec=0

[Service]
Environment=VERSION={version}
ExecStart={program} {name}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class FileSpec:
    """One file: its bytes, mode, owner and group."""

    path: str
    data: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def files(version: int) -> tuple[FileSpec, ...]:
    """Small ones of which most change, three large ones, two private ones, and the daemons'; in
    version 0, the pristine host, none."""
    if version == 0:
        return ()
    return (
        *(_small(n, version // (1 + n % 3)) for n in range(SMALL)),
        *(_large(megabytes, version % 3) for megabytes in (1, 2, 4)),
        *(_private(n, version) for n in range(2)),
        *(FileSpec(settings(name), _lines(name, version, 20)) for name in DAEMONS),
        *(FileSpec(unit(name), _unit(name, version)) for name in DAEMONS),
        FileSpec(HOOK, _lines("hook", version, 3)),
        FileSpec(PROGRAM, _PROGRAM.encode(), 0o755),
        *(FileSpec(path, _lines(path, version, 5)) for path in _passing(version)[1:]),
    )


def folders(version: int) -> tuple[str, ...]:
    return (*FOLDERS, _passing(version)[0])


def links(version: int) -> dict[str, str]:
    """Symbolic links that lead elsewhere in each version."""
    if version == 0:
        return {}
    return {f"{TREE}/link{n}": f"{TREE}/d{(version + n) % 6}" for n in range(6)}


def gone(version: int) -> tuple[str, ...]:
    """What the version before had, and this one does not declare."""
    return _passing(version + 1)


def packages(version: int) -> dict[str, str | None]:
    """Versions of packages; None: removed."""
    even = version % 2 == 0
    return {
        "lab-hello": "1.1" if even else "1.0",
        "lab-tool-01": "1.0" if even else None,
        "lab-tool-02": None if even else "1.0",
        "lab-tool-03": "1.0",
    }


def settings(daemon: str) -> str:
    """The file that a daemon reads."""
    return f"{SETTINGS}/{daemon}.conf"


def unit(daemon: str) -> str:
    """The file that defines a daemon's unit."""
    return f"/etc/systemd/system/{daemon}.service"


def wanted(version: int) -> dict[str, Any]:
    """All of it, for a script that looks by hand."""
    digests = {spec.path: spec.sha256 for spec in files(version)}
    read = {n: f"{_unit_version(n, version)} {digests[settings(n)]}" for n in DAEMONS}
    specs = files(version)
    return {
        "files": [(s.path, s.sha256, s.mode, s.owner, s.group) for s in specs],
        "folders": folders(version),
        "links": links(version),
        "gone": gone(version),
        "packages": packages(version),
        "read": read,
        "hooked": (HOOKED, digests[HOOK]),
        "user": USER,
        "group": GROUP,
    }


def count(version: int) -> int:
    """How many resources that is; the command is one more."""
    named = (files(version), folders(version), links(version), packages(version), DAEMONS)
    return sum(len(each) for each in named) + len((USER, GROUP, HOOK))


def _passing(version: int) -> tuple[str, ...]:
    """What only every other version has: a folder, and files in it and elsewhere."""
    name = "even" if version % 2 == 0 else "odd"
    return (f"{TREE}/{name}", f"{TREE}/{name}/inside", f"{TREE}/d0/{name}")


def _small(number: int, edition: int) -> FileSpec:
    path = f"{TREE}/d{number % 6}/f{number:02}"
    return FileSpec(path, _lines(path, edition, 4 * 2 ** (number % 9)))


def _large(megabytes: int, edition: int) -> FileSpec:
    line = f"{megabytes} {edition} ".encode() * 512
    size = megabytes * 1024 * 1024
    return FileSpec(f"{TREE}/d1/large{megabytes}", (line * (1 + size // len(line)))[:size])


def _private(number: int, version: int) -> FileSpec:
    path = f"{TREE}/d2/private{number}"
    return FileSpec(path, _lines(path, version, 40), 0o600, USER, GROUP)


def _unit(name: str, version: int) -> bytes:
    text = _UNIT.format(version=_unit_version(name, version), program=PROGRAM, name=name)
    return text.encode()


def _unit_version(name: str, version: int) -> int:
    """One daemon's unit changes each time, the other's never: it is restarted for its settings."""
    return version if name == DAEMONS[1] else 0


def _lines(what: str, version: int, lines: int) -> bytes:
    return f"{what} in version {version}\n".encode() * lines
