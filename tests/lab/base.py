"""The bases that hosts are overlays of: made once per Debian release, cached, never changed.

Two layers, so that both rarely change: a debootstrapped system (a minute), and the lab's recipe
over it (seconds). Each is named by the digest of what made it and appears by one rename, so that a
half-made one is never used, and a host that runs keeps the layers that it was started with.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import keys, packages, recipe
from tests.lab.commands import CHROOT_ENVIRONMENT, run, run_in_root
from tests.lab.mounts import mount_overlay, mounted_below, unmount
from tests.lab.paths import LabPaths

DEFAULT_RELEASE = "bookworm"
RELEASES = ("bullseye", "bookworm", "trixie")
DEFAULT_MIRROR = "http://deb.debian.org/debian"

INCLUDED = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,sudo,cron,iproute2,procps,ca-certificates"
)
# Real packages that tests may install, downloaded with all that they depend on.
OFFLINE_PACKAGES = ("nginx", "git", "nftables", "curl", "python3-apt")


def ensure_base(paths: LabPaths, release: str = DEFAULT_RELEASE) -> list[Path]:
    """The layers of this release, topmost first; what is missing is made. Hold the lab's lock."""
    if release not in RELEASES:
        raise ValueError(f"no release {release!r} in the lab: {', '.join(RELEASES)}")
    system = paths.bases / f"{release}-{_digest(INCLUDED, *OFFLINE_PACKAGES)}"
    if not system.exists():
        with _under_construction(system) as fresh:
            _debootstrap(fresh, release)
    sources = (Path(module.__file__ or "") for module in (recipe, packages))
    made_of = [source.read_text(encoding="utf-8") for source in sources]
    authorized_key = keys.public_key(paths.client_key)
    template = paths.bases / f"{system.name}-{_digest(*made_of, authorized_key)}"
    if not template.exists():
        with _under_construction(template) as fresh, _overlay(fresh, system) as root:
            recipe.apply(root, authorized_key=authorized_key)
    return [template, system]


def debian_mirror(sources: Path = Path("/etc/apt")) -> str:
    """The Debian mirror that this machine's apt is configured for (sources.list(5), both forms)."""
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for file in files:
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for match in re.finditer(
                r"^(?:URIs:|deb(?: \[.*\])?) *(https?://\S+)", text, re.MULTILINE
            ):
                if re.search(r"/debian/?$", match[1]):
                    return match[1]
    return DEFAULT_MIRROR


def _debootstrap(root: Path, release: str) -> None:
    mirror = debian_mirror()
    run(["debootstrap", "--variant=minbase", f"--include={INCLUDED}", release, root, mirror])
    (root / "etc/apt/sources.list").write_text(f"deb {mirror} {release} main\n", encoding="utf-8")
    # The chroot reaches the mirror the way that this machine does.
    hosts = root / "etc/hosts"
    before = hosts.read_bytes() if hosts.exists() else b""
    shutil.copyfile("/etc/hosts", hosts)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    run_in_root(root, ["apt-get", "update", "-q"])
    run_in_root(root, ["apt-get", "clean"])
    download = ["apt-get", "install", "--download-only", "-y", "-q", *OFFLINE_PACKAGES]
    run_in_root(root, download)
    repository = root / str(packages.REPOSITORY).lstrip("/")
    packages.collect_downloads(root / "var/cache/apt/archives", repository)
    run_in_root(root, ["apt-get", "clean"])
    shutil.rmtree(root / "var/lib/apt/lists")
    hosts.write_bytes(before)


@contextmanager
def _under_construction(final: Path) -> Iterator[Path]:
    for leftover in final.parent.glob(f".{final.name}.*"):
        _remove(leftover)
    # A name of its own each time: of a killed build, debootstrap's children may still be writing.
    fresh = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    fresh.chmod(0o755)  # It becomes the `/` of the hosts.
    yield fresh
    fresh.rename(final)


@contextmanager
def _overlay(upper: Path, lower: Path) -> Iterator[Path]:
    """`lower` as seen through the new layer `upper`, mounted while the block runs."""
    scratch = upper.with_name(f"{upper.name}.scratch")
    root, work = scratch / "root", scratch / "work"
    root.mkdir(parents=True)
    work.mkdir()
    mount_overlay(root, lower=[lower], upper=upper, work=work)
    try:
        yield root
    finally:
        unmount(root)
        shutil.rmtree(scratch)


def _remove(leftover: Path) -> None:
    """Clear what an interrupted build left, its mounts first: rmtree would empty them too."""
    for point in mounted_below(leftover):
        run(["umount", point])
    shutil.rmtree(leftover, ignore_errors=True)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join((*parts, *CHROOT_ENVIRONMENT)).encode()).hexdigest()[:12]
