"""Logins and privilege on real Debian hosts: PAM, sudo, su, doas, noisy shells."""

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from cfgdsl.core.errors import TargetError
from cfgdsl.core.host import Become, Host
from cfgdsl.core.secret import Secret
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options, Timeouts
from cfgdsl.targets.plain import run_plain
from cfgdsl.targets.session import Session
from tests.lab import OPS_PASSWORD, Lab, LabHost

pytestmark = pytest.mark.lab

ROOT_PASSWORD = "quite another one"
PASSWORDS = {
    Secret.env("OPS"): OPS_PASSWORD,
    Secret.env("ROOT"): ROOT_PASSWORD,
    Secret.env("WRONG"): "not it at all",
}
OPS, ROOT, WRONG = PASSWORDS
ROOTS_FILE = [{"kind": "stat", "path": "/root/.ssh/authorized_keys"}]


@pytest.fixture(scope="module")
def lab_host(lab: Lab) -> LabHost:
    (found,) = lab.hosts(1)
    found.run(["chpasswd"], stdin=f"root:{ROOT_PASSWORD}\n")
    if Path("/usr/bin/doas").exists():
        for name in ("/usr/bin/doas", "/etc/pam.d/doas"):
            shutil.copy(name, found.path(name))
        found.path("/usr/bin/doas").chmod(0o4755)
        found.path("/etc/doas.conf").write_text("permit ops\npermit nopass :nopass\n")
    return found


def reach(lab_host: LabHost, user: str, **fields: Any) -> Host[Any]:
    return Host(lab_host.name, user=user, **fields)


def options(lab_host: LabHost, **fields: Any) -> Options:
    return Options(ssh_config=lab_host.ssh_config, reveal=PASSWORDS.__getitem__, **fields)


ALLOWED = {
    "sudo without a password": ("nopass", Become(method="sudo")),
    "sudo with a password that it does not want": ("nopass", Become(method="sudo", password=OPS)),
    "sudo with a password": ("ops", Become(method="sudo", password=OPS)),
    "su": ("ops", Become(method="su", password=ROOT)),
    "su as root": ("root", Become(method="su")),
    "doas without a password": ("nopass", Become(method="doas")),
    "doas with a password that it does not want": ("nopass", Become(method="doas", password=OPS)),
    "doas with a password": ("ops", Become(method="doas", password=OPS)),
}
REFUSED = {
    "sudo, wrong": (Become(method="sudo", password=WRONG), "sudo refused the password"),
    "sudo, none": (Become(method="sudo"), "sudo wants a password"),
    "su, wrong": (Become(method="su", password=WRONG), "su refused the password"),
    "su, none": (Become(method="su"), "su wants a password"),
    "doas, wrong": (Become(method="doas", password=WRONG), "doas refused the password"),
    "doas, none": (Become(method="doas"), "doas wants a password"),
    "sudo, no such user": (Become(method="sudo", user="nobody9", password=OPS), "sudo"),
}


def needs_doas(name: str) -> None:
    if name.startswith("doas") and not Path("/usr/bin/doas").exists():
        pytest.skip("doas is not installed here to be copied (apt-get install opendoas)")


@pytest.mark.parametrize("name", ALLOWED)
def test_the_runner_gets_the_rights(lab_host: LabHost, name: str) -> None:
    needs_doas(name)
    user, become = ALLOWED[name]
    with Session.open(reach(lab_host, user, become=become), options(lab_host)) as talk:
        assert talk.basics["user"] == "root"
        assert talk.probe(ROOTS_FILE)[0]["kind"] == "file"


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_a_clear_error_and_no_hang(lab_host: LabHost, name: str) -> None:
    needs_doas(name)
    become, told = REFUSED[name]
    started = time.monotonic()
    with pytest.raises(TargetError, match=told):
        Session.open(reach(lab_host, "ops", become=become), options(lab_host))
    assert time.monotonic() - started < 10


def test_a_user_that_sudo_does_not_know_is_told(lab_host: LabHost) -> None:
    become = Become(method="su", user="nopass", password=ROOT)
    with pytest.raises(TargetError, match="su refused the password"):
        Session.open(reach(lab_host, "ops", become=become), options(lab_host))


def test_the_rights_of_another_user_than_root(lab_host: LabHost) -> None:
    become = Become(method="sudo", user="nopass", password=OPS)
    with Session.open(reach(lab_host, "ops", become=become), options(lab_host)) as talk:
        assert talk.basics["user"] == "nopass"


