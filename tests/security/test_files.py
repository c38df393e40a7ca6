"""Files, folders and records that nobody else can get into, at any moment."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

import cfgdsl
from tests.badinput.workspace import Workspace, refused


class Poller:
    """Looks at every name in a folder, over and over: what modes did a reader see?"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.modes: set[int] = set()
        self.sizes: set[int] = set()
        self.rounds = 0

    def _poll(self) -> None:
        while not self._over.is_set():
            self.rounds += 1
            for name in os.listdir(self._folder):
                try:
                    status = os.lstat(self._folder / name)
                except FileNotFoundError:
                    continue
                self.modes.add(stat.S_IMODE(status.st_mode))
                if name == "key":
                    self.sizes.add(status.st_size)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def test_a_private_file_is_private_and_whole_from_its_first_byte(work: Workspace) -> None:
    """S9: while it is replaced many times, no reader ever sees another mode, or a part of it."""
    (work.root / "etc").mkdir()
    key = work.root / "etc/key"
    with Poller(work.root / "etc") as poller:
        for turn in range(8):
            text = f"{turn}" * 300_000
            work.local(f'File("/etc/key", content={text[0]!r} * 300_000, mode=0o600)')
            with cfgdsl.load(work.file) as project:
                assert project.apply(project.plan()).ok
            assert key.read_text() == text
            if turn % 2:
                key.unlink()
    assert poller.rounds > 100
    assert poller.modes == {0o600}
    assert poller.sizes == {300_000}


def _link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _hard_link(path: Path, outside: Path) -> None:
    path.hardlink_to(outside)


def _dangling(path: Path, outside: Path) -> None:
    path.symlink_to(outside.parent / "new")


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "a link": _link,
    "a hard link": _hard_link,
    "a link to nothing": _dangling,
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_in_place_of_a_file_is_replaced_not_written(
    work: Workspace, planted: str
) -> None:
    """S9."""
    outside = work.root / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    (outside / "file").chmod(0o644)
    PLANTED[planted](work.root / "x", outside / "file")
    work.local('File("/x", content="ours", mode=0o600)')
    assert work.run("apply", "--yes").code == 0
    assert (outside / "file").read_text() == "theirs"
    assert stat.S_IMODE((outside / "file").stat().st_mode) == 0o644
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert not (work.root / "x").is_symlink()
    assert (work.root / "x").read_text() == "ours"


def test_planted_temporary_names_are_no_obstacle_and_stay(work: Workspace) -> None:
    """S9: the names of temporary files cannot be guessed, and are never opened twice."""
    for name in (".x", ".x.tmp", "x.tmp", "x~", ".x.swp", ".cfgdsl-x"):
        (work.root / name).symlink_to("/dev/null")
    work.local('File("/x", content="ours")')
    before = {path for path in work.tree() if path != "x"}
    assert work.run("apply", "--yes").code == 0
    after = {path for path in work.tree() if path.split("/")[0] != ".cfgdsl"}
    assert after == before | {"x"}


@pytest.mark.parametrize("to", ["/etc", "../../../../../../etc", "outside/../../..", "."])
def test_no_link_leads_out_of_a_root(work: Workspace, to: str, tmp_path: Path) -> None:
    """S10: links within a root end in it, however they are written."""
    (work.root / "etc").mkdir()
    (work.root / "link").symlink_to(to)
    name = f"cfgdsl-test-{os.getpid()}"
    work.local(f'File("/link/{name}", content="x")\nFile("/link/../{name}-2", absent=True)')
    work.run("apply", "--yes")
    work.local(f'File("/link/{name}", content="x")')
    work.run("apply", "--yes")
    assert not (Path("/etc") / name).exists()
    assert not (tmp_path / name).exists()
    assert not (Path("/") / name).exists()


def test_removing_a_folder_removes_links_in_it_and_nothing_behind_them(work: Workspace) -> None:
    """S10."""
    kept = work.folder / "kept"
    kept.mkdir()
    (kept / "file").write_text("theirs")
    inside = work.root / "kept"
    inside.mkdir()
    (inside / "file").write_text("theirs")
    tree = work.root / "tree"
    (tree / "a/b/c").mkdir(parents=True)
    targets = (str(kept), f"{kept}/file", "/kept", "../../kept", "/", "..", "nowhere")
    for number, to in enumerate(targets):
        (tree / f"a/b/link{number}").symlink_to(to)
    (tree / "a/hard").hardlink_to(kept / "file")
    work.local('Directory("/tree", absent=True, recursive=True)')
    assert work.run("apply", "--yes").code == 0
    assert not tree.exists()
    assert (kept / "file").read_text() == (inside / "file").read_text() == "theirs"


def test_removing_a_link_to_a_folder_removes_the_link_only(work: Workspace) -> None:
    """S10."""
    (work.root / "real").mkdir()
    (work.root / "real/file").write_text("theirs")
    (work.root / "link").symlink_to("real")
    work.local('Symlink("/link", absent=True)')
    assert work.run("apply", "--yes").code == 0
    assert (work.root / "real/file").exists()
    assert not (work.root / "link").is_symlink()


def test_what_is_kept_on_a_host_is_its_owners_alone(work: Workspace) -> None:
    """S11: the record and the runner's cache."""
    work.local('File("/x", content="")')
    assert work.cli("apply", "--yes").code == 0
    modes = {p: s.split()[0] for p, s in work.tree().items() if p.startswith(".cfgdsl")}
    assert modes[".cfgdsl"] == modes[".cfgdsl/test"] == "40700"
    assert modes[".cfgdsl/test/journal"] == "100600"
    cache = Path("/var/cache/cfgdsl")
    if os.geteuid() == 0 and cache.exists():
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        assert {stat.S_IMODE(each.stat().st_mode) for each in cache.iterdir()} == {0o600}


@pytest.mark.parametrize("spoiled", [".cfgdsl", ".cfgdsl/test"])
def test_a_record_that_others_may_enter_is_refused(work: Workspace, spoiled: str) -> None:
    """S11."""
    work.local('File("/x", content="")')
    assert work.run("apply", "--yes").code == 0
    work.local('File("/y", content="")')
    (work.root / spoiled).chmod(0o777)
    done = work.run("apply", "--yes")
    refused(done, f"others may enter /{spoiled}", "0777", code=1)
    assert "y" not in work.tree()


def test_a_journal_that_is_a_link_is_not_followed(work: Workspace) -> None:
    """S9, S11."""
    work.local('File("/x", content="")')
    assert work.run("apply", "--yes").code == 0
    journal = work.root / ".cfgdsl/test/journal"
    journal.unlink()
    (work.root / "theirs").write_text("theirs")
    journal.symlink_to(work.root / "theirs")
    work.local('File("/y", content="")')
    refused(work.run("apply", "--yes"), "record", code=1)
    assert (work.root / "theirs").read_text() == "theirs"
    assert "y" not in work.tree()
