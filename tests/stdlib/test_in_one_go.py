"""Plans of real types from a pristine host: what is closed, what is open, what is only possible."""

from typing import Any

import pytest

from cfgdsl import HostPlan, Probe, Resource, exists, probes
from cfgdsl.core.graph import build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.request import Request, questions
from cfgdsl_stdlib import Command, Directory, File, Group, Package, Service, Symlink, User
from tests.stdlib.walk import folder

UNIT = "[Service]\nExecStart=/x\n[Install]\nWantedBy=multi-user.target\n"
FOLDERS = ("/", "/etc", "/srv", "/home", "/etc/systemd/system", "/run/systemd/system")
DAEMON = "package:daemon"


def answer(probe: Probe) -> Any:
    """What a host says on which there is nothing but its folders and the account of root."""
    match probe:
        case probes.Stat(path):
            return folder() if path in FOLDERS else None
        case probes.Run(argv):
            text = "fresh there UMASK 022" if argv[0] in {"find", "grep"} else ""
            return {"exit": 0, "stdout": "" if "interrupted" in argv else text}
        case probes.Query(argv) if argv[0] == "apt-cache":
            return {"Version": "1.0"}
        case probes.List("/etc/skel"):
            return {"names": [".profile"], "more": False}
    return None


def plan(*resources: Resource) -> HostPlan:
    graph = build(resources, {})
    answers = {probe: answer(probe) for probe in questions(graph.resources)}
    return plan_host(Request(host="h", graph=graph), answers).plan


def shape(*resources: Resource) -> dict[str, str]:
    found = plan(*resources)
    assert found.problems == ()
    words = {"open": "is_open", "possible": "possible"}
    return {
        s.identity: " ".join([s.action, *(w for w, name in words.items() if getattr(s, name))])
        for s in found.steps
    }


def test_a_package_a_file_in_its_directory_and_its_service() -> None:
    site = File("/etc/daemon/conf.d/site", content="x")
    own = Service("daemon", running=True, enabled=True, restart_on=site)
    assert shape(site, own, Package("daemon")) == {
        DAEMON: "create",
        "file:/etc/daemon/conf.d/site": "create open",
        "service:daemon.service": "create open",
        "service:daemon.service#restart": "restart possible",
    }


def test_a_reload_after_what_a_package_may_have_started_is_sure() -> None:
    site = File("/etc/daemon/conf.d/site", content="x")
    found = shape(site, Service("daemon", running=True, reload_on=site), Package("daemon"))
    assert found["service:daemon.service#reload"] == "reload"


def test_a_user_its_home_and_what_is_in_it() -> None:
    assert shape(
        User("deploy"),
        Directory("/home/deploy/.ssh", mode=0o700, owner="deploy", group="deploy"),
        File("/home/deploy/.ssh/authorized_keys", content="x", owner="deploy", mode=0o600),
        File("/home/deploy/.profile", content="x", owner="deploy"),
        Directory("/home/deploy", mode=0o755),
    ) == {
        "user:deploy": "create",
        "directory:/home/deploy/.ssh": "create",
        "file:/home/deploy/.ssh/authorized_keys": "create",
        "file:/home/deploy/.profile": "create open",
    }


def test_a_group_a_user_in_it_and_a_directory_of_both() -> None:
    assert shape(
        Directory("/srv/both", owner="member", group="crew", mode=0o2770),
        File("/srv/both/f", content="x", owner="member"),
        User("member", groups=["crew"]),
        Group("crew"),
    ) == {
        "group:crew": "create",
        "user:member": "create",
        "directory:/srv/both": "create",
        "file:/srv/both/f": "create",
    }


def test_a_unit_file_a_reload_of_systemd_and_no_restart_after_the_first_start() -> None:
    unit = File("/etc/systemd/system/made.service", content=UNIT)
    config = File("/etc/made.conf", content="x")
    made = Service("made", running=True, enabled=True, restart_on=[unit, config])
    assert shape(unit, config, made) == {
        "file:/etc/systemd/system/made.service": "create",
        "file:/etc/made.conf": "create",
        "task:systemd-daemon-reload": "reload",
        "service:made.service": "update",
    }


def test_folders_made_on_the_way_and_a_link_beside_them() -> None:
    assert set(
        shape(
            Directory("/srv/www/releases/1", parents=True),
            Symlink("/srv/www/current", to="releases/1"),
            File("/srv/www/current/index", content="x"),
            File("/srv/www/releases/README", content="x"),
        ).values()
    ) == {"create"}


def test_a_command_and_what_hangs_on_what_it_makes() -> None:
    made = Command(["make"], creates="/srv/made")
    assert shape(
        made,
        File("/srv/seen", content="x", only_if=exists("/srv/made"), after=made),
        File("/srv/made/f", content="x"),
    ) == {
        "command:make": "run",
        "file:/srv/seen": "create open possible",
        "file:/srv/made/f": "create open",
    }


def test_a_command_is_not_run_where_an_earlier_step_makes_what_it_is_for() -> None:
    assert shape(User("deploy"), Command(["mkhome"], creates="/home/deploy")) == {
        "user:deploy": "create"
    }


def test_folders_made_on_the_way_behind_a_link_and_above_each_other() -> None:
    assert shape(
        Directory("/srv/a/b/c/d", parents=True),
        Directory("/srv/a/b", parents=True),
        Symlink("/srv/now", to="a/b"),
        Directory("/srv/now/x/y", parents=True),
    ) == {
        "directory:/srv/a/b": "create",
        "directory:/srv/a/b/c/d": "create",
        "symlink:/srv/now": "create",
        "directory:/srv/now/x/y": "create",
    }


def test_a_command_for_what_a_package_may_bring_is_possible() -> None:
    package = Package("daemon")
    command = Command(["build"], creates="/etc/daemon", after=package)
    assert shape(package, command) == {DAEMON: "create", "command:build": "run open possible"}


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ([Service("no", running=True)], "there is no unit no.service on the host"),
        ([File("/srv/no/f")], "its folder /srv/no does not exist"),
        ([File("/srv/f", owner="no")], "there is no user 'no' on the host"),
        ([User("u", groups=["no"])], "there is no group 'no' on the host"),
        ([File("/srv/f", content="x"), Directory("/srv/f/d")], "/srv/f is a file, not a directory"),
    ],
)
def test_what_can_never_work_is_said_by_the_plan(declared: list[Resource], why: str) -> None:
    found = plan(*declared)
    assert found.steps == ()
    assert [p.summary.startswith(why) for p in found.problems] == [True]
