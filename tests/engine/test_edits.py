"""Edits of files from the declaration to the disk: one write, whoever owns the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import cfgdsl
from cfgdsl import ConfigurationError, HostPlan

HEAD = """
from cfgdsl import *
from cfgdsl_stdlib import *

project({project!r})

@configure(Host.local({root!r}))
def everything(host):
"""


@attrs.frozen
class Site:
    """A configuration and the folder that it configures."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def _load(self, body: str, project: str) -> cfgdsl.Project:
        config = self.folder / "infra.py"
        head = HEAD.format(project=project, root=str(self.root))
        config.write_text(head + "".join(f"    {line}\n" for line in body.strip().splitlines()))
        return cfgdsl.load(config)

    def plan(self, body: str, *, project: str = "a", tags: Sequence[str] = ()) -> HostPlan:
        with self._load(body, project) as loaded:
            return loaded.plan(tags=tags).hosts[0]

    def apply(self, body: str, *, project: str = "a") -> dict[str, str]:
        with self._load(body, project) as loaded:
            plan = loaded.plan()
            assert plan.ok, [str(problem) for problem in plan.hosts[0].problems]
            run = loaded.apply(plan)
            assert run.ok, [done.detail for done in run.failures]
            assert loaded.plan().is_empty
            return {step.identity: step.action for step in plan.steps}

    def text(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "root").mkdir()
    return Site(tmp_path)


def test_two_lines_and_a_template_are_one_write(site: Site) -> None:
    (site.folder / "f.j2").write_text("a = {{ a }}\nb = 0\n")
    body = """
File("/f", content=template("f.j2", a=1), mode=0o640)
Line("/f", "b = 2", match="^b =")
Line("/f", "c = 3")
"""
    (step,) = site.plan(body).steps
    assert [part.identity for part in step.parts] == [
        "file:/f",
        "line:/f:b = 2",
        "line:/f:c = 3",
    ]
    assert site.apply(body) == {"file:/f": "create"}
    assert site.text("f") == "a = 1\nb = 2\nc = 3\n"
    assert (site.root / "f").stat().st_mode & 0o777 == 0o640


def test_a_conflict_names_both_lines_of_the_configuration(site: Site) -> None:
    body = 'File("/f")\nLine("/f", "a = 1", match="^a =")\nLine("/f", "a = 2", match="^a =")'
    with pytest.raises(ConfigurationError) as caught:
        site.plan(body)
    (problem,) = caught.value.diagnostics
    assert "line:/f:a = 2 undoes line:/f:a = 1" in problem.summary
    assert [origin.line for origin in problem.origins] == [10, 11]


def test_a_file_is_chosen_by_the_tags_and_components_of_its_parts(site: Site) -> None:
    body = """
File("/f", content="x\\n")
with component("web"):
    Line("/f", "a")
Line("/f", "b", tags=["db"])
File("/other", content="y", tags=["other"])
"""
    for tag in ("web", "db"):
        assert [step.identity for step in site.plan(body, tags=[tag]).steps] == ["file:/f"]
    assert [step.identity for step in site.plan(body, tags=["other"]).steps] == ["file:/other"]
    assert site.plan(body).steps[0].component == "component:web"


def test_two_projects_may_edit_one_file_of_others(site: Site) -> None:
    (site.root / "hosts").write_text("localhost\n")
    assert site.apply('Line("/hosts", "one")', project="a") == {"file:/hosts": "update"}
    assert site.apply('Line("/hosts", "two")', project="b") == {"file:/hosts": "update"}
    assert site.plan('Line("/hosts", "one")', project="a").is_empty
    assert site.text("hosts") == "localhost\none\ntwo\n"


def test_a_file_that_one_project_declares_no_other_may_edit(site: Site) -> None:
    site.apply('File("/f", content="a\\n")', project="a")
    (problem,) = site.plan('Line("/f", "b")', project="b").problems
    assert "belongs to the project 'a'" in problem.summary


def test_what_is_edited_stays_when_an_edit_is_no_longer_declared(site: Site) -> None:
    (site.root / "hosts").write_text("localhost\n")
    site.apply('Line("/hosts", "one")\nLine("/hosts", "two")')
    assert site.apply('Line("/hosts", "two")') == {}
    (note,) = site.plan("pass").notes
    assert note.summary == "is no longer declared, and left as it is"
    assert site.apply("pass") == {}
    assert site.text("hosts") == "localhost\none\ntwo\n"


def test_a_file_that_only_edits_have_made_stays_too(site: Site) -> None:
    site.apply('Line("/f", "a", create=True)')
    assert site.apply("pass") == {}
    assert site.text("f") == "a\n"


def test_a_file_that_is_only_edited_from_now_on_is_no_longer_to_be_deleted(site: Site) -> None:
    site.apply('File("/f", content="a\\n")')
    site.apply('Line("/f", "b")')
    assert site.apply("pass") == {}
    assert site.text("f") == "a\nb\n"


def test_a_declared_file_is_dropped_as_a_whole_and_rendered_without_a_dropped_edit(
    site: Site,
) -> None:
    file, line = 'File("/f", content="a\\n")', 'Line("/f", "b")'
    site.apply(f"{file}\n{line}")
    assert site.apply(file) == {"file:/f": "update"}
    assert site.text("f") == "a\n"
    site.apply(f"{file}\n{line}")
    assert site.apply("pass") == {"file:/f": "delete"}
    assert not (site.root / "f").exists()


def test_edits_go_on_while_something_else_is_dropped(site: Site) -> None:
    edits = 'File("/f")\na = Line("/f", "a")\nFile("/g", content="g", after=a)\nLine("/f", "b")'
    site.apply(f'{edits}\nFile("/gone", content="x")')
    (site.root / "f").write_text("")
    done = site.apply(edits)
    assert done == {"file:/f": "update", "file:/gone": "delete"}
    assert site.text("f") == "a\nb\n"


@pytest.mark.parametrize("file", ["", 'File("/f", mode=0o600)\n'])
def test_drift_is_told_apart_from_intent(site: Site, file: str) -> None:
    body = f'{file}Line("/f", "a", create=True)'
    site.apply(body)
    (site.root / "f").write_text("drift\n")
    (step,) = site.plan(body).steps
    assert step.corrective
    (step,) = site.plan(body.replace('"a"', '"b"')).steps
    assert not step.corrective


def test_an_older_secret_is_shown_by_no_plan(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setenv("PASSWORD", "hunter3")
    (site.root / "f").write_text("password = hunter2\nuser = me\n")
    body = 'Line("/f", f"password = {Secret.env(\'PASSWORD\')}", name="p", match="^password")'
    (step,) = site.plan(body).steps
    shown = str(step.to_json())
    assert "hunter" not in shown
    assert "user = me" not in shown
    site.apply(body)
    assert site.text("f") == "password = hunter3\nuser = me\n"
    assert (site.root / "f").stat().st_mode & 0o777 == 0o600
    records = [path for path in site.root.rglob("*") if path.is_file() and path.name != "f"]
    assert not any(b"hunter" in path.read_bytes() for path in records)
