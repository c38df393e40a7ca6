"""Who is talked to, and with which rights (S2, S14), on real hosts."""

import pytest

from tests.badinput.workspace import Code, Workspace, reach, refused, ssh_config
from tests.lab import OPS_PASSWORD, Lab, LabHost

pytestmark = pytest.mark.lab
ROOTS = 'File("/root/by-cfgdsl", content="x", mode=0o600)\nFile("/etc/by-cfgdsl", content="y")'


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


def test_a_host_with_another_key_is_not_talked_to(host: LabHost, work: Workspace) -> None:
    """S2: no channel is opened, whatever is accepted; the new key is recorded nowhere."""
    other = (host.key.parent / f"{host.key.name}.pub").read_text().split()[:2]
    known = work.folder / "known_hosts"
    lines = host.known_hosts.read_text().splitlines()
    known.write_text("".join(f"{line.split()[0]} {' '.join(other)}\n" for line in lines))
    before, recorded = host.sessions(), known.read_text()
    config = work.folder / "ssh_config"
    config.write_text(f"UserKnownHostsFile {known}\n{host.ssh_config.read_text()}")
    work.hosts(ROOTS, reach(host))
    for accept in ([], ["--accept-new-host-keys"]):
        done = work.cli("apply", "--yes", "--ssh-config", str(config), *accept)
        refused(done, host.name, "changed", code=1)
    assert host.sessions() == before
    assert known.read_text() == recorded


def test_a_new_key_is_accepted_once_when_asked_and_told(host: LabHost, work: Workspace) -> None:
    """S2: accept-new is per run and logged."""
    known = work.folder / "known_hosts"
    known.touch()
    config = work.folder / "ssh_config"
    config.write_text(f"UserKnownHostsFile {known}\n{host.ssh_config.read_text()}")
    work.hosts(ROOTS, reach(host))
    refused(work.cli("plan", "--ssh-config", str(config)), "is not known", code=1)
    assert known.read_text() == ""
    done = work.cli("plan", "--ssh-config", str(config), "--accept-new-host-keys")
    assert done.code == 0, done.all
    assert "SHA256:" in done.all
    assert known.read_text().count("\n") == 1
    assert work.cli("plan", "--ssh-config", str(config)).code == 0


RIGHTS = {
    "a password": ("ops", 'Become(password=Secret.env("SUDO"))', 0),
    "no password needed": ("nopass", "'sudo'", 0),
    "a password, not given": ("ops", "'sudo'", 1),
    "no rights": ("ops", "None", 1),
}


@pytest.mark.parametrize("case", RIGHTS)
def test_an_unprivileged_login_changes_what_it_may(
    host: LabHost, work: Workspace, case: str
) -> None:
    """S14: no NOPASSWD assumed; the password is never shown."""
    host.run(["rm", "-f", "/root/by-cfgdsl", "/etc/by-cfgdsl"])
    user, become, code = RIGHTS[case]
    work.hosts(ROOTS, reach(host, user=user, become=Code(become)))
    done = work.cli("apply", "--yes", "-v", *ssh_config(host), env={"SUDO": OPS_PASSWORD})
    assert done.code == code, done.all
    assert "Traceback" not in done.all
    assert OPS_PASSWORD not in done.all
    made = host.run(["stat", "-c", "%U %a", "/root/by-cfgdsl"], check=False).stdout
    assert made == ("" if code else "root 600\n")
    processes = host.run(["ps", "-eo", "args"]).stdout
    assert "cfgdsl" not in processes


def test_a_record_without_rights_is_in_the_users_own_home(host: LabHost, work: Workspace) -> None:
    """S11, S14."""
    work.hosts('File("/home/ops/by-cfgdsl", content="x")', reach(host, user="ops"))
    assert work.cli("apply", "--yes", *ssh_config(host)).code == 0
    places = ["/home/ops/.local/state/cfgdsl", "/home/ops/.cache/cfgdsl"]
    modes = host.run(["stat", "-c", "%U %a", *places]).stdout.split("\n")
    assert modes[:2] == ["ops 700", "ops 700"]


def test_a_cache_that_others_may_write_is_not_run(host: LabHost, work: Workspace) -> None:
    """S11: the runner is code; what stands in for it must be its owner's alone."""
    work.hosts('File("/etc/by-cfgdsl", content="z")', reach(host))
    assert work.cli("plan", *ssh_config(host)).code == 0
    host.run(["sh", "-c", "for f in /var/cache/cfgdsl/*; do echo planted > $f; done"])
    host.run(["chmod", "777", "/var/cache/cfgdsl"])
    done = work.cli("plan", *ssh_config(host))
    assert done.code == 0, done.all
    texts = host.run(["sh", "-c", "cat /var/cache/cfgdsl/*"]).stdout
    assert set(texts.split()) == {"planted"}
    host.run(["rm", "-r", "/var/cache/cfgdsl"])
