"""The way back from a run, from what the host itself has kept; a directory as target."""

import json
from pathlib import Path

import pytest

import cfgdsl
from cfgdsl import ConfigurationError
from tests.engine.estate import Estate, actions, told


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate.below(tmp_path)


def test_all_that_a_run_did_comes_back(estate: Estate) -> None:
    estate.write("etc/motd", "theirs\n", 0o600)
    estate.write("etc/gone", "deleted by the run\n", 0o640)
    (estate.root / "etc/link").symlink_to("motd")
    estate.apply('File("/etc/early", content="v1", mode=0o644)\nDirectory("/etc", mode=0o755)')
    before = estate.tree()
    run = estate.apply(
        """
        Directory("/etc", mode=0o700)
        File("/etc/early", content="v2", mode=0o600)
        File("/etc/motd", content="ours", mode=0o644)
        File("/etc/gone", absent=True)
        Symlink("/etc/link", to="early")
        Directory("/etc/new")
        File("/etc/new/file", content="x")
        """
    )
    assert estate.tree() != before
    plan = estate.plan_rollback(run.id)
    assert actions(plan) == {
        "directory:/etc": "update",
        "file:/etc/early": "update",
        "file:/etc/motd": "update",
        "file:/etc/gone": "create",
        "symlink:/etc/link": "update",
        "directory:/etc/new": "delete",
        "file:/etc/new/file": "delete",
    }
    assert "the code still declares the newer state of 7 of these" in told(plan)
    estate.rollback(run.id)
    assert estate.tree() == before


def test_once_rolled_back_there_is_nothing_left_to_undo(estate: Estate) -> None:
    run = estate.apply('File("/a", content="a")')
    estate.rollback(run.id)
    assert estate.plan_rollback(run.id).is_empty
    assert estate.tree() == {}


def test_a_rollback_can_be_rolled_back(estate: Estate) -> None:
    estate.apply('File("/a", content="v1")')
    second = estate.apply('File("/a", content="v2")')
    back = estate.rollback(second.id)
    assert estate.read("a") == "v1"
    estate.rollback(back.id)
    assert estate.read("a") == "v2"


def test_the_next_apply_makes_again_what_the_code_still_declares(estate: Estate) -> None:
    estate.apply('File("/a", content="v1")')
    run = estate.apply('File("/a", content="v2")\nFile("/b", content="b")')
    estate.rollback(run.id)
    assert (estate.read("a"), sorted(estate.tree())) == ("v1", ["a"])
    assert actions(estate.plan()) == {"file:/a": "update", "file:/b": "create"}
    estate.apply()
    assert (estate.read("a"), estate.read("b")) == ("v2", "b")


def test_with_the_code_taken_back_too_nothing_is_left_to_do(estate: Estate) -> None:
    estate.apply('File("/a", content="v1")')
    run = estate.apply('File("/a", content="v2")\nFile("/b", content="b")')
    estate.rollback(run.id)
    estate.declare('File("/a", content="v1")')
    assert estate.plan().is_empty


def test_an_old_run_is_undone_below_newer_ones(estate: Estate) -> None:
    """What was before that run: what newer runs did to the same things goes too, all else stays."""
    estate.apply('File("/a", content="v1")')
    old = estate.apply('File("/a", content="v2")\nFile("/b", content="b")')
    estate.apply('File("/a", content="v3")\nFile("/b", content="b")\nFile("/c", content="c")')
    plan = estate.plan_rollback(old.id)
    assert actions(plan) == {"file:/a": "update", "file:/b": "delete"}
    estate.rollback(old.id)
    assert (estate.read("a"), estate.read("c")) == ("v1", "c")
    assert sorted(estate.tree()) == ["a", "c"]


def test_what_was_made_and_undone_is_owned_no_longer(estate: Estate) -> None:
    run = estate.apply('File("/a", content="a")')
    estate.rollback(run.id)
    estate.write("a", "theirs")
    estate.declare()
    assert estate.plan().is_empty
    estate.apply()
    assert estate.read("a") == "theirs"


