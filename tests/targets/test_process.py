"""Local programs and command prefixes."""

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgdsl.core.errors import ConnectionLost, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options
from cfgdsl.targets.process import ExecConnector, LocalConnector, ProcessChannel
from cfgdsl.targets.session import Session
from tests.targets.fakes import host

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def everything(channel: ProcessChannel) -> bytes:
    data = b""
    while piece := channel.read(65536, 10):
        data += piece
    channel.close()
    return data


PREFIXES = {
    "a program that takes argv": ["env"],
    "a shell that takes a string": ["sh", "-c", 'eval "$*"', "like-ssh"],
    "a wrapper": ["nice", "-n", "1", "env", "A=b"],
}


@pytest.mark.parametrize("name", PREFIXES)
def test_arguments_survive_every_kind_of_prefix(name: str) -> None:
    words = ["it's", '"', "$HOME", "$(id)", "`id`", "a\nb", " ", "", "*", "\\", "-n", "é\u2028"]
    channel = ExecConnector("web", PREFIXES[name]).open(["printf", "%s\\0", *words])
    assert everything(channel) == "".join(f"{w}\0" for w in words).encode()


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXT))
def test_any_argument_arrives_unchanged(words: list[str]) -> None:
    channel = ExecConnector("web", ["env"]).open(["printf", "%s\\0", "-", *words])
    assert everything(channel) == "".join(f"{w}\0" for w in ["-", *words]).encode()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_shell_that_reads_ahead_takes_nothing_of_the_conversation(
    shell: str, tmp_path: Path
) -> None:
    (tmp_path / "sh").symlink_to(f"/bin/{shell}")
    prefix = ["env", f"PATH={tmp_path}:{os.environ['PATH']}"]
    with Session.open(host(exec=prefix), Options()) as talk:
        assert talk.probe([{"kind": "stat", "path": "/"}])[0]["kind"] == "dir"


def test_a_session_with_this_machine(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with Session.open(Host.local(str(tmp_path)), Options()) as talk:
        answers = talk.probe([{"kind": "stat", "path": "/file"}, {"kind": "stat", "path": "/none"}])
    assert [answer and answer["kind"] for answer in answers] == ["file", None]


def test_a_prefix_that_does_not_exist_is_named() -> None:
    with pytest.raises(TargetError, match="/no/such/docker"):
        connector_for(host(exec=["/no/such/docker", "exec"]), Options()).open(["true"])


def test_a_prefix_that_fails_shows_its_words() -> None:
    failing = host(exec=["sh", "-c", "echo No such container: web >&2; exit 1"])
    with pytest.raises(TargetError, match="No such container: web"):
        Session.open(failing, Options())


def test_a_become_tool_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    bare = host(exec=["env", f"PATH={tmp_path}"], become="doas")
    with pytest.raises(TargetError, match="no doas on the host"):
        Session.open(bare, Options())


def test_stderr_and_stdout_without_end_stop_nothing() -> None:
    script = "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; echo last words >&2"
    channel = LocalConnector("local").open(["sh", "-c", script])
    time.sleep(0.1)
    total = 0
    while data := channel.read(65536, 10):
        total += len(data)
    assert total == 3_000_000
    assert channel.diagnostics().endswith("last words\n")
    channel.close()


def test_writing_to_a_program_that_writes_stderr_first_does_not_deadlock() -> None:
    script = "head -c 3000000 /dev/zero >&2; wc -c"
    channel = LocalConnector("local").open(["sh", "-c", script])
    channel.write(b"x" * 3_000_000)
    channel.end_input()
    assert everything(channel).strip() == b"3000000"


def test_a_program_that_reads_no_more_is_a_lost_connection() -> None:
    channel = LocalConnector("local").open(["sh", "-c", "exec 0<&-; sleep 0.2; echo bye >&2"])
    time.sleep(0.3)
    with pytest.raises(ConnectionLost, match="bye"):
        channel.write(b"x" * 1_000_000)
    channel.close()


def test_a_program_that_takes_nothing_is_given_up() -> None:
    channel = ProcessChannel(["sleep", "60"], "local", stall=0.2)
    with pytest.raises(ConnectionLost, match="taken nothing"):
        channel.write(b"x" * 1_000_000)
    os.killpg(channel._process.pid, 9)
    channel.close()


def test_closing_ends_a_program_that_ignores_it_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cfgdsl.targets.process._GRACE", 0.2)
    script = "trap '' TERM; sleep 4711 & echo $!; wait; wait"
    channel = LocalConnector("local").open(["sh", "-c", script])
    child = channel.read(100, 5).decode().strip()
    channel.close()
    command = ["ps", "-o", "stat=", "-p", child]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    assert listing.stdout.strip()[:1] in ("", "Z")


def test_reading_times_out() -> None:
    channel = LocalConnector("local").open(["sleep", "60"])
    with pytest.raises(TimeoutError):
        channel.read(1, 0.05)
    os.killpg(channel._process.pid, 9)
    channel.close()


def test_many_sessions_at_once() -> None:
    results: list[object] = []

    def one() -> None:
        with Session.open(Host.local(), Options()) as talk:
            results.append(talk.probe([{"kind": "stat", "path": "/"}])[0]["kind"])

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["dir"] * 10
