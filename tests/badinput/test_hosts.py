"""Hosts that cannot be worked with: one message, exit code 1, and the others go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.badinput.workspace import Code, Workspace, reach, refused, ssh_config
from tests.lab import Lab, LabHost

MOTD = 'File("/etc/motd", content="from cfgdsl\\n")  # HERE'


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


@pytest.fixture
def untouched(host: LabHost) -> Iterator[LabHost]:
    """The host; afterwards its motd must be as it was."""
    motd = host.path("/etc/motd")
    before = motd.read_bytes()
    yield host
    assert motd.read_bytes() == before


def known_hosts(host: LabHost, folder: Path, text: str) -> tuple[str, str]:
    """The options that make `text` all that is known of host keys."""
    known = folder / "known_hosts"
    known.write_text(text)
    lines = host.ssh_config.read_text().splitlines()
    kept = [line for line in lines if "knownhostsfile" not in line.lower()]
    config = folder / "ssh_config"
    config.write_text("\n".join([f"UserKnownHostsFile {known}", *kept]))
    return "--ssh-config", str(config)


@pytest.mark.lab
def test_an_unknown_host_key_is_refused(untouched: LabHost, work: Workspace) -> None:
    work.hosts(MOTD, reach(untouched))
    options = known_hosts(untouched, work.folder, "")
    done = work.cli("apply", "--yes", *options)
    refused(
        done, untouched.name, "key", "is not known", "SHA256:", "Compare the fingerprint", code=1
    )


@pytest.mark.lab
def test_a_changed_host_key_is_refused_whatever_is_accepted(
    untouched: LabHost, work: Workspace
) -> None:
    """S2."""
    work.hosts(MOTD, reach(untouched))
    key = (untouched.key.parent / (untouched.key.name + ".pub")).read_text().split()[:2]
    other = "\n".join(
        f"{line.split()[0]} {' '.join(key)}"
        for line in untouched.known_hosts.read_text().splitlines()
    )
    options = known_hosts(untouched, work.folder, other + "\n")
    done = work.cli("apply", "--yes", "--accept-new-host-keys", *options)
    refused(done, untouched.name, "changed", "SHA256:", "ssh-keygen", code=1)


@pytest.mark.lab
def test_a_wrong_sudo_password_is_told(untouched: LabHost, work: Workspace) -> None:
    become = Code('Become(password=Secret.env("SUDO"))')
    work.hosts(MOTD, reach(untouched, user="ops", become=become))
    env = {"SUDO": "never-the-right-one"}
    done = work.cli("apply", "--yes", *ssh_config(untouched), env=env)
    refused(done, untouched.name, "sudo refused the password", "Secret.env('SUDO')", code=1)
    assert "never-the-right-one" not in done.all


@pytest.mark.lab
def test_a_secret_without_a_value_is_told(untouched: LabHost, work: Workspace) -> None:
    become = Code('Become(password=Secret.env("SUDO"))')
    work.hosts(MOTD, reach(untouched, user="ops", become=become))
    done = work.cli("apply", "--yes", *ssh_config(untouched))
    refused(done, "Secret.env('SUDO') has no value", "Set the environment variable")


@pytest.mark.lab
def test_no_rights_are_told_before_anything_is_changed(untouched: LabHost, work: Workspace) -> None:
    work.hosts(MOTD, reach(untouched, user="ops"))
    done = work.cli("apply", "--yes", *ssh_config(untouched))
    assert done.code == 1
    assert "Permission denied" in done.all
    assert work.line() in done.all


@pytest.mark.lab
def test_a_host_without_a_usable_python_is_told(untouched: LabHost, work: Workspace) -> None:
    hidden = untouched.path("/usr/lib/cfgdsl-lab-hidden")
    untouched.hide_python()
    try:
        work.hosts(MOTD, reach(untouched))
        done = work.cli("apply", "--yes", *ssh_config(untouched))
        refused(done, untouched.name, "no python", "bootstrap", "3.8", code=1)
    finally:
        for program in hidden.iterdir():
            program.rename(untouched.path(f"/usr/bin/{program.name}"))


@pytest.mark.lab
def test_too_old_a_python_is_told(untouched: LabHost, work: Workspace) -> None:
    old = untouched.path("/usr/local/bin/oldpython")
    old.write_text(
        "#!/bin/sh\n"
        "# As 3.6 would see it: everything else is the real one.\n"
        "shift 3; exec python3 -BEsSc "
        '"import sys;sys.version_info=(3,6,9);exec(sys.argv[1])" "$@"\n'
    )
    old.chmod(0o755)
    try:
        work.hosts(MOTD, reach(untouched, python="/usr/local/bin/oldpython"))
        done = work.cli("apply", "--yes", *ssh_config(untouched))
        refused(done, untouched.name, "too old: 3.6", "3.8", code=1)
    finally:
        old.unlink()


@pytest.mark.lab
def test_an_unreachable_host_does_not_stop_the_others(host: LabHost, work: Workspace) -> None:
    dead = "Host('dead', address='127.88.1.1', port=9, user='root')"
    work.hosts('File("/etc/alive", content="yes\\n")', f"[{dead}, {reach(host)}]")
    done = work.cli("apply", "--yes", *ssh_config(host))
    refused(done, "dead: the connection was refused", "1 created", code=1, messages=2)
    assert host.path("/etc/alive").read_text() == "yes\n"


def test_a_command_prefix_that_does_not_work_is_told(work: Workspace) -> None:
    work.hosts(MOTD, "Host('box', exec=['/no/such/docker', 'exec', 'box'])")
    refused(work.run("apply", "--yes"), "box", "/no/such/docker", "No such file", code=1)


def test_a_command_prefix_that_ends_at_once_is_told(work: Workspace) -> None:
    argv = ["sh", "-c", "echo no such container: box >&2; exit 1"]
    work.hosts(MOTD, f"Host('box', exec={argv!r})")
    refused(work.run("apply", "--yes"), "box", "no such container: box", code=1)
