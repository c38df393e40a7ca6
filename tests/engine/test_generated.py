"""Generated passwords on directories that stand for hosts: where they get to, and that they stay
the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import cfgdsl
from cfgdsl import ConfigurationError, Project

HEAD = """
from cfgdsl import *
from cfgdsl_stdlib import Command, File, RandomPassword

project({project!r})
a, b = (Host.local({root!r} + "/" + name, name=name) for name in "ab")
"""


@contextmanager
def loaded(folder: Path, text: str, *, project: str = "p") -> Iterator[Project]:
    for name in "ab":
        (folder / name).mkdir(exist_ok=True)
    config = folder / "infra.py"
    config.write_text(HEAD.format(root=str(folder), project=project) + text)
    with cfgdsl.load(config) as found:
        yield found


def secret_of(folder: Path, host: str, project: str = "p") -> str:
    (path,) = (folder / host / ".cfgdsl" / project / "generated").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_text()


ONE = """
@configure(a)
def everything(host):
    password = RandomPassword("db")
    File("/plain", content=password.value)
    File("/open", content=password.value, mode=0o640)
    File("/url", content=password.value.map("postgres://app:{}@db/app".format))
    File("/rendered", content=template("t.j2", password=password.value, user="app"))
"""


def test_it_gets_into_files_and_templates_and_stays_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("{{ user }} {{ password }}\n")
    with loaded(tmp_path, ONE) as project:
        plan = project.plan()
        assert {s.identity: (s.action, s.is_open) for s in plan.steps} == {
            "random_password:db": ("create", False),
            "file:/plain": ("create", True),
            "file:/open": ("create", True),
            "file:/url": ("create", True),
            "file:/rendered": ("create", True),
        }
        run = project.apply(plan)
        assert run.ok, run.failures
        secret = secret_of(tmp_path, "a")
        expected = {
            "plain": (secret, 0o600),
            "open": (secret, 0o640),
            "url": (f"postgres://app:{secret}@db/app", 0o600),
            "rendered": (f"app {secret}\n", 0o600),
        }
        for name, (text, mode) in expected.items():
            path = tmp_path / "a" / name
            assert (path.read_text(), path.stat().st_mode & 0o777) == (text, mode), name
        assert project.plan().is_empty
    with loaded(tmp_path, ONE) as project:
        assert project.plan().is_empty, "also for who has never seen it"
        (tmp_path / "a/plain").write_text("drift")
        plan = project.plan()
        assert [(s.identity, s.is_open) for s in plan.steps] == [("file:/plain", False)]
        assert secret not in str(plan.to_json())
        assert project.apply(plan).ok
        assert (tmp_path / "a/plain").read_text() == secret
        assert secret_of(tmp_path, "a") == secret


ACROSS = """
@configure(b)
def app(host):
    File("/password", content=db["a"].value)

@configure(a)
def db(host):
    return RandomPassword("db", length=12, alphabet="abcdefghij")
