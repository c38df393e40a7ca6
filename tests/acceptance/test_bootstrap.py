"""A host without a Python gets one first, and is planned anew."""

from pathlib import Path

import pytest

import cfgdsl
from cfgdsl.engine.events import StepDone
from tests.lab import Lab

CONFIG = """
from cfgdsl import Host, configure, custom_fact, probes
from cfgdsl_stdlib import File

bare = Host({name!r}, user="root", bootstrap={bootstrap!r})
release = custom_fact(
    [probes.Run(("cat", "/etc/debian_version"))],
    lambda answers: next(iter(answers.values()))["stdout"].strip(),
)

@configure(bare)
def motd(host):
    File("/etc/motd", content=f"Debian {{host.facts[release]}}\\n")
"""


def config(folder: Path, name: str, bootstrap: list[list[str]]) -> Path:
    path = folder / "infra.py"
    path.write_text(CONFIG.format(name=name, bootstrap=bootstrap))
    return path


@pytest.mark.lab
def test_bootstrap_brings_a_python_and_the_next_plan_the_rest(tmp_path: Path, lab: Lab) -> None:
    (host,) = lab.hosts(1)
    version = host.run(["cat", "/etc/debian_version"]).stdout.strip()
    target = host.run(["readlink", "/usr/bin/python3"]).stdout.strip()
    host.run(["mkdir", "/opt/kept"])
    host.run(["cp", f"/usr/bin/{target}", "/opt/kept/"])
    host.hide_python()
    bring = [["cp", f"/opt/kept/{target}", "/usr/bin/"], ["ln", "-s", target, "/usr/bin/python3"]]
    options = cfgdsl.Options(ssh_config=host.ssh_config)
    with cfgdsl.load(config(tmp_path, host.name, bring), options=options) as project:
        plan = project.plan()
        (part,) = plan.hosts
        assert part.bootstrap
        assert [step.action for step in part.steps] == ["run", "run"]
        assert not host.path("/usr/bin/python3").is_symlink(), "planning writes nothing"
        assert project.apply(plan).ok
        plan = project.plan()
        assert [step.identity for step in plan.steps] == ["file:/etc/motd"]
        assert project.apply(plan).ok
        assert project.plan().is_empty
    assert host.path("/etc/motd").read_text() == f"Debian {version}\n"


@pytest.mark.lab
def test_a_bootstrap_command_that_fails_keeps_the_rest_from_running(
    tmp_path: Path, lab: Lab
) -> None:
    (host,) = lab.hosts(1)
    host.hide_python()
    bring = [["false"], ["touch", "/etc/never"]]
    options = cfgdsl.Options(ssh_config=host.ssh_config)
    with cfgdsl.load(config(tmp_path, host.name, bring), options=options) as project:
        run = project.apply(project.plan())
    ended = [event.outcome for event in run.events if isinstance(event, StepDone)]
    assert ended == ["failed", "skipped"]
    assert not host.path("/etc/never").exists()
