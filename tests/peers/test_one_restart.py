"""A later change of a play: planned alone, applied alone, with its one restart."""

import json

import pytest

from tests.badinput.workspace import Workspace, reach, ssh_config
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab

SEVEN_STEPS = """
    package = Package("lab-daemon")
    site = File(
        "/etc/lab-daemon/conf.d/site.conf", content="workers = 4\\n", mode=0o640, group="deploy"
    )
    main = File("/etc/lab-daemon/lab-daemon.conf", content="interval = 5\\n", after=package)
    Group("deploy")
    deploy = User("deploy", group="deploy", home="/srv/deploy", shell="/bin/bash")
    Directory("/srv/deploy/bin", owner="deploy", group="deploy")
    File("/srv/deploy/bin/run", content="#!/bin/sh\\n", mode=0o755, owner=deploy.name)
    Service("lab-daemon", running=True, enabled=True, restart_on=[site, main])
"""


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


def planned(work: Workspace, host: LabHost) -> dict[str, str]:
    """Each change of the plan, and what it is."""
    done = work.cli("plan", "--json", *ssh_config(host))
    assert done.code == 0, done.all
    (plan,) = json.loads(done.out)["hosts"]
    assert plan["problems"] == []
    return {step["identity"]: step["action"] for step in plan["steps"]}


def applied(work: Workspace, host: LabHost) -> dict[str, str]:
    """Each change of the run, and how it ended."""
    done = work.cli("apply", "--yes", "--json", *ssh_config(host))
    events = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0, done.all
    return {e["step"]: e["outcome"] for e in events if e["event"] == "step_done"}


def test_a_change_of_the_configuration_restarts_once(host: LabHost, work: Workspace) -> None:
    work.hosts(SEVEN_STEPS, reach(host))
    applied(work, host)
    work.hosts(SEVEN_STEPS.replace("interval = 5", "interval = 7"), reach(host))
    assert planned(work, host) == {
        "file:/etc/lab-daemon/lab-daemon.conf": "update",
        "service:lab-daemon.service#restart": "restart",
    }
    before = host.run(["systemctl", "show", "-P", "InvocationID", "lab-daemon"]).stdout
    assert set(applied(work, host).values()) == {"changed"}
    after = host.run(["systemctl", "show", "-P", "InvocationID", "lab-daemon"]).stdout
    assert before != after
    assert host.run(["cat", "/run/lab-daemon.loaded"]).stdout == "interval = 7\n"
    assert planned(work, host) == {}
