"""Configurations as text, for hosts of the lab; the command line as a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from tests.lab import LabHost

_HEAD = """
from cfgdsl import Host, configure, project
from cfgdsl_stdlib import Command, Directory, File, Group, Package, Service, Symlink, User

project("acceptance")
hosts = [{hosts}]


@configure(hosts)
def wanted(host: Host) -> None:
"""


@attrs.frozen
class Config:
    """A configuration on disk, and the lab's hosts that it is for."""

    file: Path
    ssh_config: Path

    @property
    def said(self) -> Path:
        """Where a process may write what it says."""
        return self.file.with_suffix(".said")

    def argv(self, command: str, *arguments: str) -> list[str]:
        """The command line that runs `command` on it."""
        ssh = ["--ssh-config", str(self.ssh_config)]
        return [sys.executable, "-m", "cfgdsl", command, *ssh, *arguments, str(self.file)]

    def run(
        self, command: str, *arguments: str, exit_code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        done = subprocess.run(
            self.argv(command, *arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == exit_code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


Write = Callable[..., Config]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration: hosts, and the lines that each of them should have."""

    def written(
        hosts: Sequence[LabHost], *lines: str, extra: Sequence[str] = (), name: str = "infra.py"
    ) -> Config:
        declared = [f"Host({host.name!r}, user='root')" for host in hosts] + list(extra)
        text = _HEAD.format(hosts=", ".join(declared))
        file = tmp_path / name
        file.write_text(text + "".join(f"    {line}\n" for line in lines))
        return Config(file, hosts[0].ssh_config)

    return written
