"""What becomes of what is no longer declared, in a directory as target."""

import hashlib
from pathlib import Path

import pytest

import cfgdsl
from tests.engine.estate import Estate, actions, told


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate.below(tmp_path)


SITE = """
Directory("/srv", mode=0o750)
File("/srv/page", content="hello", mode=0o640)
Symlink("/srv/first", to="page")
"""


def test_what_was_created_goes_with_its_declaration_in_an_order_that_works(estate: Estate) -> None:
    estate.apply(SITE)
    estate.declare()
    plan = estate.plan()
    assert actions(plan) == {
        "directory:/srv": "delete",
        "file:/srv/page": "delete",
        "symlink:/srv/first": "delete",
    }
    assert all(step.reason == "no longer declared" for step in plan.steps)
    estate.apply()
    assert estate.tree() == {}
    assert estate.plan().is_empty


def test_what_was_there_before_is_put_back_as_it_was(estate: Estate) -> None:
    estate.write("motd", "theirs\n", 0o600)
    before = estate.tree()
    estate.apply('File("/motd", content="ours", mode=0o644)\nFile("/new", content="x")')
    estate.apply('File("/motd", content="ours, newer", mode=0o640)\nFile("/new", content="x")')
    assert estate.read("motd") == "ours, newer"
    estate.declare()
    assert actions(estate.plan()) == {"file:/motd": "restore", "file:/new": "delete"}
    estate.apply()
    assert estate.tree() == before
    assert estate.plan().is_empty


def test_what_was_as_declared_already_is_only_forgotten(estate: Estate) -> None:
    estate.write("motd", "theirs\n", 0o644)
    estate.apply('File("/motd", content="theirs\\n")')
    assert estate.entries()[-2]["event"] == "adopt"
    estate.declare()
    plan = estate.plan()
    assert plan.is_empty
    estate.apply()
    assert estate.read("motd") == "theirs\n"
    assert "owned" not in str(estate.entries()[-2])


def test_nothing_that_a_later_run_changed_by_hand_is_left_when_it_is_dropped(
    estate: Estate,
) -> None:
    """Drift of what is dropped keeps nothing: it is ours, whoever touched it last."""
    estate.apply('File("/a", content="a")')
    estate.write("a", "by hand")
    estate.declare()
    estate.apply()
    assert estate.tree() == {}


def test_what_was_there_and_was_declared_absent_comes_back(estate: Estate) -> None:
    estate.write("theirs", "theirs\n", 0o640)
    (estate.root / "folder").mkdir(mode=0o711)
    (estate.root / "link").symlink_to("theirs")
    before = estate.tree()
    names = {"File": "theirs", "Directory": "folder", "Symlink": "link"}
    estate.apply("\n".join(f'{cls}("/{name}", absent=True)' for cls, name in names.items()))
    assert estate.tree() == {}
    estate.apply("")
    assert estate.tree() == before


