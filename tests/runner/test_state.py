"""The record and the contents: kept safely, or the run is refused before it changes anything."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.runner import contents as contents_module
from cfgdsl.runner.contents import Contents
from cfgdsl.runner.paths import Root
from cfgdsl.runner.state import StateError, open_state
from cfgdsl.runner.wire import WireError

from .conftest import Start, needs_root
from .harness import RefusedError, RunnerProcess, content_step, entries, outcomes, sha256

NEW = b"new\n"


def test_the_journal_says_what_is_about_to_happen_and_how_it_ended(
    rooted: RunnerProcess, tree: Path
) -> None:
    secret = b"s3cret"
    steps = [content_step("1", "/f", secret), content_step("2", "/no/f", secret, after=["1"])]
    assert outcomes(rooted.execute(steps, [secret], project="web")) == {
        "1": "changed",
        "2": "failed",
    }
    folder = tree / ".cfgdsl/web"
    text = (folder / "journal").read_text(encoding="ascii")
    volatile = ("time", "pid", "at")
    shown = [{k: v for k, v in e.items() if k not in volatile} for e in entries(folder)]
    assert shown == [
        {"format": 1},
        {"event": "begin", "run": "test", "by": {}},
        {
            "event": "intent",
            "run": "test",
            "debts": {},
            "steps": [{"name": "test:1", "folders": [str(tree)]}],
        },
        {"event": "done", "step": "test:1", "outcome": "changed", "run": "test"},
        {"event": "intent", "run": "test", "debts": {}, "steps": [{"name": "test:2"}]},
        {"event": "done", "step": "test:2", "outcome": "failed", "run": "test"},
        {"event": "end", "run": "test"},
    ]
    assert "s3cret" not in text
    assert (folder.stat().st_mode, (folder / "journal").stat().st_mode) == (0o40700, 0o100600)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", ".x", "-x", "a b", "ü", "x" * 65])
def test_a_project_cannot_lead_elsewhere(tree: Path, name: str) -> None:
    if name:
        with pytest.raises(StateError, match="not a project's name"):
            open_state(Root(str(tree)), name)
    assert os.listdir(tree) == []


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o710])
def test_a_record_that_others_may_enter_is_refused(
    rooted: RunnerProcess, tree: Path, mode: int
) -> None:
    steps = [content_step("1", "/f", NEW)]
    rooted.execute([], project="web")
    (tree / ".cfgdsl/web").chmod(mode)
    with pytest.raises(RefusedError, match=f"others may enter /.cfgdsl/web .*{mode:04o}"):
        rooted.execute(steps, [NEW], project="web")
    assert not (tree / "f").exists()
    (tree / ".cfgdsl/web").chmod(0o700)
    assert outcomes(rooted.execute(steps, [NEW], project="web")) == {"1": "changed"}


def test_a_record_behind_a_link_is_refused(rooted: RunnerProcess, tree: Path) -> None:
    (tree / ".cfgdsl").mkdir(parents=True, mode=0o700)
    (tree / "elsewhere").mkdir(mode=0o700)
    (tree / ".cfgdsl/web").symlink_to("/elsewhere")
    with pytest.raises(RefusedError, match="cannot keep the record"):
        rooted.execute([content_step("1", "/f", NEW)], [NEW], project="web")


def test_a_journal_that_is_no_file_is_refused(rooted: RunnerProcess, tree: Path) -> None:
    rooted.execute([], project="web")
    journal = tree / ".cfgdsl/web/journal"
    journal.unlink()
    os.mkfifo(journal, 0o600)
    with pytest.raises(RefusedError):
        rooted.execute([content_step("1", "/f", NEW)], [NEW], project="web")


def test_an_unprivileged_record_is_in_the_state_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(tmp_path).st_uid or 1)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a" / "state"))
    if os.getuid() == 0:
        with pytest.raises(StateError, match="others may enter"):  # root made it, not user 1
            open_state(Root(), "web")
    else:
        os.close(open_state(Root(), "web"))
    assert (tmp_path / "a" / "state" / "cfgdsl").is_dir()


@pytest.fixture
def small_disk(tree: Path) -> Iterator[Path]:
    """`tree` on a disk of its own, of 200 KiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k,mode=755", "tmpfs", str(tree)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount here")
    yield tree
    subprocess.run(["umount", str(tree)], check=True)


