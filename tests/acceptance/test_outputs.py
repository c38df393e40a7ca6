"""Outputs on real hosts: what one brings, another uses, on the same host and across hosts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import cfgdsl
from cfgdsl import ConfigurationError, Options, Project, Run
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab

HEAD = """
from cfgdsl import Host, Output, configure, project, template
from cfgdsl_stdlib import Command, Directory, File, SshKey, User

project("outputs")
{hosts}
"""

Opened = Callable[..., object]


@pytest.fixture(scope="module")
def three(lab: Lab) -> list[LabHost]:
    return lab.hosts(3)


@pytest.fixture
def hosts(three: list[LabHost]) -> list[LabHost]:
    for host in three:
        host.run(["sh", "-c", "rm -rf /srv/* /root/.ssh/id_* /var/lib/cfgdsl/*"])
    return three


@contextmanager
def loaded(
    folder: Path, hosts: list[LabHost], text: str, *, parallel: int = 50
) -> Iterator[Project]:
    """The configuration, with the lab's hosts called a, b and c."""
    names = "abc"[: len(hosts)]
    declared = [f"{n} = Host({h.name!r}, user='root')" for n, h in zip(names, hosts, strict=True)]
    file = folder / "infra.py"
    file.write_text(HEAD.format(hosts="\n".join(declared)) + text)
    options = Options(ssh_config=hosts[0].ssh_config, parallel=parallel)
    with cfgdsl.load(file, options=options) as project:
        yield project


def outcomes(run: Run) -> dict[str, str]:
    return {done.step.address: done.outcome for done in run.outcomes}


KEYS = """
@configure([a, b])
def web(host):
    Directory("/root/.ssh", mode="0700")
    return SshKey("/root/.ssh/id_ed25519", comment=host.name)

@configure(c)
def backup(host):
    keys = [key.public_key for key in web.values()]
    File("/srv/keys", content=template("keys.j2", keys=keys))
    File("/srv/first", content=web[a.name].public_key.map("key {}\\n".format))
"""


def write_keys_template(folder: Path) -> None:
    (folder / "keys.j2").write_text("{% for key in keys %}{{ key }}\n{% endfor %}")


