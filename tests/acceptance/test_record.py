"""The host record on a real host: drift, drops, the way back, destroying, importing.

What is on the host is compared by a script that knows nothing of cfgdsl.
"""

import json
import re
import subprocess

import pytest

from tests.acceptance.conftest import Config, Write
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab

UNIT = "[Service]\\nExecStart=/usr/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"
KEPT = (
    'Group("crew", gid=4100)',
    'User("deploy", uid=4101, group="crew", shell="/bin/bash", create_home=False)',
    'Directory("/srv/app", mode=0o750, owner="deploy", group="crew")',
)
DROPPED = (
    'File("/srv/app/conf", content="v1\\n", mode=0o640, owner="deploy")',
    'Symlink("/srv/app/link", to="conf")',
    'Package("lab-tool-01")',
    f'File("/etc/systemd/system/app.service", content="{UNIT}")',
    'Service("app", running=True, enabled=True)',
)
ALL = (*KEPT, *DROPPED)

LOOK = r"""
cd /
getent passwd; getent group
dpkg-query -W -f '${Package} ${db:Status-Status}\n'
systemctl list-unit-files --no-legend --no-pager | sort
systemctl list-units --no-legend --no-pager --plain --type=service --state=active |
    sed 's/ .*//' | sort
find /etc /srv /home /opt /root /usr/local -xdev ! -name .cache ! -path '/root/.cache/*' \
    ! -path '/etc/*-' ! -path '/etc/.pwd.lock' \
    \( -type d -printf '%p %m %U %G\n' -o -printf '%p %m %U %G %l %s\n' \) | sort
find /srv /etc/systemd /etc/hosts /etc/motd -type f -exec sha256sum {} + | sort
"""


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


def look(host: LabHost) -> list[str]:
    """Accounts, packages, units, services and files of a host."""
    return host.run(["sh", "-c", LOOK]).stdout.splitlines()


def planned(config: Config, command: str, *arguments: str, exit_code: int) -> dict[str, str]:
    """The steps of a plan, by identity: their actions."""
    done = config.run(command, "--json", *arguments, exit_code=exit_code)
    (found,) = json.loads(done.stdout)["hosts"]
    return {step["identity"]: step["action"] for step in found["steps"]}


def applied(config: Config) -> str:
    """Apply, and the id of the run."""
    said = config.run("apply", "--yes", "--json").stdout.splitlines()
    summary = json.loads(said[-1])
    assert summary["ok"], said
    return str(summary["run"])


def settled(config: Config) -> None:
    assert "nothing to do" in config.run("apply", "--yes").stdout


def test_drift_is_shown_apart_and_repaired(write: Write, host: LabHost) -> None:
    config = write([host], *ALL)
    applied(config)
    assert "nothing has drifted" in config.run("drift").stdout
    script = (
        "echo by hand > /srv/app/conf; usermod -s /bin/sh deploy; systemctl stop app;"
        "ln -sfn elsewhere /srv/app/link; chmod 777 /srv/app; apt-get -qq remove lab-tool-01"
    )
    host.run(["sh", "-ec", script])
    write([host], *ALL, 'File("/srv/app/new", content="intended")')
    said = config.run("drift", exit_code=3).stdout
    found = set(re.findall(r"^  . ([a-z]+:\S+)", said, re.MULTILINE))
    assert found == {
        "file:/srv/app/conf",
        "user:deploy",
        "service:app.service",
        "symlink:/srv/app/link",
        "directory:/srv/app",
        "package:lab-tool-01",
    }
    assert "1 intended change pending too" in said
    applied(config)
    config.run("drift")
    settled(config)
    assert host.run(["cat", "/srv/app/conf"]).stdout == "v1\n"
    assert host.run(["systemctl", "is-active", "app"]).stdout == "active\n"
    config.run("destroy", "--yes")


def test_half_is_dropped_and_comes_back(write: Write, host: LabHost) -> None:
    config = write([host], *ALL)
    applied(config)
    before = look(host)
    write([host], *KEPT)
    dropped = planned(config, "plan", "--allow-drops", "5", exit_code=0)
    assert dropped.keys() >= {
        "file:/srv/app/conf",
        "symlink:/srv/app/link",
        "package:lab-tool-01",
        "file:/etc/systemd/system/app.service",
    }
    assert dropped["service:app.service"] == "restore"  # it did not run before
    assert host.run(["systemctl", "is-active", "app"]).stdout == "active\n"
    config.run("apply", "--yes", "--allow-drops", "5")
    assert host.run(["pgrep", "-x", "sleep"], check=False).returncode == 1
    settled(config)
    history = json.loads(config.run("history", "--json").stdout)["hosts"][host.name]
    shown = json.loads(config.run("show", "--json", history[-1]["id"]).stdout)
    assert {step["identity"] for step in shown["hosts"][host.name]} == dropped.keys()
    assert not host.path("/srv/app/conf").exists()
    config.run("rollback", history[-1]["id"], "--yes")
    assert look(host) == before
    config.run("destroy", "--yes")


def test_destroy_leaves_the_host_as_it_was(write: Write, host: LabHost) -> None:
    host.run(["sh", "-ec", "printf 'theirs\\n' > /etc/motd; chmod 600 /etc/motd"])
    before = look(host)
    config = write([host], *ALL, 'File("/etc/motd", content="ours", mode=0o644)')
    applied(config)
    assert look(host) != before
    config.run("destroy", "--yes")
    assert look(host) == before
    assert "nothing to do" in config.run("destroy", "--yes").stdout


def test_a_run_that_changed_users_files_and_services_is_undone(write: Write, host: LabHost) -> None:
    config = write([host], *ALL)
    applied(config)
    before = look(host)
    write(
        [host],
        *(
            line.replace("/bin/bash", "/bin/sh").replace("0o750", "0o700").replace("v1", "v2")
            for line in (*KEPT, *DROPPED[:3])
        ),
        DROPPED[3],
        'Service("app", running=False, enabled=False)',
        'User("second", uid=4102, create_home=False)',
        'File("/etc/motd", absent=True)',
    )
    run = applied(config)
    assert look(host) != before
    said = config.run("rollback", run, "--yes").stdout
    assert "the code still declares the newer state" in said
    assert look(host) == before
    write([host], *ALL)
    settled(config)
    config.run("destroy", "--yes")


def test_what_is_imported_needs_no_change_and_is_never_deleted(write: Write, host: LabHost) -> None:
    script = (
        "useradd -m -u 4200 -c 'Ann, here' -s /bin/bash -G adm ann;"
        "printf 'a\\tb' > /etc/own; chmod 640 /etc/own; apt-get -qq install lab-daemon"
    )
    host.run(["sh", "-ec", script])
    before = look(host)
    config = write([host], 'File("/etc/own")')
    things = ["user:ann", "file:/etc/own", "package:lab-daemon", "service:lab-daemon"]
    argv = [*config.argv("import", host.name, *things)[:-1], "--config", str(config.file)]
    out = config.file.parent / "imported.py"
    done = run_here([*argv, "--out", str(out)])
    assert done.returncode == 0, done.stderr
    imported = Config(out, config.ssh_config)
    text = out.read_text().replace("@configure", 'project("imported")\n\n\n@configure')
    out.write_text(text.replace("import Host, configure", "import Host, configure, project"))
    assert planned(imported, "plan", "--detailed-exitcode", exit_code=0) == {}
    settled(imported)
    assert look(host) == before
    out.write_text("\n".join(x for x in out.read_text().splitlines() if "ann" not in x))
    settled(imported)
    assert look(host) == before


def run_here(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
