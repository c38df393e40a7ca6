"""Commands: what they get, how they end, and that nothing of them is left."""

import os
import pwd
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfgdsl.runner import loader
from cfgdsl.runner import pool as pool_module
from cfgdsl.runner.accounts import Accounts
from cfgdsl.runner.pool import Pool, Running
from cfgdsl.runner.process import Command

from .conftest import Start, needs_root
from .harness import eventually, processes_with


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(Accounts(), limit=4) as pool:
        yield pool


def finish(pool: Pool, *commands: Command) -> list[Running]:
    ended: list[Running] = []
    for command in commands:
        pool.submit(command, ended.append)
    end = time.monotonic() + 20
    while len(ended) < len(commands):
        pool.pump(1.0)
        assert time.monotonic() < end
    return ended


def sh(script: str, *, tail: bool = False, limit: int = 2**20, **fields: object) -> Command:
    return Command(["sh", "-c", script], tail=tail, limit=limit, **fields)  # type: ignore[arg-type]


def output(pool: Pool, command: Command) -> str:
    [ran] = finish(pool, command)
    assert ran.error is None
    return ran.stdout.text()


def test_stdout_stderr_and_exit_status(pool: Pool) -> None:
    [ran] = finish(pool, sh("echo out; echo err >&2; exit 3"))
    assert (ran.stdout.text(), ran.stderr.text(), ran.exit) == ("out\n", "err\n", 3)


def test_a_command_reads_nothing_unless_given(pool: Pool) -> None:
    assert output(pool, sh("cat")) == ""
    long = "ä" * 300_000
    assert output(pool, sh("cat", stdin=long)) == long


def test_what_a_command_reads_is_on_no_disk(pool: Pool) -> None:
    assert "memfd" in output(pool, sh("readlink /proc/self/fd/0", stdin="secret"))


