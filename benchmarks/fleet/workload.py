"""The one description of the work: what a host should have, as plain data.

`infra.py` declares it to cfgdsl, `floor.py` checks it by hand; neither knows of the other.
"""

import hashlib
from dataclasses import dataclass

DIRECTORIES = tuple(f"/srv/bench/d{n:02}" for n in range(10))
USERS = ("bench1", "bench2", "bench3")
GROUPS = ("benchops", "benchdev")
PACKAGES = ("lab-hello", "lab-tool-01", "lab-tool-02")
SERVICES = ("cron.service", "ssh.service")
PLAIN = 44
LINKS = tuple((f"/srv/bench/link{n:02}", f"/srv/bench/d{n:02}") for n in range(10))


@dataclass(frozen=True)
class FileSpec:
    """One file: its bytes, mode and owner."""

    path: str
    data: bytes
    mode: int = 0o644
    owner: str = "root"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def files(host: str) -> tuple[FileSpec, ...]:
    """Files of 1 KiB, twenty rendered per host, cron files, a large one and a private one."""
    plain = [
        FileSpec(f"{DIRECTORIES[n % 10]}/f{n:02}", (f"file {n:02}\n" * 114)[:1024].encode())
        for n in range(PLAIN)
    ]
    rendered = [
        FileSpec(f"{DIRECTORIES[n % 10]}/t{n:02}.conf", rendered_text(host, n).encode(), 0o640)
        for n in range(20)
    ]
    cron = [
        FileSpec(f"/etc/cron.d/bench{n}", f"{n} 4 * * * root true\n".encode()) for n in range(5)
    ]
    large = FileSpec("/srv/bench/d00/large", bytes(range(256)) * 4096)
    private = FileSpec("/srv/bench/d01/private", b"a private value\n", 0o600, USERS[0])
    return (*plain, *rendered, *cron, large, private)


def rendered_text(host: str, number: int) -> str:
    """What the template makes for one host."""
    return f"[server]\nname = {host}\nnumber = {number}\n" + "".join(
        f"option{n} = {n * number}\n" for n in range(20)
    )


def count(host: str) -> int:
    """How many resources that is."""
    return (
        1
        + len(DIRECTORIES)
        + len(USERS)
        + len(GROUPS)
        + len(PACKAGES)
        + len(SERVICES)
        + len(LINKS)
        + len(files(host))
    )
