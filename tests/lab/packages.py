"""The local apt repository: tiny packages that tests install, upgrade and see fail.

It lies inside each host (`file:/srv/lab-repo`), so that a test of packages needs no network.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

import attrs

from tests.lab.commands import run

REPOSITORY = Path("/srv/lab-repo")
SOURCES_LIST = f"deb [trusted=yes] file:{REPOSITORY} ./\n"

HELLO = """#!/bin/sh
echo "hello {version}"
"""

DAEMON_LOOP = """#!/bin/sh
# A daemon that says what it was started with: tests ask whether a restart saw the new config.
cp /etc/lab-daemon/lab-daemon.conf /run/lab-daemon.loaded
trap 'cp /etc/lab-daemon/lab-daemon.conf /run/lab-daemon.loaded' HUP
while :; do sleep 3600 & wait $!; done
"""

DAEMON_UNIT = """[Unit]
Description=The lab's daemon

[Service]
ExecStart=/usr/sbin/lab-daemon
ExecReload=/bin/kill -HUP $MAINPID

[Install]
WantedBy=multi-user.target
"""

# What debhelper's dh_installsystemd writes into a maintainer script (debhelper, autoscripts/).
DAEMON_POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ]; then
    deb-systemd-helper unmask lab-daemon.service >/dev/null || true
    if deb-systemd-helper --quiet was-enabled lab-daemon.service; then
        deb-systemd-helper enable lab-daemon.service >/dev/null || true
    else
        deb-systemd-helper update-state lab-daemon.service >/dev/null || true
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        if [ -n "$2" ]; then action=restart; else action=start; fi
        deb-systemd-invoke $action lab-daemon.service >/dev/null || true
    fi
fi
"""

DAEMON_PRERM = """#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then
    deb-systemd-invoke stop lab-daemon.service >/dev/null || true
fi
"""

DAEMON_POSTRM = """#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = purge ]; then
    deb-systemd-helper purge lab-daemon.service >/dev/null || true
    deb-systemd-helper unmask lab-daemon.service >/dev/null || true
fi
"""

BROKEN_POSTINST = """#!/bin/sh
echo "lab-broken: the postinst fails on purpose" >&2
exit 1
"""


@attrs.frozen
class LabPackage:
    """One .deb of the lab."""

    name: str
    version: str = "1.0"
    files: Mapping[str, str] = attrs.field(factory=dict)
    scripts: Mapping[str, str] = attrs.field(factory=dict)
    conffiles: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()

    def control(self) -> str:
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: all\n"
            "Maintainer: cfgdsl lab <lab@localhost>\nSection: misc\nPriority: optional\n"
            f"Description: {self.name}, a package of cfgdsl's lab\n"
        )

    def build(self, folder: Path) -> Path:
        """Build the .deb into `folder`, byte for byte the same each time."""
        deb = folder / f"{self.name}_{self.version}_all.deb"
        with tempfile.TemporaryDirectory() as temporary:
            tree = Path(temporary) / "tree"
            tree.mkdir(mode=0o755)
            for directory in self.directories:
                _below(tree, directory).mkdir(parents=True, exist_ok=True)
            for path, text in self.files.items():
                executable = "bin/" in path
                _write(_below(tree, path), text, mode=0o755 if executable else 0o644)
            _write(tree / "DEBIAN/control", self.control(), mode=0o644)
            if self.conffiles:
                listed = "".join(f"{path}\n" for path in self.conffiles)
                _write(tree / "DEBIAN/conffiles", listed, mode=0o644)
            for script, text in self.scripts.items():
                _write(tree / "DEBIAN" / script, text, mode=0o755)
            run(["dpkg-deb", "--root-owner-group", "--build", tree, deb])
        return deb


def _hello(version: str) -> LabPackage:
    return LabPackage(
        name="lab-hello",
        version=version,
        files={
            "/usr/bin/lab-hello": HELLO.format(version=version),
            "/etc/lab-hello.conf": f"# lab-hello {version}\ngreeting = hello\n",
        },
        conffiles=("/etc/lab-hello.conf",),
    )


LAB_PACKAGES = (
    _hello("1.0"),
    _hello("1.1"),
    LabPackage(
        name="lab-daemon",
        files={
            "/usr/sbin/lab-daemon": DAEMON_LOOP,
            "/lib/systemd/system/lab-daemon.service": DAEMON_UNIT,
            "/etc/lab-daemon/lab-daemon.conf": "interval = 60\n",
        },
        scripts={"postinst": DAEMON_POSTINST, "prerm": DAEMON_PRERM, "postrm": DAEMON_POSTRM},
        conffiles=("/etc/lab-daemon/lab-daemon.conf",),
        directories=("/etc/lab-daemon/conf.d",),
    ),
    LabPackage(name="lab-broken", scripts={"postinst": BROKEN_POSTINST}),
    *(LabPackage(name=f"lab-tool-{number:02}") for number in range(1, 21)),
)


def build_repository(folder: Path) -> None:
    """Build the lab's packages into `folder` and index all that lies there."""
    for package in LAB_PACKAGES:
        package.build(folder)
    index_repository(folder)


def index_repository(folder: Path) -> None:
    """Write `Packages` and `Release`, as dpkg-scanpackages and apt-ftparchive would.

    Written here, since dpkg-dev and apt-utils are not part of a small machine. The format is
    https://wiki.debian.org/DebianRepository/Format, a "flat repository".
    """
    entries = [_index_entry(deb) for deb in sorted(folder.glob("*.deb"))]
    packages = "\n".join(entries).encode()
    (folder / "Packages").write_bytes(packages)
    digest = hashlib.sha256(packages).hexdigest()
    release = (
        f"Origin: cfgdsl-lab\nLabel: cfgdsl-lab\nSuite: lab\nDate: {formatdate(usegmt=True)}\n"
        f"SHA256:\n {digest} {len(packages)} Packages\n"
    )
    (folder / "Release").write_text(release, encoding="utf-8")


def _index_entry(deb: Path) -> str:
    control = run(["dpkg-deb", "--field", deb]).rstrip("\n")
    with deb.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{control}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"


def _below(tree: Path, path: str) -> Path:
    return tree / path.lstrip("/")


def _write(path: Path, text: str, *, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def collect_downloads(archives: Path, folder: Path) -> None:
    """Move the .debs that apt downloaded into the repository.

    apt writes an epoch's colon as `%3a` into the name; a `file:` URL would decode it again, so the
    file is named without it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for deb in archives.glob("*.deb"):
        shutil.move(deb, folder / deb.name.replace("%3a", "-"))
