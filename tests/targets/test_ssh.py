"""SSH against a real sshd: whom we trust, how we log in, and what a failure says."""

import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfgdsl.core.errors import ConnectionLost, Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Connector
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options, Timeouts
from cfgdsl.targets.plain import run_plain
from cfgdsl.targets.session import Session
from tests.targets.conftest import ADDRESS, Sshd, free_port, keygen, public, quoted

Start = Callable[..., Sshd]


def output(connector: Connector, argv: Sequence[str]) -> bytes:
    channel = connector.open(argv)
    data = b""
    while piece := channel.read(65536, 10):
        data += piece
    channel.close()
    return data


def says(host: Host[object], options: Options, *argv: str) -> str:
    connector = connector_for(host, options)
    try:
        return output(connector, argv or ("echo", "hello")).decode()
    finally:
        connector.close()


def refusal(host: Host[object], options: Options) -> Diagnostic:
    with pytest.raises(TargetError) as error:
        says(host, options)
    (problem,) = error.value
    assert problem.address == host.name
    return problem


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


def test_an_unknown_host_key_is_refused_with_the_command_that_adds_it(sshd: Sshd) -> None:
    options = sshd.options()
    sshd.known_hosts.write_text("")
    problem = refusal(sshd.host(), options)
    fingerprint = subprocess.check_output(["ssh-keygen", "-lf", str(sshd.host_key)], text=True)
    assert fingerprint.split()[1] in problem.detail
    # As a user would: copy the command, run it, try again.
    command = problem.hint.partition("then: ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    assert says(sshd.host(), options) == "hello\n"


def test_a_changed_host_key_is_refused_with_both_fingerprints(sshd: Sshd, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other")
    sshd.known_hosts.write_text(f"\n[{ADDRESS}]:{sshd.port} {public(other)}\n")
    options = sshd.options(accept_new_host_keys=True)
    problem = refusal(sshd.host(), options)
    for key in (sshd.host_key, other):
        known = subprocess.check_output(["ssh-keygen", "-lf", str(key)], text=True)
        assert known.split()[1] in problem.detail
    assert f"{sshd.known_hosts}:2" in problem.detail
    command = problem.hint.partition(": ")[2]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    assert says(sshd.host(), options) == "hello\n"
    sshd.known_hosts.write_text(sshd.line)


@pytest.mark.parametrize("hashed", [True, False])
def test_a_new_key_is_accepted_only_when_the_run_says_so(
    sshd: Sshd, tmp_path: Path, hashed: bool
) -> None:
    known = tmp_path / "new" / "known_hosts"
    text = f"Host *\nUserKnownHostsFile {known}\nStrictHostKeyChecking no\n"
    text += "HashKnownHosts yes\n" if hashed else ""
    assert "is not known" in refusal(sshd.host(), sshd.options(text)).summary
    assert not known.exists()
    connector = connector_for(sshd.host(), sshd.options(text, accept_new_host_keys=True))
    connector.open(["true"]).close()
    connector.close()
    assert "SHA256:" in connector.notices[0]
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    assert known.read_text().startswith("|1|") is hashed
    assert says(sshd.host(), sshd.options(text)) == "hello\n"


def test_a_revoked_key_is_refused_even_when_it_is_known(sshd: Sshd) -> None:
    sshd.known_hosts.write_text(f"{sshd.line}@revoked * {public(sshd.host_key)}\n")
    assert "is revoked" in refusal(sshd.host(), sshd.options()).summary
    sshd.known_hosts.write_text(sshd.line)


def test_the_known_type_of_host_key_is_asked_for_first(start_sshd: Start, tmp_path: Path) -> None:
    rsa = keygen(tmp_path / "rsa", kind="rsa")
    sshd = start_sshd(f"HostKey {rsa}")
    sshd.known_hosts.write_text(f"[{ADDRESS}]:{sshd.port} {public(rsa)}\n")
    assert says(sshd.host(), sshd.options()) == "hello\n"


def test_jump_hosts_in_a_chain_each_verified(start_sshd: Start) -> None:
    first, second, last = start_sshd(), start_sshd(), start_sshd()
    last.known_hosts.write_text(first.line + second.line + last.line)
    for sshd in (first, second):
        (sshd.folder / "authorized_keys").write_text(public(last.user_key))
    host = last.host(via=second.host("jump2", via=first.host("jump1")))
    assert says(host, last.options()) == "hello\n"
    assert all("Connection from" in sshd.log for sshd in (first, second, last))
    last.known_hosts.write_text(first.line + last.line)
    assert str(second.port) in refusal(host, last.options()).summary


def test_proxy_jump_of_the_configuration_may_be_nested(start_sshd: Start) -> None:
    first, second, last = start_sshd(), start_sshd(), start_sshd()
    last.known_hosts.write_text(first.line + second.line + last.line)
    for sshd in (first, second):
        (sshd.folder / "authorized_keys").write_text(public(last.user_key))
    text = f"""
        Host web1
          ProxyJump middle
        Host middle
          HostName {ADDRESS}
          Port {second.port}
          ProxyJump {ADDRESS}:{first.port}
    """
    assert says(last.host(), last.options(text)) == "hello\n"
    assert all("Connection from" in sshd.log for sshd in (first, second, last))
    assert says(last.host(via="none"), last.options(text)) == "hello\n"
    assert second.log.count("Connection from") == 1
    listed = f"{ADDRESS}:{first.port},{ADDRESS}:{second.port}"
    assert says(last.host(via=listed), last.options()) == "hello\n"


def test_a_jump_host_that_forbids_forwarding_says_so(start_sshd: Start) -> None:
    jump, last = start_sshd("AllowTcpForwarding no"), start_sshd()
    last.known_hosts.write_text(jump.line + last.line)
    (jump.folder / "authorized_keys").write_text(public(last.user_key))
    problem = refusal(last.host(via=jump.host("jump")), last.options())
    assert "does not forward" in problem.summary


def test_proxy_command_runs_without_a_shell_and_leaves_no_process(sshd: Sshd) -> None:
    relay = sshd.folder / "relay.py"
    relay.write_text(
        "import os,socket,sys,threading\n"
        "s=socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    s.shutdown(1)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    text = f"Host web1\n ProxyCommand exec python3 {relay} %h %p\n"
    assert says(sshd.host(), sshd.options(text)) == "hello\n"
    listing = subprocess.check_output(["ps", "-eo", "args"], text=True)
    assert str(relay) not in listing


def test_a_proxy_command_that_needs_a_shell_is_refused_with_the_way_out(sshd: Sshd) -> None:
    problem = refusal(sshd.host(), sshd.options("Host *\n ProxyCommand nc %h %p 2>/dev/null\n"))
    assert "needs a shell" in problem.summary
    assert "sh -c" in problem.hint


def test_what_a_failing_proxy_command_says_is_shown(sshd: Sshd) -> None:
    text = "Host *\n ProxyCommand sh -c 'echo no route to %h >&2; exit 1'\n"
    assert "no route to 127.88.0.1" in refusal(sshd.host(), sshd.options(text)).detail


def test_a_proxy_command_that_does_not_exist_is_named(sshd: Sshd) -> None:
    problem = refusal(sshd.host(), sshd.options("Host *\n ProxyCommand /no/such %h\n"))
    assert "/no/such" in problem.summary


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_every_kind_of_key_logs_in(sshd: Sshd, tmp_path: Path, kind: str) -> None:
    key = keygen(tmp_path / "key", kind=kind)
    authorize(sshd, key)
    assert says(sshd.host(key=str(key)), sshd.options()) == "hello\n"


def authorize(sshd: Sshd, key: Path) -> None:
    with (sshd.folder / "authorized_keys").open("a") as file:
        file.write(public(key) + "\n")


def test_an_encrypted_key_is_asked_for_once_per_run(sshd: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", passphrase="open sesame")
    authorize(sshd, key)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "wrong" if len(asked) == 1 else "open sesame"

    options = sshd.options(ask=ask)
    for name in ("web1", "web2"):
        assert says(sshd.host(name, key=str(key)), options) == "hello\n"
    assert len(asked) == 2
    assert str(key) in asked[0]


def test_an_encrypted_key_that_nobody_can_be_asked_for_is_told(sshd: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", passphrase="open sesame")
    problem = refusal(sshd.host(key=str(key)), sshd.options())
    assert "no passphrase" in problem.detail


def test_the_agent_signs_for_an_encrypted_key_without_a_prompt(
    sshd: Sshd, tmp_path: Path, agent: Callable[[Path], str]
) -> None:
    key = keygen(tmp_path / "key")
    authorize(sshd, key)
    path = agent(key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True)
    key.with_name("key.pub").unlink()
    text = f"Host *\n IdentityAgent {path}\n"
    assert says(sshd.host(key=str(key)), sshd.options(text)) == "hello\n"


def test_identities_only_keeps_other_keys_of_the_agent_unused(
    sshd: Sshd, tmp_path: Path, agent: Callable[[Path], str]
) -> None:
    key = keygen(tmp_path / "key")
    authorize(sshd, key)
    wrong = keygen(tmp_path / "wrong")
    text = f"Host *\n IdentityAgent {agent(key)}\n"
    assert says(sshd.host(), sshd.options(text)) == "hello\n"
    text += f" IdentitiesOnly yes\nMatch all\n IdentityFile {wrong}\n"
    path = sshd.config(text)
    path.write_text(path.read_text().replace(f"IdentityFile {sshd.user_key}", ""))
    problem = refusal(sshd.host(), Options(ssh_config=path, retries=0))
    assert str(wrong) in problem.detail
    assert "(agent)" not in problem.detail


def test_a_refused_login_names_the_keys_that_were_tried(sshd: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "stranger")
    problem = refusal(sshd.host(key=str(key)), sshd.options())
    assert "cannot log in" in problem.summary
    assert str(key) in problem.detail
    assert "publickey" not in problem.summary


def test_a_key_that_does_not_exist_is_told(sshd: Sshd) -> None:
    assert "no such file" in refusal(sshd.host(key="/no/such/key"), sshd.options()).detail


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
