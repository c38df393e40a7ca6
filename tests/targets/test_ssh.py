"""SSH against a real sshd: conversations, arguments, and what goes wrong on the way."""

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfgdsl.core.errors import ConnectionLost, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Connector
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options, Timeouts
from cfgdsl.targets.plain import run_plain
from cfgdsl.targets.session import Session
from tests.targets.clients import Start, output, refusal, says
from tests.targets.conftest import ADDRESS, Sshd, free_port, quoted


def test_one_connection_and_one_channel_for_a_whole_conversation(start_sshd: Start) -> None:
    sshd = start_sshd()
    with Session.open(sshd.host(), sshd.options()) as talk:
        stats = [{"kind": "stat", "path": f"/etc/{n}"} for n in range(1000)]
        assert talk.probe([{"kind": "stat", "path": "/"}])[0]["kind"] == "dir"
        assert talk.probe(stats) == [None] * 1000
        assert talk.facts()
    sshd.wait_for_log("Closing connection")
    assert sshd.log.count("Connection from") == 1
    assert sshd.log.count("Starting session") == 1
    assert max(talk.traffic.messages) <= 6


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_argument_arrives_unchanged(shared: Connector, words: list[str]) -> None:
    expected = "".join(f"{word}\0" for word in ["-", *words]).encode()
    assert output(shared, ["printf", "%s\\0", "-", *words]) == expected


@pytest.fixture(scope="module")
def shared(sshd: Sshd) -> object:
    connector = connector_for(sshd.host(), sshd.options())
    yield connector
    connector.close()


