"""The facts that cost something: network, mounts, virtualization. Still without any process."""

from __future__ import annotations

import os
import struct

from .facts import attempt, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Only these are asked for their size: what answers over a network may not answer at all, and
# statvfs would then wait for ever.
_DISKS = frozenset(
    (
        *("bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs"),
        *("msdos", "ntfs", "ntfs3", "overlay", "squashfs", "tmpfs", "vfat", "xfs", "zfs"),
    )
)
# Shown, but never asked.
_REMOTE = frozenset(
    ("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "virtiofs")
)
_NOT_STORAGE = ("/dev", "/proc", "/run", "/sys")
_MOST = 256  # interfaces, and mounts: a host of containers has thousands

_SIOCGIFCONF = 0x8912  # netdevice(7)


def costly() -> dict[str, Any]:
    """The answer to ``{"do": "facts"}``."""
    return {
        "fqdn": attempt(_fqdn),
        "interfaces": attempt(_interfaces),
        "default_address": attempt(_default_address),
        "mounts": attempt(_mounts),
        "virtualization": attempt(_virtualization),
    }


def _fqdn() -> str:
    """What the machine calls itself: its own name, or /etc/hosts. DNS is not asked."""
    name = os.uname().nodename
    for line in (read_text("/etc/hosts") or "").splitlines():
        names = line.partition("#")[0].split()[1:]
        if name in names:
            return next((long for long in names if long.startswith(name + ".")), name)
    return name


def _addresses() -> list[tuple[str, str]]:
    """(interface, IPv4 address), in the kernel's order, secondary addresses too."""
    import _socket  # noqa: PLC0415 - only this needs sockets
    import array  # noqa: PLC0415
    import fcntl  # noqa: PLC0415

    entry = 40 if struct.calcsize("P") == 8 else 32  # struct ifreq
    replies = array.array("B", bytes(entry * 2 * _MOST))
    address, length = replies.buffer_info()
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        request = struct.pack("iP", length, address)
        used = struct.unpack("iP", fcntl.ioctl(probe.fileno(), _SIOCGIFCONF, request))[0]
    finally:
        probe.close()
    data = replies.tobytes()[:used]
    return [
        (
            os.fsdecode(data[i : i + 16].partition(b"\0")[0]).partition(":")[0],
            ".".join(map(str, data[i + 20 : i + 24])),
        )
        for i in range(0, used, entry)
    ]


def _addresses_v6() -> list[tuple[str, str]]:
    import _socket  # noqa: PLC0415

    lines = (line.split() for line in (read_text("/proc/net/if_inet6") or "").splitlines())
    return [
        (fields[5], _socket.inet_ntop(_socket.AF_INET6, bytes.fromhex(fields[0])))
        for fields in lines
        if len(fields) == 6
    ]


def _interfaces() -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {name: [] for name in sorted(os.listdir("/sys/class/net"))}
    for name, address in _addresses() + _addresses_v6():
        found.setdefault(name, []).append(address)
    return [
        {"name": name, "addresses": addresses} for name, addresses in list(found.items())[:_MOST]
    ]


def _default_address() -> str | None:
    """The first IPv4 address of the interface that the default route goes through."""
    best: tuple[int, str] | None = None
    for line in (read_text("/proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and int(fields[3], 16) & 1:
            route = (int(fields[6]), fields[0])
            best = route if best is None else min(best, route)
    if best is None:
        return None
    return next((address for name, address in _addresses() if name == best[1]), None)


def _mounts() -> list[dict[str, Any]]:
    mounts: dict[str, dict[str, Any]] = {}
    for line in (read_text("/proc/self/mounts", 4 * 1024 * 1024) or "").splitlines():
        device, path, kind = (_unescape(field) for field in line.split(" ")[:3])
        if path.startswith(_NOT_STORAGE) or kind not in _DISKS | _REMOTE:
            continue
        mounts.pop(path, None)  # what was mounted there before is hidden
        mounts[path] = {"path": path, "device": device, "fstype": kind}
        if len(mounts) == _MOST:
            break
    for mount in mounts.values():
        mount["total_mb"], mount["free_mb"] = _sizes(mount)
    return list(mounts.values())


def _sizes(mount: dict[str, Any]) -> tuple[int | None, int | None]:
    if mount["fstype"] not in _DISKS:
        return None, None
    try:
        size = os.statvfs(mount["path"])
    except OSError:
        return None, None
    unit = size.f_frsize
    return size.f_blocks * unit // 2**20, size.f_bavail * unit // 2**20


def _unescape(field: str) -> str:
    """fstab(5): space, tab, newline and backslash are three octal digits."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field


_MACHINES = (
    ("kvm", "kvm"),
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("virtualbox", "oracle"),
    ("innotek", "oracle"),
    ("microsoft", "microsoft"),
    ("xen", "xen"),
    ("amazon", "amazon"),
    ("google", "google"),
    ("bochs", "bochs"),
    ("openstack", "kvm"),
)


def _virtualization() -> str | None:
    """What systemd-detect-virt(1) would say, read from where it reads; None on bare metal."""
    container = (read_text("/run/systemd/container") or "").strip()
    if container:
        return container
    for marker, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if os.path.exists(marker):
            return name
    for entry in (read_text("/proc/1/environ") or "").split("\0"):
        if entry.startswith("container="):
            return entry.partition("=")[2] or None
    for file in ("sys_vendor", "product_name", "bios_vendor"):
        text = (read_text("/sys/class/dmi/id/" + file) or "").lower()
        for word, name in _MACHINES:
            if word in text:
                return name
    if os.path.isdir("/proc/xen"):
        return "xen"
    return "vm" if " hypervisor" in (read_text("/proc/cpuinfo") or "") else None