@needs_root
def test_a_full_disk_refuses_before_the_first_change(start: Start, small_disk: Path) -> None:
    (small_disk / "f").write_bytes(b"old")
    (small_disk / "ballast").write_bytes(b"x" * 190_000)
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={small_disk}/rest"], check=False, capture_output=True
    )
    runner = start(root=str(small_disk))
    with pytest.raises(RefusedError, match="No space left on device"):
        runner.execute([content_step("1", "/f", NEW)], [NEW])
    assert (small_disk / "f").read_bytes() == b"old"
    runner.close()


@needs_root
def test_contents_that_would_not_fit_are_refused_before_they_come(
    start: Start, small_disk: Path
) -> None:
    large = os.urandom(2_000_000)
    runner = start(root=str(small_disk))
    with pytest.raises(RefusedError, match="No space left on device"):
        runner.execute([content_step("1", "/f", large)], [large])
    assert runner.probe({"kind": "stat", "path": "/f"}) == [None]
    runner.close()


@needs_root
def test_a_read_only_disk_refuses(start: Start, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    runner = start(root=str(small_disk))
    with pytest.raises(RefusedError, match="Read-only file system"):
        runner.execute([content_step("1", "/f", NEW)], [NEW])
    assert runner.probe({"kind": "stat", "path": "/f"}) == [None]
    runner.close()


@needs_root
def test_a_disk_that_fills_up_fails_the_step_and_nothing_else(
    start: Start, small_disk: Path
) -> None:
    data = os.urandom(60_000)
    runner = start(root=str(small_disk))
    steps = [content_step(str(n), f"/{n}", data) for n in range(5)]
    events = runner.execute([*steps, content_step("small", "/small", NEW)], [data, NEW])
    found = outcomes(events)
    assert found["0"] == "changed"
    assert found["4"] == "failed"
    assert not [name for name in os.listdir(small_disk) if name.startswith(".cfgdsl-")]
    failed = next(e for e in events if e.get("outcome") == "failed")
    assert failed["detail"]["error"].startswith("No space left on device: /")
    runner.close()


# Contents


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def frame(data: bytes, piece: bytes) -> bytes:
    return bytes.fromhex(sha256(data)) + piece


def content_of(contents: Contents, name: str, tmp_path: Path) -> bytes:
    with (tmp_path / "out").open("w+b") as file:
        contents.write_to(name, file.fileno())
        file.seek(0)
        return file.read()


@given(st.lists(st.binary(max_size=300), max_size=6, unique=True), st.randoms())
def test_contents_come_out_as_they_went_in_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory, datas: list[bytes], random: Any
) -> None:
    tmp_path = tmp_path_factory.mktemp("c")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents_module, "SMALL", 100)
        patch.setattr(contents_module, "MEMORY", 250)
        fd = os.open(tmp_path, os.O_RDONLY)
        contents = Contents([(sha256(data), len(data)) for data in datas], fd)
        pieces = {data: [data[i : i + 70] for i in range(0, len(data), 70)] for data in datas}
        while any(pieces.values()):
            data = random.choice([data for data in datas if pieces[data]])
            contents.add(frame(data, pieces[data].pop(0)))
        assert contents.complete
        for data in datas:
            assert content_of(contents, sha256(data), tmp_path) == data
        contents.close()
        os.close(fd)
    assert set(os.listdir(tmp_path)) <= {"out"}
    shutil.rmtree(tmp_path)


def test_a_content_that_is_not_what_it_says_is_refused(folder: int) -> None:
    contents = Contents([(sha256(b"abc"), 3)], folder)
    with pytest.raises(WireError, match="nobody waits"):
        contents.add(frame(b"other", b"x"))
    with pytest.raises(WireError, match="more of a content"):
        contents.add(frame(b"abc", b"abcd"))
    with pytest.raises(WireError, match="not what was announced"):
        contents.add(frame(b"abc", b"xyz"))
    assert not contents.complete


def test_large_contents_are_not_held_in_memory(runner: RunnerProcess, tmp_path: Path) -> None:
    large = os.urandom(60_000_000)
    assert outcomes(runner.execute([content_step("1", tmp_path / "f", large)], [large])) == {
        "1": "changed"
    }
    assert (tmp_path / "f").read_bytes() == large
    status = Path(f"/proc/{runner.process.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 40 * 1024


def test_a_refused_run_does_not_end_the_conversation(rooted: RunnerProcess, tree: Path) -> None:
    (tree / ".cfgdsl").touch()
    large = os.urandom(1_000_000)
    with pytest.raises(RefusedError):
        rooted.execute([content_step("1", "/f", large)], [large])
    assert rooted.probe({"kind": "stat", "path": "/f"}) == [None]
