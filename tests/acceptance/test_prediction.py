"""From a pristine host in one go: what is planned over predicted answers, and whether it was true.

`OPEN` steps hang on what only the run can tell; `POSSIBLE` ones may turn out to be unneeded. All
else is closed: it is done exactly as planned, or reported as stale.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from cfgdsl import HostPlan, exists
from cfgdsl_stdlib import Command, Directory, File, Group, Package, Service, Symlink, User
from tests.lab import Lab
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab

OPEN, POSSIBLE = "open", "possible"


@pytest.fixture
def pristine(lab: Lab) -> Iterator[Bench]:
    """A host on which nothing was ever declared, for one project."""
    (host,) = lab.hosts(1)
    with Bench.open(host, project="prediction") as opened:
        yield opened


def shape(plan: HostPlan) -> dict[str, str]:
    """What a plan says of each step: its action, and whether it is open or possible."""
    words = {OPEN: "is_open", POSSIBLE: "possible"}
    return {
        step.identity: " ".join(
            [step.action, *(word for word, name in words.items() if getattr(step, name))]
        )
        for step in plan.steps
    }


UNIT = """[Unit]
Description=Made by a plan
[Service]
ExecStart=/bin/sh -c 'cp /etc/made.conf /run/made.loaded; exec sleep infinity'
[Install]
WantedBy=multi-user.target
"""


def test_a_package_its_directory_a_file_in_it_and_its_service(pristine: Bench) -> None:
    def declare() -> None:
        site = File("/etc/lab-daemon/conf.d/site.conf", content="site\n")
        own = File("/etc/lab-daemon/lab-daemon.conf", content="interval = 61\n")
        Service("lab-daemon", running=True, enabled=True, reload_on=[site, own])
        Package("lab-daemon")

    assert shape(pristine.plan(declare)) == {
        "package:lab-daemon": "create",
        "file:/etc/lab-daemon/conf.d/site.conf": "create open",
        "file:/etc/lab-daemon/lab-daemon.conf": "create open",
        "service:lab-daemon.service": "create open",
        "service:lab-daemon.service#reload": "reload",
    }
    assert len(pristine.apply(declare)) == 5
    assert pristine.out("cat", "/run/lab-daemon.loaded") == "interval = 61"
    assert pristine.out("systemctl", "is-active", "lab-daemon") == "active"
    assert pristine.out("cat", "/etc/lab-daemon/conf.d/site.conf") == "site"


def restarted() -> None:
    site = File("/etc/lab-daemon/lab-daemon.conf", content="interval = 62\n")
    Package("lab-daemon")
    Service("lab-daemon", running=True, restart_on=site)


def test_a_restart_after_the_start_that_a_package_brings_is_possible_and_comes(
    pristine: Bench,
) -> None:
    """Debian starts what it installs, before the file is there."""
    plan = shape(pristine.plan(restarted))
    assert plan["service:lab-daemon.service#restart"] == "restart possible"
    assert "service:lab-daemon.service#restart" in pristine.apply(restarted)
    assert pristine.out("cat", "/run/lab-daemon.loaded") == "interval = 62"


def test_a_restart_is_unneeded_where_the_plan_itself_starts_the_service(pristine: Bench) -> None:
    """A host may say that nothing is started by packages: then the file is there before."""
    pristine.sh(
        "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"
    )
    plan = shape(pristine.plan(restarted))
    assert plan["service:lab-daemon.service#restart"] == "restart possible"
    assert "service:lab-daemon.service#restart" not in pristine.apply(restarted)
    assert pristine.out("cat", "/run/lab-daemon.loaded") == "interval = 62"


def test_what_a_package_brings_and_must_not_be_there_is_possible(pristine: Bench) -> None:
    def declare() -> None:
        Package("lab-hello")
        File("/etc/lab-hello.conf", absent=True)
        File("/etc/lab-hello.none", absent=True)

    assert shape(pristine.plan(declare)) == {
        "package:lab-hello": "create",
        "file:/etc/lab-hello.conf": "delete open possible",
        "file:/etc/lab-hello.none": "delete open possible",
    }
    assert pristine.apply(declare) == {
        "package:lab-hello": "create",
        "file:/etc/lab-hello.conf": "delete",
    }
    assert not pristine.exists("/etc/lab-hello.conf")


def test_a_user_its_home_and_its_keys(pristine: Bench) -> None:
    def declare() -> None:
        keys = File("/home/deploy/.ssh/authorized_keys", content="ssh-ed25519 AAAA x\n", mode=0o600)
        File(keys.path + "2", content="", owner="deploy", group="deploy", after=keys)
        Directory("/home/deploy/.ssh", mode=0o700, owner="deploy", group="deploy")
        File("/home/deploy/.profile", content="umask 027\n", owner="deploy")
        User("deploy", shell="/bin/bash")

    assert shape(pristine.plan(declare)) == {
        "user:deploy": "create",
        "directory:/home/deploy/.ssh": "create",
        "file:/home/deploy/.ssh/authorized_keys": "create",
        "file:/home/deploy/.ssh/authorized_keys2": "create",
        "file:/home/deploy/.profile": "create open",  # the skeleton brings one
    }
    assert len(pristine.apply(declare)) == 5
    assert pristine.stat("/home/deploy/.ssh") == "700 deploy deploy directory"
    assert pristine.stat("/home/deploy/.ssh/authorized_keys2").endswith(
        "deploy deploy regular empty file"
    )
    assert pristine.out("cat", "/home/deploy/.profile") == "umask 027"


@pytest.mark.parametrize(
    ("setting", "mode"), [("HOME_MODE 0700", "700"), ("UMASK 027", "750"), ("", "755")]
)
def test_a_home_is_predicted_as_the_host_makes_it(pristine: Bench, setting: str, mode: str) -> None:
    pristine.sh(f"echo '{setting}' >> /etc/login.defs")

    def declare() -> None:
        User("dweller")
        Directory("/home/dweller", mode=0o755)
        Directory("/home/dweller/notes", owner="dweller")

    expected = {"user:dweller": "create", "directory:/home/dweller/notes": "create"}
    if mode != "755":
        expected["directory:/home/dweller"] = "update"
    assert shape(pristine.plan(declare)) == expected
    assert pristine.apply(declare).keys() == expected.keys()


def test_a_home_that_is_there_already_stays_as_it_is(pristine: Bench) -> None:
    pristine.sh("mkdir -m 711 /home/heir")

    def declare() -> None:
        User("heir")
        Directory("/home/heir/new", owner="heir")

    assert shape(pristine.plan(declare)) == {
        "user:heir": "create",
        "directory:/home/heir/new": "create",
    }
    pristine.apply(declare)
    assert pristine.stat("/home/heir") == "711 root root directory"


def test_a_group_a_user_in_it_and_what_both_own(pristine: Bench) -> None:
    def declare() -> None:
        File("/srv/both/shared", content="x", owner="member")
        Directory("/srv/both", owner="member", group="crew", mode=0o2770)
        User("member", groups=["crew"])
        Group("crew")

    assert shape(pristine.plan(declare)) == {
        "group:crew": "create",
        "user:member": "create",
        "directory:/srv/both": "create",
        "file:/srv/both/shared": "create",
    }
    assert len(pristine.apply(declare)) == 4
    assert pristine.stat("/srv/both") == "2770 member crew directory"
    assert pristine.stat("/srv/both/shared", "%U %G") == "member crew"


def test_a_unit_file_its_reload_and_its_service(pristine: Bench) -> None:
    def declare() -> None:
        unit = File("/etc/systemd/system/made.service", content=UNIT)
        config = File("/etc/made.conf", content="first\n")
        Service("made", running=True, enabled=True, restart_on=[unit, config])

    assert shape(pristine.plan(declare)) == {
        "file:/etc/systemd/system/made.service": "create",
        "file:/etc/made.conf": "create",
        "task:systemd-daemon-reload": "reload",
        "service:made.service": "update",  # and no restart: its start reads the file
    }
    assert len(pristine.apply(declare)) == 4
    assert pristine.out("cat", "/run/made.loaded") == "first"


def test_folders_made_on_the_way_and_links_through_them(pristine: Bench) -> None:
    def declare() -> None:
        Directory("/srv/www/releases/1", parents=True)
        Symlink("/srv/www/current", to="releases/1")
        File("/srv/www/releases/README", content="x")
        File("/srv/www/current/index", content="x")

    assert shape(pristine.plan(declare)) == {
        "directory:/srv/www/releases/1": "create",
        "symlink:/srv/www/current": "create",
        "file:/srv/www/releases/README": "create",
        "file:/srv/www/current/index": "create",
    }
    assert len(pristine.apply(declare)) == 4
    assert pristine.stat("/srv/www/releases/1/index", "%F") == "regular file"


def test_a_file_through_a_new_link_to_what_is_there_already(pristine: Bench) -> None:
    pristine.sh("mkdir -p /srv/releases/1; echo x > /srv/releases/1/index")

    def declare() -> None:
        Symlink("/srv/current", to="releases/1")
        File("/srv/current/index", content="y\n")

    assert shape(pristine.plan(declare)) == {
        "symlink:/srv/current": "create",
        "file:/srv/current/index": "create open",
    }
    pristine.apply(declare)
    assert pristine.out("cat", "/srv/releases/1/index") == "y"


def test_a_command_and_what_hangs_on_what_it_makes(pristine: Bench) -> None:
    def declare() -> None:
        made = Command(["mkdir", "/srv/made"], creates="/srv/made")
        Command(["touch", "/srv/made/at"], creates="/srv/made/at")
        File("/srv/seen", content="x", only_if=exists("/srv/made"), after=made)

    assert shape(pristine.plan(declare)) == {
        "command:mkdir /srv/made": "run",
        "command:touch /srv/made/at": "run open possible",
        "file:/srv/seen": "create open possible",
    }
    assert len(pristine.apply(declare)) == 3


def test_a_command_is_not_run_where_earlier_steps_make_what_it_is_for(pristine: Bench) -> None:
    def declare() -> None:
        User("deploy")
        Command(["false"], creates="/home/deploy", id="home")
        package = Package("lab-hello")
        Command(["false"], creates="/usr/bin/lab-hello", after=package, id="tool")

    assert shape(pristine.plan(declare)) == {
        "user:deploy": "create",
        "package:lab-hello": "create",
        "command:tool": "run open possible",
    }
    assert "command:tool" not in pristine.apply(declare)


def test_an_owner_that_a_step_may_bring_is_awaited(pristine: Bench) -> None:
    pristine.sh("echo old > /srv/existing")
    user = "newcomer"

    def declare() -> None:
        File("/srv/existing", owner=user)
        File("/srv/new", owner=user, content="x")
        Command(["useradd", "-M", user], unless=["id", user])

    plan = shape(pristine.plan(declare))
    assert plan["file:/srv/existing"] == "update open"
    assert plan["file:/srv/new"] == "create open"
    assert len(pristine.apply(declare)) == 3
    assert pristine.stat("/srv/existing", "%U") == user
    assert "there is no user 'nobody-at-all'" in pristine.refused(
        lambda: File("/srv/existing", owner="nobody-at-all")
    )


def old_tree() -> None:
    Directory("/srv/app")
    Directory("/srv/app/bin")
    File("/srv/app/bin/run", content="1")
    File("/srv/app/config", content="2")


def test_a_directory_that_becomes_a_link_goes_first_with_all_that_is_dropped_in_it(
    pristine: Bench,
) -> None:
    pristine.apply(old_tree)

    def declare() -> None:
        Directory("/srv/releases/1", parents=True)
        Symlink("/srv/app", to="releases/1")
        File("/srv/releases/1/run", content="r")

    assert shape(pristine.plan(declare)) == {
        "file:/srv/app/bin/run": "delete",
        "file:/srv/app/config": "delete",
        "directory:/srv/app/bin": "delete",
        "directory:/srv/app": "delete",
        "directory:/srv/releases/1": "create",
        "symlink:/srv/app": "create",
        "file:/srv/releases/1/run": "create",
    }
    pristine.apply(declare)
    assert pristine.out("readlink", "/srv/app") == "releases/1"
    assert pristine.sh("cat /srv/app/run") == "r"

    pristine.apply(old_tree)
    assert pristine.stat("/srv/app") == "755 root root directory"
    assert pristine.sh("cat /srv/app/bin/run /srv/app/config") == "12"


def test_a_directory_with_more_in_it_than_is_dropped_is_an_error(pristine: Bench) -> None:
    pristine.apply(lambda: Directory("/srv/full"))
    pristine.sh("touch /srv/full/precious")

    def declare() -> None:
        Symlink("/srv/full", to="/opt")

    why = pristine.refused(declare)
    assert "is in the way of symlink:/srv/full, and cannot go" in why
    assert "it holds precious" in why
    assert pristine.exists("/srv/full/precious")


KINDS: dict[str, tuple[str, Any]] = {
    "file": ("echo x > {}", lambda path, **how: File(path, content="new", **how)),
    "directory": ("mkdir {}", Directory),
    "symlink": ("ln -s /opt {}", lambda path, **how: Symlink(path, to="/srv", **how)),
}


@pytest.fixture(scope="module")
def shared(lab: Lab) -> Iterator[Bench]:
    """One host for what needs no pristine one."""
    (host,) = lab.hosts(1)
    with Bench.open(host) as opened:
        yield opened


@pytest.mark.parametrize("old", KINDS)
@pytest.mark.parametrize("new", KINDS)
def test_any_kind_takes_the_place_of_any_other_when_that_is_said(
    shared: Bench, old: str, new: str
) -> None:
    path = f"/srv/{old}-to-{new}"
    shared.sh(KINDS[old][0].format(path))
    make = KINDS[new][1]
    plan = shape(shared.plan(lambda: make(path, replace=True)))
    if old == new == "directory":
        assert plan == {}
        return
    changes = old == new or (old, new) == ("symlink", "file")
    assert plan == {f"{new}:{path}": "update" if changes else "create"}
    shared.apply(lambda: make(path, replace=True))
    kinds = {"file": "regular file", "directory": "directory", "symlink": "symbolic link"}
    assert shared.stat(path, "%F") == kinds[new]
    shared.assert_settled(lambda: make(path))


@pytest.mark.parametrize("new", ["file", "symlink"])
def test_a_directory_with_content_is_replaced_only_when_that_is_said_too(
    shared: Bench, new: str
) -> None:
    path, make = f"/srv/filled-{new}", KINDS[new][1]
    shared.sh(f"mkdir {path}; touch {path}/a")
    assert "is not empty: it holds a" in shared.refused(lambda: make(path, replace=True))
    done = shared.apply(lambda: make(path, replace=True, recursive=True))
    assert done == {f"{new}:{path}": "create"}


def test_a_package_that_goes_while_its_configuration_or_service_stays_is_an_error(
    pristine: Bench,
) -> None:
    pristine.apply(lambda: Package("lab-daemon"))

    def config() -> None:
        File("/etc/lab-daemon/conf.d/mine.conf", content="x")
        Package("lab-daemon", absent=True)

    assert "needs path:/etc/lab-daemon, which package:lab-daemon takes away" in pristine.refused(
        config
    )

    def service() -> None:
        Service("lab-daemon", running=True)
        Package("lab-daemon", absent=True)

    assert "needs unit:lab-daemon.service, which package:lab-daemon takes away" in pristine.refused(
        service
    )
    assert len(pristine.observe(service).hosts[0].problems[0].origins) == 2
    assert pristine.out("systemctl", "is-active", "lab-daemon") == "active"

    def alright() -> None:
        Directory("/etc/lab-daemon/conf.d", parents=True)
        File("/etc/lab-daemon/conf.d/mine.conf", content="x")
        File("/etc/default/other", content="x")
        Package("lab-daemon", absent=True)

    assert pristine.apply(alright) == {
        "package:lab-daemon": "delete",
        "file:/etc/lab-daemon/conf.d/mine.conf": "create",
        "file:/etc/default/other": "create",
    }
    assert pristine.out("cat", "/etc/lab-daemon/conf.d/mine.conf") == "x"