def test_what_is_dropped_by_a_run_comes_back(estate: Estate) -> None:
    body = 'Directory("/srv", mode=0o750)\nFile("/srv/page", content="hello", mode=0o640)'
    estate.apply(body)
    before = estate.tree()
    run = estate.apply("")
    assert estate.tree() == {}
    estate.rollback(run.id)
    assert estate.tree() == before


def test_what_a_saved_plan_drops_comes_back_too(estate: Estate) -> None:
    estate.apply('File("/a", content="a", mode=0o640)')
    before = estate.tree()
    estate.declare()
    saved = estate.folder.parent / "x.plan"
    with cfgdsl.load(estate.file) as project:
        project.save(project.plan(), saved)
    with cfgdsl.load_plan(saved) as found:
        run = found.apply()
    assert run.ok
    assert estate.tree() == {}
    estate.rollback(run.id)
    assert estate.tree() == before


def test_a_content_that_was_not_kept_is_said_at_plan_time(estate: Estate) -> None:
    estate.apply('File("/a", content="v1")\nFile("/b", content="v1 of b")')
    run = estate.apply('File("/a", content="v2")\nFile("/b", content="v2 of b")  # HERE')
    for kept in (estate.record / "backup").iterdir():
        if kept.read_text() == "v1":
            kept.unlink()
    plan = estate.plan_rollback(run.id)
    assert actions(plan) == {"file:/b": "update"}
    assert "demo/file:/a: cannot be undone: its old content (2 bytes) was not kept" in told(plan)


def test_an_unknown_run_is_an_error_that_says_where_to_look(estate: Estate) -> None:
    estate.apply('File("/a", content="a")')
    with pytest.raises(ConfigurationError, match="no host knows a run 20200101T000000Z-00000000"):
        estate.plan_rollback("20200101T000000Z-00000000")


def test_a_run_of_another_project_is_unknown(estate: Estate) -> None:
    other = Estate(estate.folder, estate.root, "other")
    run = other.apply('File("/a", content="a")')
    estate.apply('File("/b", content="b")')
    with pytest.raises(ConfigurationError, match="no host knows a run"):
        estate.plan_rollback(run.id)


def test_the_way_back_needs_no_code_that_works(estate: Estate) -> None:
    estate.apply('File("/a", content="v1")')
    run = estate.apply('File("/a", content="v2")')
    estate.declare('raise RuntimeError("broken")')
    estate.rollback(run.id)
    assert estate.read("a") == "v1"


def test_history_tells_who_when_and_what(estate: Estate) -> None:
    first = estate.apply('File("/a", content="v1")  # HERE')
    line = estate.line("HERE")
    second = estate.apply('File("/a", content="v2")\nFile("/b", content="b")')
    runs = estate.history()
    assert [run.id for run in runs] == [first.id, second.id]
    assert all(run.ended is not None and run.ended >= run.began > 0 for run in runs)
    assert all("@" in run.who and len(run.plan) == 24 for run in runs)
    assert runs[0].plan != runs[1].plan
    with cfgdsl.load(estate.file) as project:
        (step,) = project.past_steps(first.id)["demo"]
        steps = project.past_steps(second.id)["demo"]
    assert isinstance(step, cfgdsl.engine.history.PastStep)
    assert (step.identity, step.outcome, step.before) == ("file:/a", "changed", None)
    assert step.origin == f"{estate.file}:{line}"
    assert [s.identity for s in steps] == ["file:/a", "file:/b"]  # type: ignore[union-attr]


def test_a_run_is_named_by_the_plan_that_was_shown(estate: Estate) -> None:
    """A saved plan, and the one it was saved from, are the same to the record."""
    estate.declare('File("/a", content="v1")')
    saved = estate.folder.parent / "x.plan"
    with cfgdsl.load(estate.file) as project:
        plan = project.plan()
        project.save(plan, saved)
    digest = cfgdsl.core.plan.digest_of_plan(plan.hosts[0])
    with cfgdsl.load_plan(saved) as found:
        assert found.apply().ok
    (run,) = estate.history()
    assert run.plan == digest
    begin = next(e for e in estate.entries() if e.get("event") == "begin")
    assert begin["by"]["plan"] == digest
    assert "text" not in json.dumps(begin)