@pytest.mark.parametrize("name", ["sudo with a password", "su", "doas with a password"])
def test_no_process_list_and_no_environment_shows_a_password(lab_host: LabHost, name: str) -> None:
    needs_doas(name)
    user, become = ALLOWED[name]
    seen: set[bytes] = set()
    done = threading.Event()

    def sample() -> None:
        while not done.is_set():
            numbers = (name for name in os.listdir("/proc") if name.isdigit())
            for file in (f"/proc/{n}/{what}" for n in numbers for what in ("cmdline", "environ")):
                with contextlib.suppress(OSError):
                    seen.add(Path(file).read_bytes())

    sampler = threading.Thread(target=sample)
    sampler.start()
    with Session.open(reach(lab_host, user, become=become), options(lab_host)) as talk:
        talk.probe([{"kind": "run", "argv": ["sleep", "0.3"]}])
    done.set()
    sampler.join()
    assert any(become.method.encode() in text for text in seen)
    for password in PASSWORDS.values():
        assert not any(password.encode() in text for text in seen)
    journal = lab_host.run(["journalctl", "--no-pager"]).stdout
    assert not any(password in journal for password in PASSWORDS.values())


def by_password(lab_host: LabHost, folder: Path) -> Options:
    """Options whose ssh configuration names no key."""
    lines = lab_host.ssh_config.read_text().splitlines()
    config = folder / "config"
    config.write_text("\n".join(line for line in lines if "IdentityFile" not in line))
    return attrs.evolve(options(lab_host), ssh_config=config)


def test_a_login_by_password(lab_host: LabHost, tmp_path: Path) -> None:
    config = by_password(lab_host, tmp_path)
    with Session.open(reach(lab_host, "ops", password=OPS), config) as talk:
        assert talk.basics["user"] == "ops"
    with pytest.raises(TargetError, match="cannot log in") as error:
        Session.open(reach(lab_host, "ops", password=WRONG), config)
    assert "Secret.env('WRONG')" in str(error.value)
    assert PASSWORDS[WRONG] not in str(error.value)


def test_a_login_by_keyboard_interactive(lab_host: LabHost, tmp_path: Path) -> None:
    setting = lab_host.path("/etc/ssh/sshd_config.d/00-test.conf")
    setting.write_text("PasswordAuthentication no\nKbdInteractiveAuthentication yes\n")
    lab_host.run(["systemctl", "reload", "ssh"])
    try:
        config = by_password(lab_host, tmp_path)
        with Session.open(reach(lab_host, "ops", password=OPS), config) as talk:
            assert talk.basics["user"] == "ops"
    finally:
        setting.unlink()
        lab_host.run(["systemctl", "reload", "ssh"])


def test_a_noisy_bashrc_is_no_obstacle(lab_host: LabHost) -> None:
    bashrc = lab_host.path("/home/ops/.bashrc")
    before = bashrc.read_text()
    bashrc.write_text('echo "Welcome: "; echo -n "Password: " >&2; printf "no newline"\n' + before)
    try:
        host = reach(lab_host, "ops", become=Become(password=OPS))
        with Session.open(host, options(lab_host)) as talk:
            assert talk.basics["user"] == "root"
    finally:
        bashrc.write_text(before)


def test_one_connection_and_one_channel_with_privilege(lab_host: LabHost) -> None:
    before = lab_host.connections(), lab_host.sessions()
    host = reach(lab_host, "ops", become=Become(password=OPS))
    with Session.open(host, options(lab_host)) as talk:
        talk.facts()
        talk.probe([{"kind": "stat", "path": f"/etc/{n}"} for n in range(1000)])
    assert max(talk.traffic.messages) <= 6
    assert (lab_host.connections(), lab_host.sessions()) == (before[0] + 1, before[1] + 1)


def test_no_process_is_left_behind(lab_host: LabHost) -> None:
    host = reach(lab_host, "ops", become=Become(password=OPS))
    talk = Session.open(host, options(lab_host))
    talk.close()
    processes = lab_host.run(["ps", "-eo", "user,args"]).stdout.splitlines()
    assert not [line for line in processes if "sudo" in line or "sys.argv" in line]


def test_a_plain_command_with_privilege(lab_host: LabHost) -> None:
    host = reach(lab_host, "ops", become=Become(password=OPS))
    connector = connector_for(host, options(lab_host))
    done = run_plain(connector, host, ["id", "-un"], options(lab_host))
    assert (done.exit, done.stdout) == (0, "root\n")
    connector.close()


def test_a_host_without_python_is_told(lab: Lab, lab_host: LabHost) -> None:
    lab_host.hide_python()
    try:
        with pytest.raises(TargetError, match="no python") as error:
            Session.open(reach(lab_host, "root"), options(lab_host))
        assert "bootstrap" in str(error.value)
    finally:
        for program in lab_host.path("/usr/lib/cfgdsl-lab-hidden").iterdir():
            program.rename(lab_host.path(f"/usr/bin/{program.name}"))


def test_a_time_limit_for_the_start_holds(lab_host: LabHost) -> None:
    bashrc = lab_host.path("/home/nopass/.bashrc")
    before = bashrc.read_text()
    bashrc.write_text("sleep 60\n")
    try:
        with pytest.raises(TargetError, match="the runner did not start"):
            Session.open(reach(lab_host, "nopass"), options(lab_host, timeouts=Timeouts(start=0.5)))
    finally:
        bashrc.write_text(before)
