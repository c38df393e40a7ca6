"""Where the lab keeps its things, in one place: every other module asks here."""

import hashlib
import os
from pathlib import Path

import attrs

DEFAULT_STATE_DIRECTORY = Path("/var/lib/cfgdsl-lab")
DEFAULT_SUBNET = 77
MAX_HOSTS = 250


def state_directory() -> Path:
    """The directory of this lab: `CFGDSL_LAB_DIR`, or the machine-wide default."""
    return Path(os.environ.get("CFGDSL_LAB_DIR") or DEFAULT_STATE_DIRECTORY).resolve()


@attrs.frozen
class LabPaths:
    """The files of one lab, all below `state`."""

    state: Path = attrs.field(factory=state_directory)

    def __attrs_post_init__(self) -> None:
        # overlayfs separates its options by commas and its layers by colons.
        if {",", ":"} & set(str(self.state)):
            raise ValueError(f"the lab's directory may hold neither ',' nor ':': {self.state}")

    @property
    def bases(self) -> Path:
        return self.state / "bases"

    @property
    def machines(self) -> Path:
        return self.state / "hosts"

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def locks(self) -> Path:
        return self.state / "locks"

    @property
    def control_sockets(self) -> Path:
        """Sockets of `ssh -o ControlMaster`; a short path, since unix(7) allows 108 bytes."""
        return self.state / "ctl"

    @property
    def cgroup(self) -> Path:
        """The lab's own mount of the cgroup2 hierarchy, wherever the machine has its own."""
        return self.state / "cgroup"

    @property
    def client_key(self) -> Path:
        return self.keys / "client"

    @property
    def ssh_config(self) -> Path:
        return self.state / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.state / "known_hosts"

    def host_key(self, number: int) -> Path:
        return self.keys / host_name(number)

    def machine(self, number: int) -> Path:
        return self.machines / host_name(number)

    @property
    def subnet(self) -> int:
        """The N of 127.0.N.M: labs in different directories must not share addresses."""
        if self.state == DEFAULT_STATE_DIRECTORY:
            return DEFAULT_SUBNET
        digest = hashlib.sha256(str(self.state).encode()).digest()
        return DEFAULT_SUBNET + 1 + digest[0] % (254 - DEFAULT_SUBNET)

    def address(self, number: int) -> str:
        return f"127.0.{self.subnet}.{number}"

    @property
    def inspector_address(self) -> str:
        """Where the lab's own inspection connects from, so that sshd's log tells it apart."""
        return f"127.0.{self.subnet}.254"

    @property
    def port(self) -> int:
        """The port of every host's sshd, decided when the lab is set up."""
        try:
            return int(self.port_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 22

    @property
    def port_file(self) -> Path:
        return self.state / "port"

    def create(self) -> None:
        for folder in (self.state, self.bases, self.machines, self.locks, self.cgroup):
            folder.mkdir(parents=True, exist_ok=True)
        for private in (self.keys, self.control_sockets):
            private.mkdir(mode=0o700, exist_ok=True)


def host_name(number: int) -> str:
    """`lab1`, `lab2`, ...: the host's own name, and its alias in `ssh_config`."""
    return f"lab{number}"
