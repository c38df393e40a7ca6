"""A host of the lab as a test sees it: how to reach it, and how to look at it without cfgdsl."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import attrs

from tests.lab.machine import Machine
from tests.lab.paths import host_name
from tests.lab.recipe import OPS_PASSWORD, SSHD_LOG

__all__ = ["OPS_PASSWORD", "LabHost"]

HIDDEN = "/usr/lib/cfgdsl-lab-hidden"


@attrs.frozen
class LabHost:
    """A leased host. Besides `user` (root) the client key opens `ops` and `nopass`.

    `ops` may sudo with `OPS_PASSWORD`, `nopass` without a password.
    """

    machine: Machine

    @property
    def name(self) -> str:
        return host_name(self.machine.number)

    @property
    def address(self) -> str:
        return self.machine.paths.address(self.machine.number)

    @property
    def port(self) -> int:
        return self.machine.paths.port

    @property
    def user(self) -> str:
        return "root"

    @property
    def key(self) -> Path:
        return self.machine.paths.client_key

    @property
    def known_hosts(self) -> Path:
        return self.machine.paths.known_hosts

    @property
    def ssh_config(self) -> Path:
        return self.machine.paths.ssh_config

    def path(self, path: str) -> Path:
        """The host's file, on this machine: `host.path("/etc/motd").read_text()`.

        An absolute symlink on the host leads to this machine's own files: use `run(["cat", ...])`
        where there may be one. `/run`, `/tmp`, `/proc` and `/dev` are mounts inside, unseen here.
        """
        return self.machine.root / path.lstrip("/")

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command over the system's ssh: 5 ms after the first, on one shared connection.

        The connection comes from an address of its own, so `connections()` leaves it out.
        """
        paths = self.machine.paths
        command = [
            *("ssh", "-F", str(paths.ssh_config)),
            *("-o", "ControlMaster=auto", "-o", "ControlPersist=60"),
            *("-o", f"ControlPath={paths.control_sockets}/%C"),
            *("-o", f"BindAddress={paths.inspector_address}"),
            *("-l", user, self.name, "--", shlex.join(argv)),
        ]
        return self._finish(command, argv, stdin=stdin, check=check, timeout=timeout)

    def inside(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host without SSH, by nsenter: for a host whose sshd is no use."""
        state = self.machine.state()
        if state is None:
            raise RuntimeError(f"{self.name} does not run")
        # All namespaces and the host's root; --env alone would keep this machine's variables.
        command = [
            *("nsenter", f"--target={state.leader.number}"),
            *("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"),
            *("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", *argv),
        ]
        return self._finish(command, argv, stdin=stdin, check=check, timeout=timeout)

    def sshd_log(self) -> list[str]:
        """sshd's log since the boot (LogLevel VERBOSE), without what `run` caused."""
        inspector = self.machine.paths.inspector_address
        log = self.path(SSHD_LOG)
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line for line in lines if inspector not in line]

    def connections(self) -> int:
        """How many SSH connections were made to the host since its boot, those of `run` aside."""
        return sum(line.startswith("Connection from ") for line in self.sshd_log())

    def sessions(self) -> int:
        """How many exec channels, shells and subsystems were opened, those of `run` aside."""
        return sum(line.startswith("Starting session: ") for line in self.sshd_log())

    def hide_python(self) -> None:
        """Move every Python away, as on a host that never had one; a reset brings it back."""
        hidden = self.path(HIDDEN)
        hidden.mkdir(exist_ok=True)
        for program in sorted(self.path("/usr/bin").glob("python*")):
            program.rename(hidden / program.name)

    def _finish(
        self,
        command: list[str],
        argv: Sequence[str],
        *,
        stdin: str | None,
        check: bool,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{self.name}: {shlex.join(argv)} ended with {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done
