"""One host as a container: boot it, see whether it runs, stop it, forget all that was done to it.

Nothing here knows who may use a host; the caller holds its lease (`lease.py`).
"""

import json
import os
import shutil
import socket
import time
import uuid
from pathlib import Path

import attrs

from tests.lab import keys, mounts, recipe
from tests.lab.commands import run_to_file
from tests.lab.paths import LabPaths, host_name
from tests.lab.ports import is_listening
from tests.lab.processes import ProcessId

BOOT_SCRIPT = Path(__file__).with_name("boot.sh")
BOOT_TIMEOUT = 60.0
NAMESPACE = uuid.UUID("7b7d7cf3-1bb5-4a0e-9d0c-5a2c4a1d3f52")


class BootError(RuntimeError):
    """A host did not come up; the message holds the end of its console."""


@attrs.frozen
class MachineState:
    """What is known of a started host, kept on disk for the next process that asks."""

    supervisor: ProcessId
    leader: ProcessId
    release: str
    keep: bool
    """Stay up without a lease: it was started by `up`, not by a test session."""
    pristine: bool = True
    """Nobody has used it since it was reset."""


@attrs.frozen
class Machine:
    """The container of host `number`."""

    paths: LabPaths
    number: int

    @property
    def folder(self) -> Path:
        return self.paths.machine(self.number)

    @property
    def root(self) -> Path:
        """The host's root directory, as the host sees it: base and own changes merged."""
        return self.folder / "root"

    @property
    def disk(self) -> Path:
        """Where the host's own changes are kept; a mount if its disk has a size."""
        return self.folder / "disk"

    @property
    def console_log(self) -> Path:
        return self.folder / "console.log"

    @property
    def state_file(self) -> Path:
        return self.folder / "state.json"

    @property
    def cgroup(self) -> Path:
        return self.paths.cgroup / f"cfgdsl-lab-{self.paths.subnet}" / host_name(self.number)

    def state(self) -> MachineState | None:
        """The state of the running host; None when it does not run."""
        try:
            raw = json.loads(self.state_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        state = MachineState(
            supervisor=ProcessId(**raw.pop("supervisor")),
            leader=ProcessId(**raw.pop("leader")),
            **raw,
        )
        return state if state.leader.is_running() else None

    def save(self, state: MachineState) -> None:
        fresh = self.state_file.with_name("state.json.new")
        fresh.write_text(json.dumps(attrs.asdict(state)), encoding="utf-8")
        fresh.replace(self.state_file)

    def boot(
        self,
        layers: list[Path],
        *,
        release: str,
        keep: bool,
        private_network: bool = False,
        disk_size: str | None = None,
    ) -> MachineState:
        """Start the host from a pristine disk and wait until its systemd has finished booting.

        `disk_size` is as tmpfs(5) has it: all that the host can write, so that a test can fill it.
        """
        self.stop()
        self._fresh_disk(disk_size)
        self._insert_disk(layers)
        self._give_identity()
        return self._start(release=release, keep=keep, private_network=private_network)

    def restart(self, layers: list[Path]) -> MachineState:
        """Cut the power, and boot from the same disk: the host keeps what it has written."""
        state = self.state()
        if state is None:
            raise RuntimeError(f"{host_name(self.number)} does not run")
        self._cut_power()
        self._insert_disk(layers)
        again = self._start(release=state.release, keep=state.keep, private_network=False)
        self.save(attrs.evolve(again, pristine=state.pristine))
        return again

    def _start(self, *, release: str, keep: bool, private_network: bool) -> MachineState:
        self.cgroup.mkdir(parents=True, exist_ok=True)
        notify = self.folder / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            self._start_supervisor(notify, private_network=private_network)
            leader = self._await_ready(ready)
        supervisor = int((self.folder / "pid").read_text(encoding="utf-8"))
        processes = [ProcessId.of(number) for number in (supervisor, leader)]
        if processes[0] is None or processes[1] is None:
            raise self._boot_error("ended right after its boot")
        if not private_network and not is_listening(
            self.paths.address(self.number), self.paths.port
        ):
            self.stop()
            raise self._boot_error(f"its sshd does not listen on port {self.paths.port}")
        state = MachineState(
            supervisor=processes[0], leader=processes[1], release=release, keep=keep
        )
        self.save(state)
        return state

    def stop(self) -> None:
        """Stop the host at once, as a power cut would, and take its disk out of use."""
        self._cut_power()
        mounts.unmount_lazily(self.disk)

    def _cut_power(self) -> None:
        pid_file = self.folder / "pid"
        if pid_file.exists():
            supervisor = ProcessId.of(int(pid_file.read_text(encoding="utf-8")))
            if supervisor is not None and str(self.root) in supervisor.command_line():
                self._kill(supervisor)
            pid_file.unlink()
        self.state_file.unlink(missing_ok=True)
        mounts.unmount_lazily(self.root)
        _remove_cgroup(self.cgroup)

    def _kill(self, supervisor: ProcessId) -> None:
        # The end of its process 1 ends every process of a host (pid_namespaces(7)), and then the
        # supervisor by itself.
        state = self.state()
        if state is not None and state.supervisor == supervisor:
            state.leader.kill()
            if supervisor.wait(timeout=5):
                return
        supervisor.kill()
        if not supervisor.wait(timeout=5):
            raise RuntimeError(f"process {supervisor.number} does not end ({self.root})")

    def _fresh_disk(self, size: str | None) -> None:
        if self.disk.exists():
            shutil.rmtree(self.disk)
        for folder in (self.folder, self.root, self.disk):
            folder.mkdir(mode=0o755, exist_ok=True)
        if size is not None:
            mounts.mount_tmpfs(self.disk, size=size)
        for folder in (self.disk / "upper", self.disk / "work"):
            folder.mkdir(mode=0o755)

    def _insert_disk(self, layers: list[Path]) -> None:
        upper, work = self.disk / "upper", self.disk / "work"
        mounts.mount_overlay(self.root, lower=layers, upper=upper, work=work)

    def _give_identity(self) -> None:
        name, address = host_name(self.number), self.paths.address(self.number)
        etc = self.root / "etc"
        recipe.write(etc / "hostname", f"{name}\n")
        recipe.write(etc / "hosts", f"127.0.0.1 localhost\n{address} {name}\n")
        listen = f"ListenAddress {address}\nPort {self.paths.port}\n"
        recipe.write(etc / "ssh/sshd_config.d/lab-address.conf", listen)
        key = self.paths.host_key(self.number)
        host_key = etc / "ssh/ssh_host_ed25519_key"
        recipe.write(host_key, key.read_text(encoding="utf-8"), mode=0o600)
        recipe.write(host_key.with_suffix(".pub"), keys.public_key(key))
        # A host whose package index was just updated, however old the base is.
        os.utime(self.root / "var/lib/apt/lists")

    def _start_supervisor(self, notify: Path, *, private_network: bool) -> None:
        name = host_name(self.number)
        arguments = [
            "--boot",
            "--register=no",
            "--keep-unit",
            "--quiet",
            "--notify-ready=yes",
            f"--machine={name}",
            f"--uuid={uuid.uuid5(NAMESPACE, name)}",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            *(["--private-network"] if private_network else []),
            "-D",
            str(self.root),
        ]
        unshared = ["unshare", "--mount", "--propagation=slave", "sh", str(BOOT_SCRIPT)]
        pid_file = self.folder / "pid"
        # setsid: out of this session, so that neither Ctrl-C nor a hang-up ends the host.
        detached = ["setsid", "--fork", *unshared, str(self.cgroup), str(pid_file), *arguments]
        environment = {**os.environ, "NOTIFY_SOCKET": str(notify)}
        run_to_file(detached, self.console_log, environment=environment)

    def _await_ready(self, ready: socket.socket) -> int:
        """Wait for systemd's own word that the boot is done; return the host's process 1."""
        leader = 0
        deadline = time.monotonic() + BOOT_TIMEOUT
        while True:
            ready.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                message = ready.recv(4096).decode()
            except TimeoutError as error:
                raise self._boot_error(f"not up within {BOOT_TIMEOUT:.0f} s") from error
            fields = dict(line.partition("=")[::2] for line in message.splitlines())
            leader = int(fields.get("X_NSPAWN_LEADER_PID", leader))
            if fields.get("READY") == "1":
                return leader

    def _boot_error(self, what: str) -> BootError:
        console = self.console_log.read_text(encoding="utf-8", errors="replace")
        return BootError(f"{host_name(self.number)}: {what}; its console:\n{console[-3000:]}")


def _remove_cgroup(cgroup: Path) -> None:
    """Remove the host's empty cgroups, innermost first; the kernel removes none by itself."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        _await_removal(Path(folder))


def _await_removal(folder: Path) -> None:
    # EBUSY for a moment: a killed process leaves its cgroup only when it is reaped (cgroups(7)).
    for _ in range(200):
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.005)
        else:
            return