@pytest.mark.parametrize(
    "later", ["", 'File("/s", content="plain")', 'File("/s", absent=True)', "restored"]
)
def test_a_secret_is_in_no_record_once_it_is_replaced_or_dropped(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    monkeypatch.setenv("THE_SECRET", "hunter2-hunter2")
    if later == "restored":
        estate.write("s", "theirs")
        estate.apply('File("/s", content="plain first")')
    estate.apply('File("/s", content=Secret.env("THE_SECRET"))')
    later_run = estate.apply(later.replace("restored", ""))
    digest = hashlib.sha256(b"hunter2-hunter2").hexdigest()
    for file in (f for f in estate.record.rglob("*") if f.is_file()):
        assert b"hunter2" not in file.read_bytes()
        assert digest.encode() not in file.read_bytes()
    if later == "restored":
        assert estate.read("s") == "theirs"
    plan = estate.plan_rollback(later_run.id)
    assert plan.is_empty
    assert "demo/file:/s: cannot be undone: a file has no way back, or held a secret" in told(plan)


def test_on_drop_decides(estate: Estate) -> None:
    estate.write("b", "theirs")
    estate.apply(
        """
        File("/a", content="a", on_drop="forget")
        File("/b", content="b", on_drop="delete")
        File("/c", content="c")
        """
    )
    estate.declare()
    plan = estate.plan()
    assert actions(plan) == {"file:/b": "delete", "file:/c": "delete"}
    assert "demo/file:/a: is no longer declared, and left as it is" in told(plan)
    estate.apply()
    assert sorted(estate.tree()) == ["a"]
    assert told(estate.plan()) == ""


def test_what_is_protected_is_not_deleted_after_its_code_is_gone(estate: Estate) -> None:
    estate.apply('File("/data", content="precious", protect=True)  # HERE')
    line = estate.line("HERE")
    estate.declare()
    for _ in range(2):
        plan = estate.plan()
        assert not plan.ok
        (problem,) = plan.hosts[0].problems
        assert problem.address == "demo/file:/data"
        assert "is protected, and no longer declared" in problem.summary
        assert problem.origins[0].line == line
        assert "protect=False" in (problem.hint or "")
    estate.apply('File("/data", content="precious", protect=False)')
    estate.apply("")
    assert estate.tree() == {}


def test_an_absent_declaration_of_what_is_protected_is_an_error(estate: Estate) -> None:
    estate.apply('File("/data", content="precious", protect=True)')
    estate.declare('File("/data", absent=True, protect=True)')
    plan = estate.plan()
    assert not plan.ok
    assert "demo/file:/data: is protected, and would be deleted" in told(plan)
    assert estate.read("data") == "precious"


def test_a_directory_is_deleted_only_when_nothing_else_is_in_it(estate: Estate) -> None:
    estate.apply(SITE)
    estate.write("srv/theirs", "x")
    estate.declare()
    plan = estate.plan()
    assert "directory:/srv" not in actions(plan)
    assert "demo/directory:/srv: is no longer declared, and kept" in told(plan)
    estate.apply()
    assert sorted(estate.tree()) == ["srv", "srv/theirs"]
    (estate.root / "srv/theirs").unlink()
    estate.apply()
    assert estate.tree() == {}


def test_many_at_once_need_a_word(estate: Estate) -> None:
    estate.apply('for n in range(30): File(f"/{n}", content="x")')
    estate.declare()
    plan = estate.plan()
    assert not plan.ok
    assert "30 of 30 resources are no longer declared" in told(plan)
    assert "--allow-drops 30" in told(plan)
    assert not estate.plan(allow_drops=29).ok
    estate.apply(allow_drops=30)
    assert estate.tree() == {}


def test_a_selection_by_tags_drops_nothing_of_other_tags(estate: Estate) -> None:
    estate.apply('File("/a", content="a", tags=["x"])\nFile("/b", content="b", tags=["y"])')
    estate.declare('File("/a", content="new", tags=["x"])')
    assert actions(estate.plan(tags=["x"])) == {"file:/a": "update"}
    estate.apply(tags=["x"])
    assert estate.read("b") == "b"
    assert actions(estate.plan()) == {"file:/b": "delete"}


def test_a_new_name_of_the_same_thing_is_told_with_moved(estate: Estate) -> None:
    estate.apply('File("/a", content="a", id="old")')
    estate.declare('moved("file:old", "file:new")\nFile("/a", content="a", id="new")')
    plan = estate.plan()
    assert plan.is_empty
    estate.apply()
    estate.declare('File("/a", content="a", id="new")')
    journal = estate.journal.read_bytes()
    estate.apply()
    assert estate.journal.read_bytes() == journal
    estate.apply("")
    assert estate.tree() == {}


def test_a_new_name_without_moved_changes_hands_and_deletes_nothing(estate: Estate) -> None:
    estate.apply('File("/a", content="a", id="old")')
    estate.declare('File("/a", content="b", id="new")')
    assert actions(estate.plan()) == {"file:new": "update"}
    estate.apply()
    assert estate.read("a") == "b"
    assert estate.plan().is_empty


def test_two_projects_leave_each_others_things_alone(estate: Estate) -> None:
    other = Estate(estate.folder, estate.root, "other")
    estate.apply('File("/a", content="a")')
    other.apply('File("/b", content="b")')
    assert estate.plan().is_empty
    other.declare('File("/a", content="mine")  # HERE')
    plan = other.plan()
    assert not plan.ok
    problem = plan.hosts[0].problems[0]
    assert problem.summary == "belongs to the project 'demo', which declares it as file:/a"
    assert problem.origins[0].line == other.line("HERE")
    other.declare()
    assert actions(other.plan()) == {"file:/b": "delete"}
    other.apply()
    assert estate.read("a") == "a"
    assert sorted(estate.tree()) == ["a"]
    estate.apply("")
    other.apply('File("/a", content="mine")')
    assert estate.read("a") == "mine"


def test_destroy_takes_away_what_was_made_and_puts_back_what_was_there(estate: Estate) -> None:
    estate.write("etc/motd", "theirs\n", 0o600)
    estate.write("etc/kept", "kept\n", 0o640)
    (estate.root / "etc/link").symlink_to("motd")
    before = estate.tree()
    estate.apply(
        """
        Directory("/etc", mode=0o711)
        File("/etc/motd", content="ours", mode=0o644)
        File("/etc/kept", content="kept\\n")
        Symlink("/etc/link", to="kept")
        Directory("/srv")
        Directory("/srv/a")
        File("/srv/a/c", content="c")
        """
    )
    estate.apply(
        """
        Directory("/etc", mode=0o711)
        File("/etc/motd", content="ours, newer", mode=0o644)
        Symlink("/etc/link", to="kept")
        Directory("/srv")
        Directory("/srv/a")
        File("/srv/a/c", content="c, newer")
        """
    )
    assert estate.tree() != before
    estate.destroy()
    assert estate.tree() == before
    with_nothing = estate.journal.read_bytes()
    estate.destroy()
    assert estate.journal.read_bytes() == with_nothing


def test_destroy_stops_at_what_is_protected(estate: Estate) -> None:
    estate.apply('File("/a", content="a")\nFile("/data", content="x", protect=True)')
    with cfgdsl.load(estate.file) as project:
        plan = project.plan_destroy()
    assert not plan.ok
    assert "is protected" in told(plan)
    assert sorted(estate.tree()) == ["a", "data"]


def test_destroy_needs_no_configuration_that_can_be_evaluated(estate: Estate) -> None:
    estate.apply('File("/a", content="a")')
    estate.declare('raise RuntimeError("broken")')
    estate.destroy()
    assert estate.tree() == {}
