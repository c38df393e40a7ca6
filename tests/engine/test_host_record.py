"""The record of a directory target when all is not well with it, and what does not touch it."""

import fcntl
import json
import os
import zlib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import cfgdsl
from tests.engine.estate import Estate, actions, told
from tests.generate_docs import DOCS


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    found = Estate.below(tmp_path)
    found.apply('File("/a", content="a")\nFile("/b", content="b")')
    return found


def test_a_second_apply_writes_nothing(estate: Estate) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in estate.root.rglob("*")}
    journal = estate.journal.read_bytes()
    run = estate.apply()
    assert not run.outcomes
    assert estate.journal.read_bytes() == journal
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in estate.root.rglob("*")}


def test_planning_history_and_what_is_shown_of_runs_write_nothing(estate: Estate) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in estate.root.rglob("*")}
    (run,) = estate.history()
    estate.declare('File("/a", content="new")')
    estate.plan()
    with cfgdsl.load(estate.file) as project:
        project.plan_destroy()
        project.past_steps(run.id)
    estate.plan_rollback(run.id)
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in estate.root.rglob("*")}


def test_an_apply_with_nothing_to_do_notes_what_it_takes_over(estate: Estate) -> None:
    estate.write("c", "c")
    estate.declare('File("/a", content="a")\nFile("/b", content="b")\nFile("/c", content="c")')
    plan = estate.plan()
    assert plan.is_empty
    assert not plan.hosts[0].is_noted
    estate.apply()
    assert estate.entries()[-2]["owned"].keys() == {"file:/c"}
    assert estate.plan().hosts[0].is_noted


def test_a_truncated_record_says_what_was_whole(estate: Estate) -> None:
    data = estate.journal.read_bytes()
    estate.journal.write_bytes(data[:-7])
    assert estate.plan().is_empty
    estate.apply('File("/a", content="new")')
    assert estate.tree().keys() == {"a"}  # that /b is ours was not lost


def test_a_garbled_line_is_told_and_put_aside_and_all_else_is_known(estate: Estate) -> None:
    estate.apply('File("/a", content="a")\nFile("/b", content="b")\nFile("/c", content="c")')
    lines = estate.journal.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2][:20] + b"XX" + lines[-2][22:]
    spoilt = b"".join(lines)
    estate.journal.write_bytes(spoilt)
    plan = estate.plan()
    assert told(plan).count("1 line of the record cannot be read") == 1
    assert estate.journal.read_bytes() == spoilt
    estate.declare('File("/c", content="c")')
    assert actions(estate.plan()) == {"file:/a": "delete", "file:/b": "delete"}
    estate.apply()
    assert (estate.record / "journal.damaged").read_bytes() == spoilt
    assert "cannot be read" not in told(estate.plan())
    assert estate.tree().keys() == {"c"}


@pytest.mark.parametrize("damage", ["newer", "directory", "open"])
def test_a_record_that_cannot_be_read_is_refused_before_any_change(
    estate: Estate, damage: str
) -> None:
    text = json.dumps({"format": 99}).encode()
    newer = b"%08x %s\n" % (zlib.crc32(text), text)
    if damage == "newer":
        estate.journal.write_bytes(newer + estate.journal.read_bytes())
        expected = "the record is of format 99"
    elif damage == "directory":
        estate.journal.unlink()
        estate.journal.mkdir()
        expected = "the journal is not a file of its owner alone"
    else:
        estate.journal.chmod(0o666)
        expected = "the journal is not a file of its owner alone"
    estate.declare('File("/a", content="new")')
    plan = estate.plan()
    assert plan.ok  # a look is possible, and says so
    assert told(plan).count(expected) == 1
    before = estate.tree()
    with cfgdsl.load(estate.file) as project:
        run = project.apply(project.plan())
    assert not run.ok
    (problem,) = run.failed_hosts["demo"]
    assert problem.summary == "the runner refused, and changed nothing"
    assert expected in (problem.detail or "")
    assert estate.tree() == before


