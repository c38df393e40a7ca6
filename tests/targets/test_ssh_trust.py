"""SSH against a real sshd: whose key is trusted, and through whom it is reached."""

import stat
import subprocess
from pathlib import Path

import pytest

from cfgdsl.targets.connect import connector_for
from tests.targets.clients import Start, refusal, says
from tests.targets.conftest import ADDRESS, Sshd, keygen, public


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