"""


def test_another_host_uses_it(tmp_path: Path) -> None:
    with loaded(tmp_path, ACROSS) as project:
        plan = project.plan()
        assert plan["b/file:/password"].gates == ("a/random_password:db",)
        assert project.apply(plan).ok
        secret = secret_of(tmp_path, "a")
        assert len(secret) == 12
        assert (tmp_path / "b/password").read_text() == secret
        assert not (tmp_path / "b/.cfgdsl/p/generated").exists()
        assert project.plan().is_empty
        (tmp_path / "b/password").unlink()
        alone = project.plan(limit="b")
        assert [s.is_open for s in alone.steps] == [False]
        assert project.apply(alone).ok
        assert (tmp_path / "b/password").read_text() == secret


def test_outside_of_the_limit_it_is_not_made(tmp_path: Path) -> None:
    with loaded(tmp_path, ACROSS) as project:
        (problem,) = (p for host in project.plan(limit="b") for p in host.problems)
        assert "a/random_password:db.value has no value yet" in str(problem)


def test_a_saved_plan_asks_the_host_for_it(tmp_path: Path) -> None:
    file = tmp_path / "x.plan"
    with loaded(tmp_path, ACROSS) as project:
        assert project.apply(project.plan()).ok
        (tmp_path / "b/password").unlink()
        secret = secret_of(tmp_path, "a")
        both = project.plan()
        project.save(both, file)
    assert secret.encode() not in file.read_bytes()
    with cfgdsl.load_plan(file) as saved:
        assert saved.apply().ok
    assert (tmp_path / "b/password").read_text() == secret


def test_a_saved_plan_without_the_host_that_has_it_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.plan"
    with loaded(tmp_path, ACROSS) as project:
        assert project.apply(project.plan()).ok
        (tmp_path / "b/password").unlink()
        project.save(project.plan(limit="b"), file)
    with cfgdsl.load_plan(file) as saved, pytest.raises(ConfigurationError) as caught:
        saved.apply()
    assert "Its host must be among those of the plan" in str(caught.value)
    assert not (tmp_path / "b/password").exists()


def test_two_projects_have_one_each(tmp_path: Path) -> None:
    text = '@configure(a)\ndef one(host):\n    RandomPassword("db")\n'
    for name in ("p", "q"):
        with loaded(tmp_path, text, project=name) as project:
            assert project.apply(project.plan()).ok
    assert secret_of(tmp_path, "a", "p") != secret_of(tmp_path, "a", "q")


def test_undeclared_it_stays_and_absent_it_goes(tmp_path: Path) -> None:
    declare = '@configure(a)\ndef one(host):\n    RandomPassword("db"{})\n'
    with loaded(tmp_path, declare.format("")) as project:
        assert project.apply(project.plan()).ok
    secret = secret_of(tmp_path, "a")
    with loaded(tmp_path, "@configure(a)\ndef one(host):\n    pass\n") as project:
        plan = project.plan()
        assert plan.is_empty
        assert project.apply(plan).ok
    with loaded(tmp_path, declare.format("")) as project:
        assert project.plan().is_empty
    assert secret_of(tmp_path, "a") == secret
    with loaded(tmp_path, declare.format(", absent=True")) as project:
        plan = project.plan()
        assert [s.action for s in plan.steps] == ["delete"]
        assert project.apply(plan).ok
        assert project.plan().is_empty
    assert list((tmp_path / "a/.cfgdsl/p/generated").iterdir()) == []


def test_dropped_it_goes_where_that_was_said(tmp_path: Path) -> None:
    text = '@configure(a)\ndef one(host):\n    RandomPassword("db", on_drop="delete")\n'
    with loaded(tmp_path, text) as project:
        assert project.apply(project.plan()).ok
    with loaded(tmp_path, "@configure(a)\ndef one(host):\n    pass\n") as project:
        plan = project.plan(allow_drops=1)
        assert [s.action for s in plan.steps] == ["delete"]
        assert project.apply(plan).ok
    assert list((tmp_path / "a/.cfgdsl/p/generated").iterdir()) == []


def test_another_length_is_refused_and_nothing_is_replaced(tmp_path: Path) -> None:
    text = '@configure(a)\ndef one(host):\n    RandomPassword("db", length={})\n'
    with loaded(tmp_path, text.format(20)) as project:
        assert project.apply(project.plan()).ok
    secret = secret_of(tmp_path, "a")
    with loaded(tmp_path, text.format(30)) as project:
        (problem,) = (p for host in project.plan() for p in host.problems)
        assert problem.summary == "the password that is there has 20 characters, not 30"
        assert secret not in str(problem)
    assert secret_of(tmp_path, "a") == secret


def test_what_a_function_of_the_user_raises_shows_a_reference(tmp_path: Path) -> None:
    text = """
def broken(password):
    raise ValueError(f"bad: {password}")

@configure(a)
def one(host):
    password = RandomPassword("db")
    File("/x", content=password.value.map(broken))
"""
    with loaded(tmp_path, text) as project:
        run = project.apply(project.plan())
        secret = secret_of(tmp_path, "a")
        (failure,) = run.failures
        told = f"{failure} {failure.detail}"
        assert "bad: (secret generated a/db)" in told
        assert secret not in told
        (problem,) = (p for host in project.plan() for p in host.problems)
        assert secret not in str(problem)


def test_an_argument_never_holds_it(tmp_path: Path) -> None:
    text = """
@configure(a)
def one(host):
    Command(["echo", RandomPassword("db").value], creates="/x")
"""
    with pytest.raises(ConfigurationError, match="argv"), loaded(tmp_path, text) as project:
        project.plan()