def test_shell_characters_start_nothing(shared: Connector, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    words = [f"{mark}touch {canary}{mark}" for mark in ("`", ";", "\n", "|", "&", "'", '"')]
    words += [f"$(touch {canary})", f"-oProxyCommand=touch {canary}", "\udcff\udc80", "\u2028"]
    expected = b"".join(os.fsencode(word) + b"\0" for word in words)
    assert output(shared, ["printf", "%s\\0", *words]) == expected
    assert not canary.exists()


def test_a_nul_is_refused(shared: Connector) -> None:
    with pytest.raises(TargetError, match="NUL"):
        shared.open(["echo", "a\0b"])


def test_a_refused_connection_is_tried_again_then_told(sshd: Sshd) -> None:
    started = time.monotonic()
    problem = refusal(sshd.host(port=free_port()), sshd.options(retries=1))
    assert "refused" in problem.summary
    assert "2 attempts" in problem.detail
    assert time.monotonic() - started < 3


def test_a_host_that_never_speaks_is_given_up(sshd: Sshd) -> None:
    with socket.create_server((ADDRESS, 0)) as silent:
        options = sshd.options(timeouts=Timeouts(connect=0.3))
        problem = refusal(sshd.host(port=silent.getsockname()[1]), options)
    assert "no SSH handshake" in problem.summary


def test_a_server_that_is_no_sshd_is_told(sshd: Sshd) -> None:
    def serve() -> None:
        connection, _ = web.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server((ADDRESS, 0)) as web:
        thread = threading.Thread(target=serve)
        thread.start()
        problem = refusal(sshd.host(port=web.getsockname()[1]), sshd.options())
        thread.join()
    assert "no SSH handshake" in problem.summary


def test_a_name_that_does_not_exist_is_told(sshd: Sshd) -> None:
    problem = refusal(sshd.host(address="no-such-host.invalid"), sshd.options())
    assert "no-such-host.invalid" in problem.summary


def test_the_configuration_names_host_port_and_user(sshd: Sshd) -> None:
    text = f"Host web9\n HostName {ADDRESS}\n Port {sshd.port}\n User nobody-here\n"
    assert "nobody-here" in refusal(Host("web9"), sshd.options(text)).summary


def test_an_option_like_name_from_the_configuration_is_refused(sshd: Sshd) -> None:
    problem = refusal(Host("web9"), sshd.options("Host web9\n HostName -oProxyCommand=x\n"))
    assert "bad address" in problem.summary


def test_a_noisy_shell_is_no_obstacle(start_sshd: Start) -> None:
    command = 'ForceCommand echo Welcome; echo to stderr >&2; sh -c "$SSH_ORIGINAL_COMMAND"'
    sshd = start_sshd(command)
    with Session.open(sshd.host(), sshd.options()) as talk:
        assert talk.probe([{"kind": "stat", "path": "/"}])[0]["kind"] == "dir"


def test_a_shell_that_refuses_is_shown(start_sshd: Start) -> None:
    sshd = start_sshd("ForceCommand echo This account is closed.; exit 3")
    with pytest.raises(TargetError, match="This account is closed") as error:
        Session.open(sshd.host(), sshd.options())
    assert "exit status 3" in str(error.value)


def test_a_host_that_allows_no_session_says_so(start_sshd: Start) -> None:
    sshd = start_sshd("MaxSessions 0")
    assert "not run a command" in refusal(sshd.host(), sshd.options()).summary


def test_a_connection_that_is_killed_midway_is_lost_at_once(start_sshd: Start) -> None:
    sshd = start_sshd()
    talk = Session.open(sshd.host(), sshd.options())
    children = subprocess.check_output(
        ["ps", "-o", "pid=", "--ppid", str(sshd.process.pid)], text=True
    )
    for child in children.split():
        os.kill(int(child), 9)
    started = time.monotonic()
    with pytest.raises(ConnectionLost) as error:
        talk.probe([{"kind": "run", "argv": ["sleep", "10"]}])
    assert time.monotonic() - started < 5
    assert "web1" in str(error.value)
    talk.close()


def test_a_silent_host_is_noticed_by_keepalive(start_sshd: Start) -> None:
    sshd = start_sshd()
    talk = Session.open(sshd.host(), sshd.options(keepalive=0.3))
    children = subprocess.check_output(
        ["ps", "-o", "pid=", "--ppid", str(sshd.process.pid)], text=True
    ).split()
    for child in children:
        os.kill(int(child), 19)
    try:
        with pytest.raises(ConnectionLost, match=r"no answer any more|was closed"):
            talk.probe([{"kind": "run", "argv": ["sleep", "10"]}])
    finally:
        for child in children:
            os.kill(int(child), 9)
        talk.close()


def test_keepalive_leaves_a_busy_host_alone(sshd: Sshd) -> None:
    with Session.open(sshd.host(), sshd.options(keepalive=0.2)) as talk:
        answer = talk.probe([{"kind": "run", "argv": ["sh", "-c", "sleep 3; echo there"]}])
    assert answer[0]["stdout"] == "there\n"


def test_stderr_without_end_stops_nothing(sshd: Sshd) -> None:
    connector = connector_for(sshd.host(), sshd.options())
    script = "head -c 5000000 /dev/zero | tr '\\0' x >&2; echo done; echo last words >&2"
    channel = connector.open(["sh", "-c", script])
    assert channel.read(100, 20) == b"done\n"
    assert channel.exit_status(5) == 0
    assert channel.diagnostics().endswith("last words\n")
    assert len(channel.diagnostics()) <= 8192
    channel.close()
    connector.close()


def test_a_plain_command_tells_its_exit_status_and_output(sshd: Sshd) -> None:
    options = sshd.options()
    connector = connector_for(sshd.host(), options)
    script = quoted("sh", "-c", "cat; echo out; echo err >&2; exit 7")
    done = run_plain(connector, sshd.host(), ["sh", "-c", script], options)
    assert (done.exit, done.stdout, done.stderr) == (7, "out\n", "err\n")
    with pytest.raises(TargetError, match="took longer"):
        run_plain(connector, sshd.host(), ["sleep", "30"], options, timeout=0.2)
    connector.close()


def test_the_system_ssh_is_a_command_prefix_too(sshd: Sshd) -> None:
    prefix = ["ssh", "-F", str(sshd.config()), "-p", str(sshd.port), ADDRESS]
    host = sshd.host(address=None, port=None, exec=prefix)
    assert says(host, Options(), "printf", "%s|", "it's", "$(id)", "a\nb") == "it's|$(id)|a\nb|"
    with Session.open(host, Options()) as talk:
        assert talk.basics