def test_a_host_that_somebody_else_changes_is_refused(estate: Estate) -> None:
    holder = {"who": "ann@laptop", "run": "20260101T000000Z-0badcafe", "since": "2026-01-01 08:00"}
    lock = estate.root / ".cfgdsl/.lock"
    estate.declare('File("/a", content="new")')
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(holder))
        file.flush()
        assert actions(estate.plan()) == {"file:/a": "update", "file:/b": "delete"}
        journal = estate.journal.read_bytes()
        with cfgdsl.load(estate.file) as project:
            run = project.apply(project.plan())
        (problem,) = run.failed_hosts["demo"]
        for word in holder.values():
            assert word in (problem.detail or "")
        assert estate.read("a") == "a"
        assert estate.journal.read_bytes() == journal
    estate.apply()
    assert estate.read("a") == "new"


def test_the_lock_of_a_dead_run_is_free_whatever_it_says(estate: Estate) -> None:
    lock = estate.root / ".cfgdsl/.lock"
    lock.write_text('{"who":"ann","run":"x","since":"y"}')
    estate.apply('File("/a", content="new")')
    assert estate.read("a") == "new"
    assert lock.read_text() == ""


def test_drift_is_told_apart_from_what_the_code_changes(estate: Estate) -> None:
    estate.write("a", "by hand")
    estate.declare('File("/a", content="a")\nFile("/b", content="new")')
    plan = estate.plan()
    assert {s.identity: s.corrective for s in plan.steps} == {"file:/a": True, "file:/b": False}
    estate.apply()
    assert (estate.read("a"), estate.read("b")) == ("a", "new")


def test_what_was_deleted_by_hand_is_drift_too(estate: Estate) -> None:
    (estate.root / "a").unlink()
    (step,) = estate.plan().steps
    assert (step.identity, step.action, step.corrective) == ("file:/a", "create", True)


def test_a_record_without_its_key_takes_everything_for_declared_anew(estate: Estate) -> None:
    """Nothing is lost: what is owned stays owned; only drift cannot be told from intent once."""
    (estate.record / "key").unlink()
    estate.write("a", "by hand")
    (step,) = estate.plan().steps
    assert not step.corrective
    estate.apply()
    estate.apply("")
    assert estate.tree() == {}


SCHEMA = json.loads((DOCS / "record.schema.json").read_text())


def test_the_journal_is_append_only_and_holds_what_its_schema_says(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_SECRET", "hunter2-hunter2")
    before = estate.journal.read_bytes()
    estate.write("d", "d")
    estate.apply(
        """
        moved("file:/b", "file:new")
        File("/b", content="b", id="new")
        File("/s", content=Secret.env("THE_SECRET"), mode=0o600)
        File("/d", content="d")
        """
    )
    after = estate.journal.read_bytes()
    assert after.startswith(before)
    entries = estate.entries()
    assert entries[0] == {"format": 1}
    kinds = {"begin", "intent", "done", "adopt", "rename", "end"}
    assert {e["event"] for e in entries[1:]} >= kinds
    validator = Draft202012Validator(SCHEMA)
    for entry in entries:
        assert list(validator.iter_errors(entry)) == []
    for file in estate.record.rglob("*"):
        assert file.is_dir() or b"hunter2" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    assert os.stat(estate.record).st_mode & 0o077 == 0


@pytest.mark.parametrize("wrong", [{"who": "ann"}, {"plan": "x", "who": "ann"}, {"mail": "x"}])
def test_the_schema_of_the_journal_catches_what_is_wrong(wrong: dict[str, str]) -> None:
    entry = {"event": "begin", "run": "x", "time": 1.0, "pid": 1, "by": wrong}
    assert not Draft202012Validator(SCHEMA).is_valid(entry)
    good = {"who": "ann@here", "plan": "0" * 24}
    assert Draft202012Validator(SCHEMA).is_valid({**entry, "by": good})


def test_a_dropped_and_a_forgotten_thing_fit_the_schema_too(estate: Estate) -> None:
    estate.write("c", "c")
    estate.apply('File("/b", content="b", on_drop="forget")\nFile("/c", content="c")')
    estate.apply("")
    estate.apply('File("/d", absent=True)\nFile("/e", content="e", protect=True)')
    entries = estate.entries()
    assert {"forget"} <= {e.get("event") for e in entries}
    assert any("past" in step for e in entries for step in e.get("steps", ()))
    for entry in entries:
        assert list(Draft202012Validator(SCHEMA).iter_errors(entry)) == []