def test_the_environment_is_small_and_known(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_X", "leak")
    monkeypatch.setenv("LC_ALL", "de_DE")
    monkeypatch.setenv("PATH", "/opt/x/bin")
    lines = output(pool, Command(["/usr/bin/env"], env={"A": "b"})).splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert set(found) == {"PATH", "LANG", "LC_ALL", "HOME", "USER", "LOGNAME", "SHELL", "A"}
    assert found["LC_ALL"] == "C.UTF-8"
    assert found["PATH"].startswith("/opt/x/bin:/usr/local/sbin:")
    assert found["USER"] == pwd.getpwuid(os.geteuid()).pw_name


def test_a_command_starts_as_if_nothing_were_around_it(pool: Pool) -> None:
    report = "umask; pwd; ps -o sid= -p $$ | tr -d ' '; echo $$"
    umask, folder, session, pid = output(pool, sh(report)).split()
    assert umask == "0022"
    assert folder == "/"
    assert session == pid
    ignored = int(output(pool, sh("awk '/SigIgn/ {print $2}' /proc/self/status")), 16)
    # 32 and 33 belong to the C library, which lets nobody set them back: make ignores them.
    assert ignored & 0x7FFFFFFF == 0


def test_what_was_left_open_around_the_runner_is_closed(start: Start) -> None:
    argv = loader.command("f00", python=sys.executable)
    leaky = 'exec 7</etc/passwd 9</etc/group; exec "$@"'
    runner = start(["sh", "-c", leaky, "sh", *argv], marker="f00")
    [answer] = runner.probe({"kind": "run", "argv": ["ls", "/proc/self/fd"]})
    assert answer["stdout"].split() == ["0", "1", "2", "3"]  # the last is what lists them


def test_no_such_program_is_an_error_and_not_an_exit_status(pool: Pool) -> None:
    missing, not_executable, folder = finish(
        pool, Command(["no-such-program"]), Command(["/etc/passwd"]), Command(["true"], cwd="/nope")
    )
    assert (missing.error, missing.exit) == ("no such program: no-such-program", None)
    assert "Permission denied" in str(not_executable.error)
    assert "cannot enter /nope" in str(folder.error)


@needs_root
def test_another_user_is_that_user_in_all(pool: Pool) -> None:
    report = "id -un; id -gn; id -G; echo $HOME $USER; cat /etc/shadow 2>&1"
    user = pwd.getpwnam("nobody")
    name, group, groups, home, shadow = output(pool, sh(report, user="nobody")).splitlines()
    assert name == "nobody"
    assert groups == str(user.pw_gid)
    assert group
    assert home == f"{user.pw_dir} nobody"
    assert "Permission denied" in shadow


def test_who_is_not_root_cannot_become_another(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    [ran] = finish(pool, Command(["true"], user="root"))
    assert ran.error == "only root can run a command as 'root'"


def test_a_timeout_ends_grandchildren_too(pool: Pool) -> None:
    begin = time.monotonic()
    [ran] = finish(pool, sh("sleep 4712.1 & sleep 4712.2; true", timeout=0.3))
    assert ran.error == "timed out after 0.3 s"
    assert time.monotonic() - begin < 3
    assert eventually(lambda: not processes_with("4712."))


def test_who_ignores_the_polite_signal_is_killed(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "GRACE", 0.3)
    stubborn = "trap '' TERM; (trap '' TERM; sleep 4713.1) & sleep 4713.2; sleep 4713.3"
    [ran] = finish(pool, sh(stubborn, timeout=0.2))
    assert ran.exit == -9
    assert eventually(lambda: not processes_with("4713."))


def test_process_groups_made_by_job_control_end_too(pool: Pool) -> None:
    [ran] = finish(pool, sh("set -m; sleep 4714.1 & sleep 4714.2 & wait", timeout=0.3))
    assert ran.error is not None
    assert eventually(lambda: not processes_with("4714."))


def test_a_daemon_that_keeps_the_pipes_open_is_not_waited_for(pool: Pool) -> None:
    begin = time.monotonic()
    [ran] = finish(pool, sh("(trap '' HUP; exec sleep 4715.1) & echo started"))
    assert (ran.exit, ran.stdout.text()) == (0, "started\n")
    assert time.monotonic() - begin < 2
    assert eventually(lambda: len(processes_with("4715.1")) == 1)  # exec shows with a delay
    os.kill(processes_with("4715.1")[0], 9)


def test_gigabytes_of_output_are_bounded_and_block_nothing(pool: Pool) -> None:
    flood = "head -c 1000000000 /dev/zero; echo end; echo err >&2"
    [ran] = finish(pool, sh(flood, tail=True, limit=8192))
    assert ran.stdout.cut
    assert len(ran.stdout.text()) == 8192
    assert ran.stdout.text().endswith("end\n")
    assert ran.stderr.text() == "err\n"
    memory = Path("/proc/self/statm").read_text(encoding="ascii")
    assert int(memory.split()[1]) * 4096 < 500 * 2**20


def test_the_first_bytes_are_kept_without_tail(pool: Pool) -> None:
    [ran] = finish(pool, sh("echo begin; head -c 100000 /dev/zero", limit=100))
    assert ran.stdout.text().startswith("begin\n")
    assert len(ran.stdout.text()) == 100


def test_no_more_commands_than_allowed_run_at_once(pool: Pool, tmp_path: Path) -> None:
    script = f"mkdir {tmp_path}/$$; ls {tmp_path} | wc -l; sleep 0.1; rmdir {tmp_path}/$$"
    ran = finish(pool, *(sh(script) for _ in range(12)))
    assert max(int(r.stdout.text()) for r in ran) <= 4


def test_urgent_commands_do_not_wait_for_others(pool: Pool) -> None:
    ended: list[Running] = []
    for _ in range(6):
        pool.submit(sh("sleep 1"), ended.append)
    pool.submit(sh("true", urgent=True), ended.append)
    while not ended:
        pool.pump(1.0)
    assert ended[0].command.urgent


def test_the_end_of_the_pool_is_the_end_of_its_commands() -> None:
    ended: list[Running] = []
    with Pool(Accounts(), limit=2) as pool:
        for _ in range(4):
            pool.submit(sh("trap '' TERM; sleep 4716.1; sleep 4716.2"), ended.append)
        pool.pump(0.1)
    assert len(ended) == 4
    assert all(ran.error == "the runner ended" for ran in ended)
    assert eventually(lambda: not processes_with("4716."))


def test_descriptors_do_not_pile_up() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with Pool(Accounts()) as pool:
            finish(pool, sh("true"), Command(["no-such-program"]), sh("cat", stdin="x"))
            finish(pool, Command(["true"], cwd="/nope"))
    assert len(os.listdir("/proc/self/fd")) == before
