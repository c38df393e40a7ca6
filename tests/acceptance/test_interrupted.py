"""Ctrl-C in each stage and a killed controller: hosts stay well, and the next run converges."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.chaos.victims import runners
from tests.acceptance.conftest import Config, Write
from tests.acceptance.waiting import nothing_left, processes, until
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


@pytest.fixture(autouse=True)
def clean(host: LabHost) -> None:
    host.run(["sh", "-c", "rm -rf /srv/*"])


@contextmanager
def started(config: Config, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command line as a process; what it says goes to a file beside the configuration."""
    with (
        config.said.open("wb") as said,
        subprocess.Popen(
            config.argv(*arguments), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def interrupt(config: Config, process: subprocess.Popen[bytes], *, seconds: float = 20) -> None:
    """Press Ctrl-C, which ends it."""
    process.send_signal(signal.SIGINT)
    process.wait(seconds)
    said = config.said.read_text()
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_while_connecting(write: Write, host: LabHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        port = silent.getsockname()[1]
        mute = f"Host('mute', address='127.0.0.1', port={port}, user='root')"
        config = write([host], 'File("/srv/a", content="a")', extra=[mute])
        with started(config, "apply", "--yes") as process:
            connection, _ = silent.accept()
            with connection:
                interrupt(config, process, seconds=5)
    nothing_left(host)
    assert not host.path("/srv/a").exists()


def test_while_planning(write: Write, host: LabHost) -> None:
    config = write([host], 'Command(["touch", "/srv/a"], unless=["sleep", "33"])')
    with started(config, "apply", "--yes") as process:
        until(lambda: processes(host, "sleep 33"), "the guard runs")
        interrupt(config, process, seconds=5)
    nothing_left(host)
    assert not host.path("/srv/a").exists()


def test_while_asking(write: Write, host: LabHost) -> None:
    config = write([host], 'File("/srv/a", content="a")')
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("CI", None)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, config.argv("apply"))  # noqa: S606 - no shell is wanted
    said = b""
    end = time.monotonic() + 20
    while b"[y/N]" not in said and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 4096)
    assert b"[y/N]" in said, said
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    nothing_left(host)
    assert not host.path("/srv/a").exists()


SLOW = (
    'first = Command(shell="sleep {seconds}; touch /srv/first", creates="/srv/first")',
    'File("/srv/second", content="second", after=first)',
)


def slow(write: Write, host: LabHost, seconds: int) -> Config:
    return write([host], *(line.format(seconds=seconds) for line in SLOW))


def converges(config: Config, host: LabHost) -> None:
    config.run("apply", "--yes")
    assert host.path("/srv/second").read_text() == "second"
    assert "nothing to do" in config.run("apply", "--yes").stdout


def test_once_while_executing_ends_what_has_begun_and_starts_nothing(
    write: Write, host: LabHost
) -> None:
    config = slow(write, host, 3)
    with started(config, "apply", "--yes") as process:
        until(lambda: processes(host, "^sleep 3"), "the command runs")
        interrupt(config, process)
    assert host.path("/srv/first").exists()
    assert not host.path("/srv/second").exists()
    nothing_left(host)
    converges(slow(write, host, 0), host)


def test_twice_while_executing_interrupts_the_command(write: Write, host: LabHost) -> None:
    config = slow(write, host, 33)
    with started(config, "apply", "--yes") as process:
        until(lambda: processes(host, "^sleep 33"), "the command runs")
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        begun = time.monotonic()
        interrupt(config, process)
        assert time.monotonic() - begun < 8
    nothing_left(host)
    assert not host.path("/srv/first").exists()
    converges(slow(write, host, 0), host)


def test_thrice_while_executing_leaves_at_once(write: Write, host: LabHost) -> None:
    stubborn = "trap '' INT TERM; sleep 33 & wait; sleep 33"
    config = write([host], f'Command(shell="{stubborn}", creates="/srv/first")')
    with started(config, "apply", "--yes") as process:
        until(lambda: processes(host, "^sleep 33"), "the command runs")
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        interrupt(config, process, seconds=2)
    nothing_left(host)
    converges(slow(write, host, 0), host)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.2])
def test_a_killed_controller_leaves_no_process_and_no_torn_file(
    write: Write, host: LabHost, seconds: float
) -> None:
    config = write(
        [host],
        'Directory("/srv/many")',
        'for n in range(300): File(f"/srv/many/{n}", content=f"{n}" * 20_000)',
    )
    with started(config, "apply", "--yes") as process:
        until(host.path("/srv/many").exists, "the run has begun")
        time.sleep(seconds)
        process.kill()
        process.wait()
    nothing_left(host)
    for file in host.path("/srv/many").iterdir():
        assert file.read_text() == file.name * 20_000
    config.run("apply", "--yes")
    assert len(list(host.path("/srv/many").iterdir())) == 300
    assert "nothing to do" in config.run("apply", "--yes").stdout


def test_a_controller_killed_in_a_command_lets_it_end_and_starts_nothing_more(
    write: Write, host: LabHost
) -> None:
    with started(slow(write, host, 2), "apply", "--yes") as process:
        until(lambda: processes(host, "^sleep 2"), "the command runs")
        process.kill()
        process.wait()
    nothing_left(host)
    assert not host.path("/srv/second").exists()
    converges(slow(write, host, 0), host)


def test_a_runner_killed_after_its_last_change_is_tidied_up_by_a_run_without_changes(
    write: Write, host: LabHost
) -> None:
    """Its command goes on alone and ends: nothing is left to do, but the record says it is."""
    config = slow(write, host, 2)
    with started(config, "apply", "--yes") as process:
        until(lambda: processes(host, "^sleep 2"), "the command runs")
        for runner in runners(host):
            runner.kill()
        process.wait(20)
    until(host.path("/srv/first").exists, "the command has ended by itself")
    host.run(["sh", "-c", "printf second > /srv/second"])
    assert "was interrupted" in config.run("apply", "--yes").stdout
    assert "was interrupted" not in config.run("plan").stdout
