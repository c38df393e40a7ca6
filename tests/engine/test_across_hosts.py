"""References between hosts, on directories that stand for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

import cfgdsl
from cfgdsl import ConfigurationError, Options, Project

HEAD = """
from cfgdsl import *
from cfgdsl_stdlib import Directory, File

a, b, c = (Host.local({root!r} + "/" + name, name=name) for name in "abc")
"""


@contextmanager
def loaded(folder: Path, text: str, *, parallel: int = 50) -> Iterator[Project]:
    for name in "abc":
        (folder / name).mkdir(exist_ok=True)
    config = folder / "infra.py"
    config.write_text(HEAD.format(root=str(folder)) + text)
    with cfgdsl.load(config, options=Options(parallel=parallel)) as project:
        yield project


CHAIN = """
@configure(c)
def last(host):
    File("/f", content=template("sums.j2", sums=[middle["b"].sha256, first["a"].sha256]))

@configure(b)
def middle(host):
    return File("/f", content=first["a"].sha256)

@configure(a)
def first(host):
    return File("/f", content="hello")
"""


@pytest.mark.parametrize("parallel", [1, 50])
def test_foreseen_values_go_from_host_to_host(tmp_path: Path, parallel: int) -> None:
    (tmp_path / "sums.j2").write_text("{{ sums | map('truncate', 4, true, '') | join(' ') }}")
    with loaded(tmp_path, CHAIN, parallel=parallel) as project:
        plan = project.plan()
        assert plan.ok, [str(p) for host in plan for p in host.problems]
        assert [(s.address, s.is_open, s.gates) for s in plan.steps] == [
            ("c/file:/f", False, ("a/file:/f", "b/file:/f")),
            ("b/file:/f", False, ("a/file:/f",)),
            ("a/file:/f", False, ()),
        ]
        assert project.apply(plan).ok
        digests = [sha256(b"hello").hexdigest()]
        digests.append(sha256(digests[0].encode()).hexdigest())
        assert (tmp_path / "c" / "f").read_text() == f"{digests[1][:4]} {digests[0][:4]}"
        assert project.plan().is_empty
        (tmp_path / "b" / "f").write_text("drift")
        repair = project.plan()
        assert [(s.address, s.gates) for s in repair.steps] == [("b/file:/f", ())]


BOTH_WAYS = """
@configure(a)
def start(host):
    return File("/start", content="x")

@configure(b)
def middle(host):
    return File("/middle", content=start["a"].sha256)

@configure(a)
def end(host):
    File("/end", content=middle["b"].sha256)
"""


def test_hosts_that_use_each_other_are_planned_until_all_is_known(tmp_path: Path) -> None:
    with loaded(tmp_path, BOTH_WAYS) as project:
        plan = project.plan()
        assert plan.ok
        assert {s.address: s.gates for s in plan.steps} == {
            "a/file:/start": (),
            "a/file:/end": ("b/file:/middle",),
            "b/file:/middle": ("a/file:/start",),
        }
        assert all(not step.is_open for step in plan.steps)
        assert project.apply(plan).ok
        assert project.plan().is_empty
    with (
        loaded(tmp_path, BOTH_WAYS, parallel=1) as project,
        pytest.raises(ConfigurationError, match="2 hosts wait for each other, but only 1"),
    ):
        project.plan()


def test_a_host_that_cannot_be_planned_shuts_its_gates(tmp_path: Path) -> None:
    text = """
@configure(a)
def one(host):
    Directory("/is-a-file")
    return File("/f", content="x")

@configure(b)
def two(host):
    File("/waits", content="x", after=one["a"])
    File("/goes-on", content="x")
"""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "is-a-file").write_text("")
    with loaded(tmp_path, text) as project:
        plan = project.plan()
        assert [bool(host.problems) for host in plan] == [True, False]
        run = project.apply(plan)
    assert {d.step.identity: (d.outcome, d.detail) for d in run.outcomes} == {
        "file:/waits": ("skipped", {"because": "a"}),
        "file:/goes-on": ("changed", {}),
    }


def test_a_misspelt_host_or_component_is_told(tmp_path: Path) -> None:
    text = """
@configure(a)
def one(host):
    with component("group") as group:
        File("/f", content="x")
    return group

@configure(b)
def two(host):
    File("/g", content="x", after=one["a"])
"""
    with loaded(tmp_path, text) as project:
        (problem,) = project.plan().hosts[1].problems
        assert problem.summary == "after= refers to a/component:group, which is on another host"


def test_templates_say_where_an_output_was_used_as_a_value(tmp_path: Path) -> None:
    text = """
@configure(a)
def one(host):
    made = File("/f", content="x")
    File("/g", content=template("t.j2", made=made))
"""
    (tmp_path / "t.j2").write_text("\n{{ made.sha256 }}\n")
    with loaded(tmp_path, text) as project, pytest.raises(ConfigurationError) as caught:
        project.plan()
    (problem,) = caught.value.diagnostics
    assert "t.j2:2: file:/f.sha256 is known only after apply" in problem.summary
    assert "Give template() the output itself." in problem.detail


def test_a_plan_that_is_not_the_last_is_refused_where_hosts_wait(tmp_path: Path) -> None:
    with loaded(
        tmp_path, CHAIN.replace('template("sums.j2", sums=', "(lambda a: a[0])(")
    ) as project:
        old = project.plan()
        project.plan(limit="a")
        with pytest.raises(ConfigurationError, match="not the last plan"):
            project.apply(old)
        assert project.apply(project.plan()).ok


@pytest.mark.parametrize("use", ["json.dumps([made.sha256])", '",".join([made.sha256])'])
def test_what_only_python_refuses_has_a_hint_too(tmp_path: Path, use: str) -> None:
    text = f"""
import json

@configure(a)
def one(host):
    made = File("/f", content="x")
    File("/g", content={use})
"""
    with loaded(tmp_path, text) as project, pytest.raises(ConfigurationError) as caught:
        project.plan()
    (problem,) = caught.value.diagnostics
    assert problem.origins[0].line == text.count("\n") + HEAD.count("\n")
    assert ".map(function)" in problem.hint
