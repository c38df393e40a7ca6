"""Which port the hosts' sshd can have, seen in the kernel's table of listening sockets."""

import socket
import struct
from pathlib import Path

STANDARD_PORT = 22
FALLBACK_PORT = 2222
LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def choose_port(tables: tuple[Path, ...] = TABLES) -> int:
    """22, unless this machine's own sshd listens on port 22 of every address (as it does)."""
    everywhere = {"00000000", "0" * 32}
    taken = any(
        port == STANDARD_PORT and address in everywhere for address, port in _listening(tables)
    )
    return FALLBACK_PORT if taken else STANDARD_PORT


def is_listening(address: str, port: int) -> bool:
    """True if someone listens there. Asked of the kernel: a connection would be in sshd's log."""
    # proc(5): an IPv4 address is printed as one number in the machine's byte order.
    (number,) = struct.unpack("=I", socket.inet_aton(address))
    return (f"{number:08X}", port) in _listening(TABLES)


def _listening(tables: tuple[Path, ...]) -> set[tuple[str, int]]:
    found = set()
    for table in tables:
        lines = table.read_text(encoding="utf-8").splitlines()[1:] if table.exists() else []
        for line in lines:
            _, local, _, state, *_ = line.split()
            address, _, port = local.partition(":")
            if state == LISTEN:
                found.add((address, int(port, 16)))
    return found
