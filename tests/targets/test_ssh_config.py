"""What `ssh -G` makes of a configuration, cfgdsl makes of it too."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from cfgdsl.core.errors import TargetError
from cfgdsl.core.host import Host
from cfgdsl.core.secret import Secret
from cfgdsl.targets.destination import Destination, resolve
from cfgdsl.targets.options import Options, Timeouts
from cfgdsl.targets.ssh_config import SshConfig


def found(tmp_path: Path, text: str, host: str) -> dict[str, list[str]]:
    path = tmp_path / "config"
    path.write_text(text)
    return SshConfig.load(path).lookup(host)


def where(tmp_path: Path, text: str, host: Host[object]) -> Destination:
    path = tmp_path / "config"
    path.write_text(text)
    return resolve(host, Options(ssh_config=path))


CONFIGS = {
    "first value wins": "Host web1\n Port 1\nHost *\n Port 2\n User u\n",
    "values before any Host": "Port 7\nHost web2\n Port 8\n",
    "patterns": "Host web? !web1\n Port 1\nHost *eb1\n Port 2\n",
    "equals signs and quotes": 'Host = "web1"\n User="joe"\n Port=3\n',
    "comments": "# Port 1\nHost web1 # not web2\n  Port 4\n",
    "keywords in any case": "HOST web1\n pOrT 5\n",
    "match host after HostName": "Host web1\n HostName 192.0.2.1\nMatch host 192.0.2.*\n Port 6\n",
    "match and negation": "Match originalhost web1 !host web1\n Port 1\nHost *\n Port 2\n",
    "match exec": 'Match exec "test %n = web1"\n Port 9\n',
    "match final": "Match final host web1\n Port 10\nHost web1\n User late\n",
    "match user": "Match user joe\n Port 1\nHost web1\n User joe\nMatch user joe\n Port 2\n",
    "hostname token": "Host web1\n HostName %h.example.com\n",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_it_reads_as_openssh_does(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config"
    path.write_text(CONFIGS[name])
    printed = subprocess.run(
        ["ssh", "-G", "-F", str(path), "web1"], capture_output=True, text=True, check=True
    ).stdout
    theirs = dict(line.split(" ", 1) for line in printed.splitlines() if " " in line)
    ours = resolve(Host("web1"), Options(ssh_config=path))
    assert (ours.address, str(ours.port), ours.user) == (
        theirs["hostname"], theirs["port"], theirs["user"],
    )  # fmt: skip


def test_include_with_patterns_and_within_a_block(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("Host web1\n Port 1\n")
    (tmp_path / "b.conf").write_text("User joe\n")
    text = f"Include {tmp_path}/a.*\nHost web2\n Include {tmp_path}/b.conf\nHost web1\n User ann\n"
    assert found(tmp_path, text, "web1") == {"port": ["1"], "user": ["ann"]}
    assert found(tmp_path, text, "web2") == {"user": ["joe"]}


def test_files_that_include_themselves_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="include one another"):
        found(tmp_path, f"Include {tmp_path}/config\n", "web1")


@pytest.mark.parametrize("text", ["Port\n", 'User "joe\n', "Host web1\n  =\n", "Match host\n"])
def test_a_malformed_line_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(TargetError, match=r"config:\d"):
        found(tmp_path, text, "web1")


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(TargetError, match="others own it or may write it"):
        SshConfig.load(path)


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no such ssh configuration"):
        SshConfig.load(tmp_path / "none")


def test_the_declaration_wins_over_the_configuration(tmp_path: Path) -> None:
    text = "Host *\n HostName other\n Port 1\n User joe\n IdentityFile /k1\n"
    host = Host[Any]("web1", address="192.0.2.1", port=2, user="ann", key="/k2")
    it = where(tmp_path, text, host)
    assert (it.address, it.port, it.user) == ("192.0.2.1", 2, "ann")
    assert it.identities == (Path("/k2"),)
    assert it.identities_only


def test_identity_files_add_up_and_tokens_are_replaced(tmp_path: Path) -> None:
    text = "Host *\n User joe\n IdentityFile ~/.ssh/%h-%r\n IdentityFile /a\n IdentitiesOnly yes\n"
    it = where(tmp_path, text, Host("web1"))
    assert it.identities == (Path.home() / ".ssh/web1-joe", Path("/a"))
    assert it.identities_only


def test_a_password_alone_tries_no_keys(tmp_path: Path) -> None:
    assert where(tmp_path, "", Host("web1", password=Secret.env("P"))).identities == ()
    assert where(tmp_path, "", Host("web1")).identities


def test_whichever_of_proxy_jump_and_proxy_command_is_first_counts(tmp_path: Path) -> None:
    command = "ProxyCommand ssh -W [%h]:%p gate\n"
    it = where(tmp_path, f"Host web1\n {command}Host *\n ProxyJump gate\n", Host("web1"))
    assert it.proxy_command == ("ssh", "-W", "[web1]:22", "gate")
    assert it.via is None
    it = where(tmp_path, f"Host web1\n ProxyJump gate\n {command}", Host("web1"))
    assert (it.via and it.via.address, it.proxy_command) == ("gate", None)


def test_a_token_is_one_word_of_a_proxy_command(tmp_path: Path) -> None:
    it = where(tmp_path, "Host web1\n ProxyCommand relay '%r' \"%h\"\n", Host("web1", user="a;b'"))
    assert it.proxy_command == ("relay", "a;b'", "web1")


def test_jump_hosts_that_lead_in_a_circle_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="lead back"):
        where(tmp_path, "Host *\n ProxyJump gate\n", Host("web1"))
    a = Host[Any]("a", via="b")
    with pytest.raises(TargetError, match="a -> b -> a"):
        where(tmp_path, "Host b\n ProxyJump a\n", a)


@pytest.mark.parametrize("via", ["-oProxyCommand=x", "a b", "user@", "host:port", ""])
def test_a_bad_jump_host_is_refused(tmp_path: Path, via: str) -> None:
    text = "Host *\n User joe\n"
    with pytest.raises(TargetError, match="jump host"):
        where(tmp_path, text, Host("web1", via=via or ","))


def test_a_jump_host_must_be_an_ssh_host(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="not reached over SSH"):
        where(tmp_path, "", Host("web1", via=Host.local()))


def test_time_limits_come_from_the_run_then_the_configuration(tmp_path: Path) -> None:
    text = "Host *\n ConnectTimeout 3\n ServerAliveInterval 7\n"
    it = where(tmp_path, text, Host("web1"))
    assert (it.connect_timeout, it.keepalive) == (3, 7)
    options = Options(ssh_config=tmp_path / "config", timeouts=Timeouts(connect=1))
    assert resolve(Host("web1"), options).connect_timeout == 1
    assert where(tmp_path, "", Host("web1")).connect_timeout == 10


def test_known_hosts_files_and_aliases(tmp_path: Path) -> None:
    text = "Host *\n UserKnownHostsFile /a /b\n GlobalKnownHostsFile none\n HostKeyAlias fleet\n"
    keys = where(tmp_path, text, Host("web1", port=2222)).host_keys
    assert keys.files == (Path("/a"), Path("/b"))
    assert keys.name == "fleet"
    assert where(tmp_path, "", Host("web1", port=2222)).host_keys.name == "[web1]:2222"
