"""The mounts that the lab stands on: overlays, and a cgroup2 mount of its own."""

import re
from pathlib import Path

from tests.lab.commands import run
from tests.lab.paths import LabPaths


def is_mount(point: Path) -> bool:
    """True if something is mounted at `point`, bind mounts included (`os.path.ismount` is not)."""
    return str(point) in _mount_points()


def mounted_below(folder: Path) -> list[Path]:
    """What is mounted in `folder`, innermost first: removing it before would empty the mounts."""
    points = (Path(point) for point in _mount_points())
    return sorted((point for point in points if point.is_relative_to(folder)), reverse=True)


def mount_overlay(point: Path, *, lower: list[Path], upper: Path, work: Path) -> None:
    layers = ":".join(str(layer) for layer in lower)
    options = f"lowerdir={layers},upperdir={upper},workdir={work}"
    run(["mount", "-t", "overlay", "cfgdsl-lab", "-o", options, point])


def mount_tmpfs(point: Path, *, size: str) -> None:
    run(["mount", "-t", "tmpfs", "cfgdsl-lab", "-o", f"size={size},mode=0755", point])


def unmount(point: Path) -> None:
    """Unmount whatever is at `point`, now; a user who holds it open is an error worth seeing."""
    while is_mount(point):
        run(["umount", point])


def unmount_lazily(point: Path) -> None:
    """As `unmount`, for a host whose files a test still holds open (a pager, a shell's cwd)."""
    while is_mount(point):
        run(["umount", "--lazy", point])


def prepare_machine_mounts(paths: LabPaths) -> None:
    """Make what all hosts share: shared propagation below `hosts/`, and the cgroup2 mount.

    Each host's supervisor lives in a mount namespace of its own (`boot.sh`), which begins as a
    copy with the other hosts' overlays in it. Only if `hosts/` propagates (a plain machine has
    `/` private) does an unmount here reach those copies; else an overlay's upper directory would
    stay in use after its host is gone (mount_namespaces(7), overlayfs.rst "upperdir is in-use").
    """
    if not is_mount(paths.machines):
        run(["mount", "--bind", paths.machines, paths.machines])
        run(["mount", "--make-shared", paths.machines])
    # A second mount of the one cgroup2 hierarchy: the machine may have it at /sys/fs/cgroup, at
    # /sys/fs/cgroup/unified (cgroup v1 beside it), or nowhere.
    if not is_mount(paths.cgroup):
        run(["mount", "-t", "cgroup2", "none", paths.cgroup])


def remove_machine_mounts(paths: LabPaths) -> None:
    unmount_lazily(paths.machines)
    unmount_lazily(paths.cgroup)


def _mount_points() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [_unescape(line.split(" ")[4]) for line in lines]


def _unescape(field: str) -> str:
    # proc(5): space, tab, newline and backslash are written as three octal digits.
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
