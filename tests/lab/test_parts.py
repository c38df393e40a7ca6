"""The parts of the lab that need neither root nor a host: these run everywhere."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.lab import packages, requirements
from tests.lab.base import DEFAULT_MIRROR, debian_mirror
from tests.lab.guard import REPOSITORY
from tests.lab.lease import Lease, holder
from tests.lab.paths import DEFAULT_STATE_DIRECTORY, DEFAULT_SUBNET, LabPaths
from tests.lab.ports import choose_port
from tests.lab.processes import ProcessId

DEB822 = """Types: deb
URIs: https://packages.example.org/debian-like
Suites: stable

Types: deb
URIs: http://mirror.example.org/debian
Suites: bookworm
"""
TCP_TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0
"""


@pytest.mark.parametrize(
    ("file", "text", "mirror"),
    [
        ("sources.list.d/debian.sources", DEB822, "http://mirror.example.org/debian"),
        (
            "sources.list",
            "# deb http://a.example.org/debian x\ndeb [a=b] https://one.example.org/debian/ x y\n",
            "https://one.example.org/debian/",
        ),
        ("sources.list", "deb http://archive.ubuntu.example.org/ubuntu noble main\n", None),
    ],
)
def test_mirror_is_the_one_that_apt_is_configured_for(
    tmp_path: Path, file: str, text: str, mirror: str | None
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(text)
    assert debian_mirror(tmp_path) == (mirror or DEFAULT_MIRROR)


@pytest.mark.parametrize(
    ("local", "state", "port"),
    [
        ("00000000:0016", "0A", 2222),
        ("00000000000000000000000000000000:0016", "0A", 2222),
        ("0100007F:0016", "0A", 22),
        ("00000000:0016", "01", 22),
        ("00000000:0050", "0A", 22),
    ],
)
def test_another_port_only_if_someone_listens_on_22_of_every_address(
    tmp_path: Path, local: str, state: str, port: int
) -> None:
    table = tmp_path / "tcp"
    table.write_text(TCP_TABLE.format(local=local, state=state))
    assert choose_port((table, tmp_path / "no-such-table")) == port


def test_labs_in_other_directories_have_other_addresses(tmp_path: Path) -> None:
    assert LabPaths(DEFAULT_STATE_DIRECTORY).address(3) == f"127.0.{DEFAULT_SUBNET}.3"
    other = LabPaths(tmp_path)
    assert DEFAULT_SUBNET < other.subnet < 255
    assert LabPaths(tmp_path).subnet == other.subnet


def test_directory_that_overlayfs_cannot_name_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        LabPaths(Path("/tmp/a:b"))


def test_host_is_leased_once_until_released(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    paths.create()
    assert holder(paths, 1) == ""
    lease = Lease.take(paths, 1)
    assert lease is not None
    assert Lease.take(paths, 1) is None
    assert f"process {os.getpid()} " in holder(paths, 1)
    lease.release()
    assert holder(paths, 1) == ""
    again = Lease.take(paths, 1)
    assert again is not None
    again.release()


def test_lease_of_a_dead_process_is_free(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    paths.create()
    die = (
        "import os, sys; from pathlib import Path; from tests.lab.lease import Lease;"
        "from tests.lab.paths import LabPaths;"
        "assert Lease.take(LabPaths(Path(sys.argv[1])), 1); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", die, str(tmp_path)], check=False)
    assert killed.returncode == -9
    lease = Lease.take(paths, 1)
    assert lease is not None
    lease.release()


def test_only_the_very_process_is_killed() -> None:
    # It says when it runs: right after exec its command line reads as empty.
    argv = ["sh", "-c", "echo up; read never"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        process = ProcessId.of(child.pid)
        assert process is not None
        earlier = ProcessId(number=process.number, started=process.started - 1)
        earlier.kill()
        assert process.is_running()
        assert process.command_line() == argv
        process.kill()
        assert process.wait(timeout=5)
    assert ProcessId.of(child.pid) is None


def test_without_root_the_lab_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(requirements.LabUnavailableError, match="missing: root"):
        requirements.require()


def test_without_apt_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "_may_mount", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    missing = requirements.missing_requirements()
    assert "systemd-nspawn (package systemd-container)" in missing
    monkeypatch.setattr(shutil, "which", lambda tool: tool == "apt-get" or None)
    assert requirements.missing_requirements() == []


def test_processes_side_by_side_install_the_tools_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """apt-get fails where another one updates the lists, so one installs while the others wait."""
    installed, commands = threading.Event(), []

    def run(argv: list[str], **_: object) -> str:
        commands.append(argv[1])
        time.sleep(0.05)
        if argv[1] == "install":
            installed.set()
        return ""

    monkeypatch.setattr(requirements, "INSTALL_LOCK", tmp_path / "lock")
    monkeypatch.setattr(requirements, "run", run)
    monkeypatch.setattr(
        requirements, "_missing_tools", lambda: [] if installed.is_set() else ["debootstrap"]
    )
    threads = [threading.Thread(target=requirements.install_tools) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert commands == ["update", "install"]


def test_lab_tests_that_cannot_run_say_so_at_the_end() -> None:
    confine = ["setpriv", "--bounding-set=-sys_admin"] if os.geteuid() == 0 else []
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    target = "tests/test_lab.py::test_hosts_are_independent"
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    for required, word in (("", "1 skipped"), ("1", "1 error")):
        done = subprocess.run(
            [*confine, *pytest_run, target],
            env={**environment, "CFGDSL_LAB_REQUIRED": required},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "the lab cannot run here; missing: " in done.stdout
        assert word in done.stdout
        assert ("lab tests not run" in done.stdout) == (not required)


@pytest.mark.skipif(not Path("/usr/bin/dpkg-deb").exists(), reason="builds a .deb: no dpkg-deb")
def test_repository_lists_each_package_with_its_digest(tmp_path: Path) -> None:
    packages.build_repository(tmp_path)
    index = (tmp_path / "Packages").read_text()
    assert index.count("Package: ") == len(packages.LAB_PACKAGES) == len(set(index.split("\n\n")))
    assert "Version: 1.1\n" in index
    assert index.count("SHA256: ") == index.count("Filename: ./")
