"""An sshd of this test run's own, on a loopback address; the lab is for what needs a whole host."""

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from cfgdsl.core.host import Host
from cfgdsl.targets.options import Options, Timeouts

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")
ADDRESS = "127.88.0.1"


def keygen(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def public(path: Path) -> str:
    return path.with_name(path.name + ".pub").read_text().rsplit(maxsplit=1)[0]


@attrs.define
class Sshd:
    """One running sshd and the files of a client that may log in to it."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def user_key(self) -> Path:
        return self.folder / "user"

    @property
    def host_key(self) -> Path:
        return self.folder / "host"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def line(self) -> str:
        """What known_hosts says of it."""
        return f"[{ADDRESS}]:{self.port} {public(self.host_key)}\n"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def host(self, name: str = "web1", **fields: Any) -> Host[Any]:
        return Host(name, **{"address": ADDRESS, "port": self.port, **fields})

    def config(self, text: str = "") -> Path:
        """An ssh configuration file: `text`, then the defaults of these tests."""
        path = self.folder / "config"
        defaults = f"""
            Host *
              UserKnownHostsFile {self.known_hosts}
              GlobalKnownHostsFile none
              IdentityAgent none
              IdentityFile {self.user_key}
        """
        path.write_text(text + defaults)
        return path

    def options(self, text: str = "", **fields: Any) -> Options:
        fields = {"retries": 0, "timeouts": Timeouts(connect=5, start=10), **fields}
        return Options(ssh_config=self.config(text), **fields)

    def wait_for_log(self, text: str) -> None:
        end = time.monotonic() + 5
        while text not in self.log and time.monotonic() < end:
            time.sleep(0.01)
        assert text in self.log


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((ADDRESS, 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def run_sshd(folder: Path, *settings: str) -> Iterator[Sshd]:
    if SSHD is None:
        pytest.skip("sshd is not installed (apt-get install openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    port = free_port()
    sshd = Sshd(folder, port, None)  # type: ignore[arg-type]
    keygen(sshd.host_key)
    keygen(sshd.user_key)
    (folder / "authorized_keys").write_text(public(sshd.user_key) + "\n")
    sshd.known_hosts.write_text(sshd.line)
    lines = [
        *settings,
        f"ListenAddress {ADDRESS}:{port}",
        f"HostKey {sshd.host_key}",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "LogLevel VERBOSE",
        # bash reads .bashrc for sshd, unless it believes to be nested: not this machine's own.
        "SetEnv SHLVL=2",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    command = [SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")]
    sshd.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        (folder / "log").touch()
        sshd.wait_for_log("Server listening")
        yield sshd
    finally:
        sshd.process.terminate()
        sshd.process.wait(10)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts more of them, with settings."""
    with contextlib.ExitStack() as stack:
        numbers = iter(range(100))

        def start(*settings: str) -> Sshd:
            return stack.enter_context(run_sshd(tmp_path / f"sshd{next(numbers)}", *settings))

        yield start


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Adds a key to an ssh-agent of this test's own; returns its socket."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)

    def add(key: Path) -> str:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True)
        return str(path)

    try:
        yield add
    finally:
        process.terminate()
        process.wait(10)


def quoted(*words: object) -> str:
    return shlex.join(map(str, words))