def test_keys_of_two_hosts_are_in_a_file_of_a_third_in_one_apply(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    one, two, three = hosts
    write_keys_template(tmp_path)
    with loaded(tmp_path, hosts, KEYS) as project:
        plan = project.plan()
        step = plan[f"{three.name}/file:/srv/keys"]
        assert step.is_open
        assert step.gates == tuple(
            f"{host.name}/ssh_key:/root/.ssh/id_ed25519" for host in (one, two)
        )
        run = project.apply(plan)
        assert run.ok, run.failures
        public = [h.path("/root/.ssh/id_ed25519.pub").read_text() for h in (one, two)]
        assert three.path("/srv/keys").read_text() == "".join(public)
        assert three.path("/srv/first").read_text() == f"key {public[0]}"
        assert public[0].endswith(f" {one.name}\n")
        again = project.plan()
        assert again.is_empty, again.steps

        three.run(["sh", "-c", "echo drift >> /srv/keys"])
        repair = project.plan()
        assert [(s.address, s.is_open, s.gates) for s in repair.steps] == [
            (f"{three.name}/file:/srv/keys", False, ())
        ]
        assert project.apply(repair).ok
        assert project.plan().is_empty


def test_one_host_at_a_time_is_enough(tmp_path: Path, hosts: list[LabHost]) -> None:
    write_keys_template(tmp_path)
    text = KEYS.replace("[a, b]", "[b, c]").replace("configure(c)", "configure(a)")
    text = text.replace("web[a.name]", "web[b.name]")
    with loaded(tmp_path, hosts, text, parallel=1) as project:
        assert project.apply(project.plan()).ok
        assert project.plan().is_empty


def test_the_first_hosts_bring_along_what_they_wait_for(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    write_keys_template(tmp_path)
    with loaded(tmp_path, hosts, KEYS) as project:
        assert project.apply(project.plan(), first=1).ok


FAILING = """
@configure(a)
def source(host):
    broken = Command(["false"], creates="/srv/never")
    return Command(["echo", "x"], creates="/srv/x", after=broken)

@configure(b)
def target(host):
    first = File("/srv/waits", content=source[a.name].stdout)
    File("/srv/after", content="x", after=first)
    File("/srv/goes-on", content="x")
"""


def test_what_waits_for_a_failure_is_skipped_because_of_it(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    one, two, _ = hosts
    with loaded(tmp_path, hosts, FAILING) as project:
        run = project.apply(project.plan())
    done = {d.step.address: d for d in run.outcomes}
    cause = f"{one.name}/command:false"
    for path in ("/srv/waits", "/srv/after"):
        ended = done[f"{two.name}/file:{path}"]
        assert (ended.outcome, ended.detail) == ("skipped", {"because": cause})
    assert done[f"{two.name}/file:/srv/goes-on"].outcome == "changed"
    assert two.path("/srv/goes-on").exists()
    assert not run.ok


def test_a_host_that_is_gone_does_not_leave_others_waiting(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    text = """
gone = Host("nowhere", address="127.0.0.1", port=1, user="root")

@configure(gone)
def source(host):
    return File("/srv/x", content="x")

@configure(b)
def target(host):
    File("/srv/after", content="x", after=source["nowhere"])
    File("/srv/goes-on", content="x")
"""
    with loaded(tmp_path, hosts, text) as project:
        run = project.apply(project.plan())
    ended = {d.step.identity: (d.outcome, d.detail) for d in run.outcomes}
    assert ended == {
        "file:/srv/after": ("skipped", {"because": "nowhere"}),
        "file:/srv/goes-on": ("changed", {}),
    }


STDOUT = """
@configure(a)
def one(host):
    made = Command(["sh", "-c", "echo token-$$; touch /srv/made"], creates="/srv/made")
    File("/srv/token", content=made.stdout.map("{}\\n".format))
    copy = File("/srv/copy", content="hello")
    File("/srv/sum", content=Output.all(copy.sha256).map(" ".join))
    User("lister", home="/srv", create_home=False, comment=copy.sha256.map(lambda s: s[:8]))
"""


def test_what_a_command_prints_is_used_on_its_host(tmp_path: Path, hosts: list[LabHost]) -> None:
    one = hosts[0]
    with loaded(tmp_path, hosts, STDOUT) as project:
        plan = project.plan()
        assert plan[f"{one.name}/file:/srv/token"].is_open
        assert not plan[f"{one.name}/file:/srv/sum"].is_open, "a digest is foreseen"
        run = project.apply(plan)
        assert run.ok, run.failures
        assert one.path("/srv/token").read_text().startswith("token-")
        assert one.path("/srv/sum").read_text().startswith("2cf24dba5f")
        assert ":2cf24dba:" in one.run(["getent", "passwd", "lister"]).stdout
        again = project.plan()
        assert again.is_empty, again.steps
        token = one.path("/srv/token").read_text()
        one.run(["rm", "/srv/token"])
        repair = project.plan()
        assert [(s.identity, s.is_open) for s in repair.steps] == [("file:/srv/token", False)]
        assert project.apply(repair).ok
        assert one.path("/srv/token").read_text() == token
        one.run(["rm", "/srv/made"])
        anew = project.plan()
        assert [s.possible for s in anew.steps] == [False, True]
        assert project.apply(anew).ok
        assert one.path("/srv/token").read_text() != token
        assert project.plan().is_empty


ORDER = """
@configure(a)
def one(host):
    return Command(["sh", "-c", "sleep 0.7; date +%s%N > /srv/when"], creates="/srv/when")

@configure(b)
def two(host):
    late = Command(
        ["sh", "-c", "date +%s%N > /srv/when"], creates="/srv/when", after=one[a.name]
    )
    File("/srv/early", content="x")
    return late

@configure(a)
def three(host):
    Command(
        ["sh", "-c", "date +%s%N > /srv/last"], creates="/srv/last", after=two[b.name]
    )
"""


def test_order_across_hosts_that_wait_for_each_other_both_ways(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    one, two, _ = hosts
    with loaded(tmp_path, hosts[:2], ORDER) as project:
        plan = project.plan()
        assert not plan[f"{two.name}/command:sh -c 'date +%s%N > /srv/when'"].is_open
        run = project.apply(plan)
        assert run.ok, run.failures
        assert project.plan().is_empty
    times = [
        int(host.path(path).read_text())
        for host, path in ((one, "/srv/when"), (two, "/srv/when"), (one, "/srv/last"))
    ]
    assert times == sorted(times)
    with (
        loaded(tmp_path, hosts[:2], ORDER, parallel=1) as project,
        pytest.raises(ConfigurationError, match="2 hosts wait for each other, but only 1"),
    ):
        project.plan()


def test_a_cycle_over_hosts_is_told_with_all_its_lines(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    one = hosts[0]
    text = ORDER.replace("return Command(", 'return Command(after="file:/srv/end", argv=')
    text = text.replace(
        "    Command(\n",
        '    end = File("/srv/end", content="x", after=two[b.name])\n    Command(\n',
    )
    with (
        loaded(tmp_path, hosts[:2], text) as project,
        pytest.raises(ConfigurationError) as caught,
    ):
        project.plan()
    (problem,) = caught.value.diagnostics
    assert problem.summary == "these resources wait for each other in a cycle over several hosts"
    assert f"{one.name}/file:/srv/end before" in problem.detail
    assert "(declared: after=)" in problem.detail
    assert len(problem.origins) == len(problem.detail.splitlines()) == 3


def test_a_host_outside_of_the_limit_is_read_and_left_as_it_is(
    tmp_path: Path, hosts: list[LabHost]
) -> None:
    one, two, three = hosts
    write_keys_template(tmp_path)
    with loaded(tmp_path, hosts, KEYS) as project:
        early = project.plan(limit=three.name)
        assert not early.ok
        summaries = {p.summary for p in early.hosts[0].problems}
        assert (
            f"{one.name}/ssh_key:/root/.ssh/id_ed25519.public_key has no value yet, and {one.name} "
            "is outside of --limit"
        ) in summaries
        assert project.apply(project.plan(limit=f"{one.name},{two.name}")).ok
        one.run(["chmod", "0755", "/root/.ssh"])
        plan = project.plan(limit=three.name)
        assert plan.ok, [str(p) for p in plan.hosts[0].problems]
        assert [host.host for host in plan.hosts] == [three.name]
        assert project.apply(plan).ok
        assert three.path("/srv/first").exists()
        assert one.path("/root/.ssh").stat().st_mode & 0o777 == 0o755, "it was left alone"
