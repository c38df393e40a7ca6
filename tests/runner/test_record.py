"""The host record: what is owned and owed, whatever is killed, torn or spoilt meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.runner import journal, wire
from cfgdsl.runner.keeper import is_paid, keyed
from cfgdsl.runner.record import Record, condensed
from cfgdsl.runner.state import StateError, temp_name

from .conftest import Start, needs_root
from .harness import (
    PROJECT,
    Json,
    RefusedError,
    RunnerProcess,
    content_step,
    entries,
    eventually,
    outcomes,
    processes_with,
    put,
    sha256,
    step,
)

NEW, OLD = b"new\n", b"old\n"
NAME = "test:1"


def own(path: str, **fields: Any) -> Json:
    drop = {
        "probes": [{"kind": "stat", "path": path}],
        "ops": [{"kind": "remove", "path": path}],
        "writes": [f"path:{path}"],
    }
    return {"kind": "file", "values": {}, "drop": drop, **fields}


def told(runner: RunnerProcess, *declared: tuple[str, str], project: str = "web") -> Json:
    record = {"project": project, "declared": [list(pair) for pair in declared]}
    answer = runner.ask({"do": "probe", "probes": [], "record": record})
    found: Json = answer["record"]
    return found


@pytest.fixture
def record(tree: Path) -> Path:
    return tree / ".cfgdsl/web"


# What is owned


def test_what_was_not_there_before_is_created_and_what_was_is_adopted(
    rooted: RunnerProcess, tree: Path
) -> None:
    (tree / "there").write_bytes(OLD)
    steps = [
        content_step("1", "/new", NEW, own=own("/new"), was=None, applied="d1"),
        content_step("2", "/there", NEW, own=own("/there"), was={"mode": 420}, applied="d2"),
    ]
    adopted = {"test:3": {"own": own("/var"), "applied": "d3"}}
    rooted.execute(steps, [NEW], project="web", adopt=adopted)
    assert told(rooted, ("test:1", "d1"), ("test:2", "other"), ("test:3", "d3"), ("x", ""))[
        "declared"
    ] == ("cAa-")
    others = told(rooted, ("test:1", "d1"))["others"]
    assert others["test:2"]["original"] == {"mode": 420}
    assert "original" not in others["test:3"]
    assert [a["kind"] for a in others["test:2"]["answers"]] == ["file"]


def test_what_is_applied_is_recorded_under_a_key_of_the_host(
    rooted: RunnerProcess, record: Path
) -> None:
    rooted.execute(
        [content_step("1", "/f", NEW, own=own("/f"), applied="guessable")], [NEW], project="web"
    )
    text = (record / "journal").read_bytes()
    assert b"guessable" not in text
    key = (record / "key").read_bytes()
    assert keyed(key, "guessable").encode() in text
    assert ((record / "key").stat().st_mode & 0o777, len(key)) == (0o600, 32)


def test_what_is_released_is_owned_no_longer_and_what_is_gone_is_nobodys(
    rooted: RunnerProcess, tree: Path
) -> None:
    rooted.execute([content_step("1", "/f", NEW, own=own("/f"), applied="d")], [NEW], project="web")
    gone = [{"kind": "stat", "path": "/f"}]
    remove = step("1", gone, [{"kind": "remove", "path": "/f"}], want=wire.digest([None]))
    rooted.execute([{**remove, "release": True}], project="web")
    assert told(rooted)["others"] == {}
    rooted.execute([content_step("1", "/f", NEW, own=own("/f"), applied="d")], [NEW], project="web")
    rooted.execute(
        [{**remove, "own": own("/f", gone=True), "was": {"mode": 1}, "applied": "e"}], project="web"
    )
    assert told(rooted, (NAME, "e"))["declared"] == "a"


def test_a_failed_creation_has_an_owner(rooted: RunnerProcess) -> None:
    failing = [put("/f", NEW), {"kind": "remove", "path": "/.cfgdsl"}]
    rooted.execute([step("1", [], failing, own=own("/f"), applied="d")], [NEW], project="web")
    assert told(rooted, (NAME, "d"))["declared"] == "C"


def test_what_turns_out_as_declared_is_adopted(rooted: RunnerProcess, tree: Path) -> None:
    (tree / "f").write_bytes(NEW)
    steps = [content_step("1", "/f", NEW, own=own("/f"), was=None, applied="d")]
    assert outcomes(rooted.execute(steps, [NEW], project="web")) == {"1": "unneeded"}
    assert told(rooted, (NAME, "d"))["declared"] == "a"


def test_projects_do_not_see_each_other_but_for_what_they_own(rooted: RunnerProcess) -> None:
    steps = [content_step("1", "/f", NEW, own=own("/f"), applied="d")]
    rooted.execute(steps, [NEW], project="web")
    found = told(rooted, (NAME, "d"), project="db")
    assert (found["declared"], found["others"]) == ("-", {})
    assert found["foreign"] == {"path:/f": ["web", NAME]}


def test_a_look_writes_nothing(rooted: RunnerProcess, tree: Path) -> None:
    assert told(rooted, ("x", "y"))["declared"] == "-"
    assert os.listdir(tree) == []


def test_names_can_change_and_be_forgotten(rooted: RunnerProcess) -> None:
    steps = [content_step("1", "/f", NEW, own=own("/f"), applied="d")]
    rooted.execute(steps, [NEW], project="web")
    rooted.execute([], project="web", rename={NAME: "file:new-name"})
    assert told(rooted, ("file:new-name", "d"))["declared"] == "c"
    rooted.execute([], project="web", forget=["file:new-name"])
    assert told(rooted)["others"] == {}


# What is owed


def refresh(step_id: str, *causes: str, fails: bool = False) -> Json:
    """A refresh that is proven by its marks in /runs, one more for each."""
    ops = [{"kind": "mkdir", "path": f"/runs-{time.monotonic_ns()}"}]
    failing = [{"kind": "remove", "path": "/.cfgdsl"}]
    fields: Json = {"causes": list(causes)} if causes else {}
    return step(step_id, [], failing if fails else ops, debt=True, **fields)


def test_a_refresh_that_fails_stays_owed_until_it_is_paid(rooted: RunnerProcess) -> None:
    cause = content_step("1", "/f", NEW)
    ended = outcomes(rooted.execute([cause, refresh("2", "1", fails=True)], [NEW], project="web"))
    assert ended == {"1": "changed", "2": "failed"}
    assert told(rooted)["debts"] == {"test:2": {"run": "test", "causes": [NAME], "paid": False}}
    ended = outcomes(rooted.execute([cause, refresh("2", "1")], [NEW], project="web"))
    assert ended == {"1": "unneeded", "2": "changed"}
    assert told(rooted)["debts"] == {}
    ended = outcomes(rooted.execute([cause, refresh("2", "1")], [NEW], project="web"))
    assert ended == {"1": "unneeded", "2": "unneeded"}


def test_a_debt_is_on_the_disk_before_the_change_that_causes_it(start: Start, tree: Path) -> None:
    runner = start(root=str(tree))
    blocked = tree / "blocked"
    os.mkfifo(blocked)
    cause = step("1", [], [put("/f", NEW), {"kind": "mkdir", "path": "/blocked"}])
    runner.start([cause, refresh("2", "1")], [NEW], project="web")
    runner.until("done", "1")
    runner.process.kill()
    runner.wait()
    kinds = [e["event"] for e in entries(tree / ".cfgdsl/web") if "event" in e]
    assert kinds[:2] == ["begin", "intent"]
    assert "test:2" in told(start(root=str(tree)))["debts"]


BOOT = "boot-1"


@pytest.mark.parametrize(
    ("at", "started", "paid"),
    [
        ([BOOT, 100.0], 100_000_001, True),
        ([BOOT, 100.0], 99_999_999, False),
        ([BOOT, 100.0], 0, False),
        (["boot-0", 100.0], 5, True),
        (None, 200_000_000, False),
    ],
)
def test_a_debt_falls_away_only_after_a_start_that_is_later_than_its_last_cause(
    at: Any, started: int, paid: bool
) -> None:
    debt = {"at": at, "since": "Since"}
    assert is_paid(debt, {"Since": str(started)}, BOOT) is paid


def test_when_the_last_cause_took_effect_is_unknown_until_it_did() -> None:
    debts = {"restart": {"causes": ["a"], "since": "S"}}
    intent = {"event": "intent", "run": "r", "steps": [{"name": "a"}, {"name": "b"}]}
    record = Record([{**intent, "debts": debts}])
    assert record.debts["restart"] == {**debts["restart"], "run": "r", "at": None}
    record.take({"event": "done", "step": "a", "outcome": "changed", "at": [BOOT, 5.0]})
    assert record.debts["restart"]["at"] == [BOOT, 5.0]
    again = {"restart": {"causes": ["b"], "since": "S"}}
    record.take({**intent, "steps": [{"name": "b"}], "debts": again})
    assert record.debts["restart"] | {"run": ""} == {
        "run": "",
        "causes": ["a", "b"],
        "since": "S",
        "at": None,
    }


# What was interrupted


@needs_root
def test_a_killed_run_leaves_what_it_began_and_no_temp_file_after_the_next(
    start: Start, tmp_path: Path
) -> None:
    runner = start()
    path = f"{tmp_path}/f"
    slow = put(path, NEW, validate=["sh", "-c", "sleep 60.421", "%s"])
    runner.start([step("1", [], [slow], own=own(path), applied="d")], [NEW])
    assert eventually(lambda: bool(processes_with("60.421")))
    runner.process.kill()
    runner.wait()
    for process in processes_with("60.421"):
        os.kill(process, signal.SIGKILL)
    assert [name.startswith(".cfgdsl-") for name in os.listdir(tmp_path)] == [True]
    again = start()
    found = told(again, project=PROJECT)
    assert (list(found["pending"]), list(found["others"])) == ([NAME], [NAME])
    again.execute([], forget=[NAME])
    assert os.listdir(tmp_path) == []
    assert told(again, project=PROJECT)["pending"] == {}


@pytest.mark.parametrize("folder", [".", "backup"])
def test_what_a_kill_left_half_written_in_the_record_is_gone_after_the_next_run(
    rooted: RunnerProcess, record: Path, folder: str
) -> None:
    rooted.execute([], project="web")
    half = record / folder / temp_name()
    half.write_bytes(b"half of a ba")
    rooted.execute([], project="web")
    assert not half.exists()


def test_only_one_run_at_a_time_and_the_lock_of_a_dead_one_is_free(
    start: Start, tree: Path
) -> None:
    first, second = start(root=str(tree)), start(root=str(tree))
    waiting = {"do": "execute", "run": "r1", "project": "web", "by": {"who": "ann@desk"}}
    large = os.urandom(100_000)
    contents = [[sha256(large), len(large)]]
    first.send({**waiting, "steps": [content_step("1", "/f", large)], "contents": contents})
    lock = tree / ".cfgdsl/.lock"
    assert eventually(lambda: lock.exists() and b"ann@desk" in lock.read_bytes())
    with pytest.raises(RefusedError, match="another run changes this host: ann@desk, run r1"):
        second.execute([content_step("1", "/f", NEW)], [NEW], project="other")
    assert not (tree / "f").exists()
    first.process.kill()
    first.wait()
    done = second.execute([content_step("1", "/f", NEW)], [NEW], project="other")
    assert outcomes(done) == {"1": "changed"}


# Backups


def test_what_is_overwritten_or_deleted_is_kept_and_can_be_put_back(
    rooted: RunnerProcess, tree: Path, record: Path
) -> None:
    (tree / "f").write_bytes(OLD)
    rooted.execute([content_step("1", "/f", NEW)], [NEW], project="web")
    kept = record / "backup" / sha256(OLD)
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (OLD, 0o600)
    assert outcomes(rooted.execute([content_step("1", "/f", OLD)], project="web")) == {
        "1": "changed"
    }
    assert (tree / "f").read_bytes() == OLD
    rooted.execute([step("1", [], [{"kind": "remove", "path": "/f"}])], project="web")
    assert {sha256(OLD), sha256(NEW)} == set(os.listdir(record / "backup"))


def test_a_damaged_backup_is_never_put_back(
    rooted: RunnerProcess, tree: Path, record: Path
) -> None:
    (tree / "f").write_bytes(OLD)
    rooted.execute([content_step("1", "/f", NEW)], [NEW], project="web")
    (record / "backup" / sha256(OLD)).write_bytes(b"spoilt")
    assert outcomes(rooted.execute([content_step("1", "/f", OLD)], project="web")) == {
        "1": "failed"
    }
    assert (tree / "f").read_bytes() == NEW


def test_nothing_private_is_kept(rooted: RunnerProcess, tree: Path, record: Path) -> None:
    (tree / "f").write_bytes(OLD)
    secret = {**content_step("1", "/f", NEW), "ops": [put("/f", NEW, secret=True)]}
    rooted.execute([secret], [NEW], project="web")
    gone = {"kind": "remove", "path": "/f", "secret": True}
    rooted.execute([step("2", [], [gone])], project="web")
    assert os.listdir(record / "backup") == []


# The journal itself


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


ENTRIES: list[Json] = [
    {"format": 1},
    {"event": "begin", "run": "a"},
    {"event": "end", "run": "a", "time": 1},
]


@given(st.data())
def test_a_journal_torn_anywhere_says_what_was_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = b"".join(map(journal.line, ENTRIES))
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("j")
    write(path / "journal", whole[:cut])
    fd = os.open(path, os.O_RDONLY)
    found, spoilt, end = journal.read(fd)
    assert found == ENTRIES[: whole[:cut].count(b"\n")]
    assert (spoilt, whole[:end]) == (0, b"".join(map(journal.line, found)))
    begun = journal.Journal(fd, "b", end)
    begun.note("begin")
    begun.close()
    again, spoilt, _ = journal.read(fd)
    assert (again[-1]["run"], spoilt) == ("b", 0)
    os.close(fd)


def test_a_spoilt_line_is_passed_over_counted_and_kept_aside(
    rooted: RunnerProcess, record: Path
) -> None:
    steps = [content_step("1", "/f", NEW, own=own("/f"), applied="d")]
    rooted.execute(steps, [NEW], project="web")
    lines = (record / "journal").read_bytes().splitlines(keepends=True)
    write(record / "journal", b"".join([*lines[:3], b"garbage\n", *lines[3:]]))
    found = told(rooted, (NAME, "d"))
    assert (found["damaged"], found["declared"]) == (1, "c")
    rooted.execute([], project="web")
    assert b"garbage" in (record / "journal.damaged").read_bytes()
    found = told(rooted, (NAME, "d"))
    assert (found["damaged"], found["declared"]) == (0, "c")


def test_a_record_of_a_newer_version_is_told_and_never_written_to(
    rooted: RunnerProcess, tree: Path, record: Path
) -> None:
    rooted.execute([], project="web")
    text = journal.line({"format": 2}) + journal.line({"event": "begin", "run": "future"})
    write(record / "journal", text)
    assert "of format 2" in told(rooted)["problem"]
    with pytest.raises(RefusedError, match="of format 2"):
        rooted.execute([content_step("1", "/f", NEW)], [NEW], project="web")
    assert ((record / "journal").read_bytes(), (tree / "f").exists()) == (text, False)


def test_a_failed_write_leaves_no_half_line(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = journal.Journal(folder, "a", 0)
    begun.note("begin")
    begun.flush()
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:5]))
    begun.note("end")
    with pytest.raises(OSError, match="No space"):
        begun.flush()
    monkeypatch.undo()
    begun.note("later")
    begun.close()
    found, spoilt, _ = journal.read(folder)
    assert ([e.get("event") for e in found], spoilt) == ([None, "begin", "later"], 0)


def test_what_is_no_journal_is_refused(folder: int, tmp_path: Path) -> None:
    os.symlink("/etc/passwd", tmp_path / "journal")
    with pytest.raises(StateError, match="cannot read the record"):
        journal.read(folder)


# Any history


names = st.sampled_from(["a", "b", "c"])
steps = st.lists(
    st.builds(
        lambda name, was, gone: {
            "name": name,
            "own": {"gone": gone} if gone else {},
            "was": was,
            "applied": f"{name}1",
        },
        names,
        st.sampled_from([None, {"mode": 1}]),
        st.booleans(),
    ),
    max_size=3,
)
debts = st.dictionaries(names, st.builds(lambda c: {"causes": [c]}, names), max_size=2)
events = st.one_of(
    st.builds(lambda s, d: {"event": "intent", "steps": s, "debts": d}, steps, debts),
    st.builds(
        lambda n, o, r: {"event": "done", "step": n, "outcome": o, "release": r, "at": ["b", 1]},
        names,
        st.sampled_from(["changed", "failed", "unneeded"]),
        st.booleans(),
    ),
    st.builds(lambda n: {"event": "adopt", "owned": {n: {"own": {}, "applied": "x"}}}, names),
    st.builds(lambda n: {"event": "forget", "names": [n]}, names),
    st.just({"event": "begin"}),
    st.just({"event": "end"}),
)
histories = st.lists(st.tuples(st.sampled_from(["r1", "r2"]), events), max_size=25).map(
    lambda told: [{"run": run, "time": 0, **event} for run, event in told]
)


@given(histories)
def test_a_condensed_journal_says_the_same(history: list[Json]) -> None:
    before, after = Record(history), Record(condensed(history))
    assert after.snapshot() == before.snapshot()
    assert list(after.runs) == list(before.runs)


@given(histories)
def test_what_was_created_is_never_taken_for_adopted_while_it_is_owned(
    history: list[Json],
) -> None:
    record = Record()
    for entry in history:
        before = {name: owned["created"] for name, owned in record.owned.items()}
        record.take(entry)
        for name, owned in record.owned.items():
            assert owned["created"] >= before.get(name, False) or owned["gone"]
            assert not (owned["created"] and entry["event"] == "adopt" and name not in before)


@given(histories)
def test_a_debt_ends_only_by_its_own_step_or_when_it_is_forgotten(history: list[Json]) -> None:
    record = Record()
    for entry in history:
        before = set(record.debts)
        record.take(entry)
        paid = entry["event"] == "done" and entry["outcome"] != "failed"
        for name in before - set(record.debts):
            assert (paid and name == entry["step"]) or entry["event"] == "forget"


def test_what_is_declared_anew_is_recorded_anew_but_for_its_beginning() -> None:
    first = {"own": {"protect": True}, "applied": "1"}
    record = Record([{"event": "adopt", "run": "r1", "owned": {"a": first}}])
    record.take({"event": "adopt", "run": "r2", "owned": {"a": {"own": {}, "applied": "2"}}})
    assert record.owned["a"] == {"created": False, "first": "r1", "run": "r2", "applied": "2"}
