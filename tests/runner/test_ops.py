"""Each op: the state it leaves, what it refuses, and that nobody ever sees it half done."""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfgdsl.runner.accounts import Accounts
from cfgdsl.runner.backups import Backups
from cfgdsl.runner.contents import Contents
from cfgdsl.runner.generated import Generated
from cfgdsl.runner.ops import OpError, Workshop, perform
from cfgdsl.runner.paths import Root
from cfgdsl.runner.process import Command

from .conftest import needs_root
from .harness import put, sha256

NEW = b"new content\n"
Do = Callable[[dict[str, Any]], list[Command]]


class Shop:
    """Performs ops; commands are noted and answered by `ran`."""

    def __init__(self, folder: Path, root: str = "/") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = os.open(folder, os.O_RDONLY)
        self.contents = Contents([], self._folder)
        self.backups = Backups(self._folder)
        place = Root(root)
        generated = Generated(place, None)
        self.shop = Workshop(place, Accounts(), self.contents, self.backups, generated)

    def have(self, *contents: bytes) -> None:
        self.contents = Contents([(sha256(c), len(c)) for c in contents], self._folder)
        for content in contents:
            for start in range(0, len(content), 100_000):
                self.contents.add(bytes.fromhex(sha256(content)) + content[start : start + 100_000])
        assert self.contents.complete
        self.shop.contents = self.contents

    def do(self, op: dict[str, Any]) -> None:
        for command in perform(op, self.shop):
            assert command is None, f"{op} wants to run {command.argv}"
        self.shop.sync()

    def close(self) -> None:
        self.contents.close()
        self.backups.close()
        os.close(self._folder)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "state")
    shop.have(NEW, b"")
    yield shop
    shop.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# Put


def test_put_creates_a_file(shop: Shop, tree: Path) -> None:
    shop.do(put(tree / "f", NEW))
    assert (tree / "f").read_bytes() == NEW
    assert mode(tree / "f") == 0o644
    shop.do(put(tree / "g", b"", mode=0o600))
    assert (tree / "g").read_bytes() == b""
    assert mode(tree / "g") == 0o600
    assert names(tree) == ["f", "g"]


def test_put_keeps_what_it_is_not_told_to_change(shop: Shop, tree: Path) -> None:
    (tree / "f").write_bytes(b"old")
    (tree / "f").chmod(0o4751)
    if os.geteuid() == 0:
        os.chown(tree / "f", 1, 2)
        (tree / "f").chmod(0o4751)
    before = (tree / "f").stat()
    shop.do(put(tree / "f", NEW))
    after = (tree / "f").stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (
        before.st_uid,
        before.st_gid,
        before.st_mode,
    )
    assert after.st_ino != before.st_ino


@needs_root
def test_setuid_survives_the_change_of_the_owner(shop: Shop, tree: Path) -> None:
    shop.do(put(tree / "f", NEW, mode=0o4755, owner="nobody", group="games"))
    assert mode(tree / "f") == 0o4755
    assert (tree / "f").owner() == "nobody"
    assert (tree / "f").group() == "games"


def test_an_unknown_owner_is_named_and_nothing_is_touched(shop: Shop, tree: Path) -> None:
    with pytest.raises(OpError, match=r"there is no user 'no-such'"):
        shop.do(put(tree / "f", NEW, owner="no-such"))
    with pytest.raises(OpError, match=r"there is no group 'no-such'"):
        shop.do(put(tree / "f", NEW, group="no-such"))
    assert names(tree) == []


@pytest.mark.parametrize("owner", ["4294967296", "99999999999999999999"])
def test_an_impossible_number_is_an_error_of_the_op(shop: Shop, tree: Path, owner: str) -> None:
    with pytest.raises(OpError):
        shop.do(put(tree / "f", NEW, owner=owner))
    assert names(tree) == []


def test_what_is_no_file_is_not_replaced_by_one(shop: Shop, tree: Path) -> None:
    (tree / "dir").mkdir()
    os.mkfifo(tree / "pipe")
    with pytest.raises(OpError, match="a directory is in the way"):
        shop.do(put(tree / "dir", NEW))
    with pytest.raises(OpError, match="in the way"):
        shop.do(put(tree / "pipe", NEW))
    with pytest.raises(OpError, match="a directory is in the way"):
        shop.do(put("/", NEW))
    assert names(tree) == ["dir", "pipe"]


def test_a_link_in_its_place_is_replaced_and_not_followed(shop: Shop, tree: Path) -> None:
    (tree / "victim").write_bytes(b"precious")
    (tree / "f").symlink_to("victim")
    shop.do(put(tree / "f", NEW))
    assert (tree / "victim").read_bytes() == b"precious"
    assert not (tree / "f").is_symlink()
    assert (tree / "f").read_bytes() == NEW


def test_with_follow_the_end_of_the_chain_is_written(shop: Shop, tree: Path) -> None:
    (tree / "deep").mkdir()
    (tree / "one").symlink_to("deep/two")
    (tree / "deep" / "two").symlink_to("../three")
    shop.do(put(tree / "one", NEW, follow=True))
    assert (tree / "three").read_bytes() == NEW
    assert (tree / "one").is_symlink()
    assert (tree / "deep" / "two").is_symlink()


def test_a_hard_link_keeps_its_content(shop: Shop, tree: Path) -> None:
    (tree / "f").write_bytes(b"old")
    os.link(tree / "f", tree / "other")
    shop.do(put(tree / "f", NEW))
    assert (tree / "other").read_bytes() == b"old"


def test_a_missing_folder_is_a_clear_error(shop: Shop, tree: Path) -> None:
    with pytest.raises(OpError, match=rf"No such file or directory: {tree}/no/f"):
        shop.do(put(tree / "no" / "f", NEW))


def test_a_content_that_was_not_sent_is_an_error(shop: Shop, tree: Path) -> None:
    with pytest.raises(OpError, match="not sent"):
        shop.do(put(tree / "f", b"something else"))


@pytest.mark.parametrize("name", ["näme", "line\nbreak", "-rf", "a b", "\udcff\udcfe", "'\";$(x)`"])
def test_odd_names_are_just_names(shop: Shop, tree: Path, name: str) -> None:
    path = os.path.join(str(tree), name)
    shop.do(put(path, NEW))
    shop.do({"kind": "link", "path": path + "l", "to": name})
    shop.do({"kind": "mkdir", "path": path + "d"})
    assert os.readlink(path + "l") == name
    assert set(os.listdir(tree)) == {name, name + "l", name + "d"}
    for end in ("", "l", "d"):
        shop.do({"kind": "remove", "path": path + end})
    assert names(tree) == []


def test_large_contents_come_from_disk(shop: Shop, tree: Path) -> None:
    large, other = os.urandom(9_000_000), os.urandom(200_000)
    shop.have(large, NEW, other)
    for name, content in (("a", large), ("b", other), ("c", NEW), ("d", large)):
        shop.do(put(tree / name, content))
        assert (tree / name).read_bytes() == content


def test_a_full_disk_leaves_all_as_it_was(
    shop: Shop, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "f").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OpError, match=rf"No space left on device: {tree}/f"):
        shop.do(put(tree / "f", NEW))
    assert names(tree) == ["f"]
    assert (tree / "f").read_bytes() == b"old"


class Validation:
    def __init__(self, shop: Shop, op: dict[str, Any]) -> None:
        self.work = perform(op, shop.shop)
        command = next(self.work)
        assert command is not None
        self.command = command


def test_a_file_is_validated_before_anybody_sees_it(shop: Shop, tree: Path) -> None:
    op = put(tree / "f", NEW, mode=0o640, validate=["check", "--file=%s", "x"])
    validation = Validation(shop, op)
    program, file, rest = validation.command.argv
    temp = Path(file.partition("=")[2])
    assert (program, rest) == ("check", "x")
    assert temp.parent == tree
    assert temp.read_bytes() == NEW
    assert mode(temp) == 0o640
    assert names(tree) == [temp.name]
    assert temp.name.startswith(".cfgdsl-")
    assert temp.name.endswith(".tmp")
    with pytest.raises(OpError, match="no such program"):
        validation.work.send(_Ended(error="no such program: check"))  # type: ignore[arg-type]
    assert names(tree) == []


class _Ended:
    def __init__(self, error: str | None = None, code: int = 1) -> None:
        self.error, self.exit = error, code
        self.stdout = self.stderr = self

    def text(self) -> str:
        return "output"


def test_a_file_that_does_not_pass_is_not_placed(shop: Shop, tree: Path) -> None:
    (tree / "f").write_bytes(b"old")
    validation = Validation(shop, put(tree / "f", NEW, validate=["check", "%s"]))
    with pytest.raises(OpError, match="exit status 1") as caught:
        validation.work.send(_Ended())  # type: ignore[arg-type]
    assert caught.value.detail["stderr"] == "output"
    assert names(tree) == ["f"]
    assert (tree / "f").read_bytes() == b"old"


def test_an_interrupted_put_leaves_no_temp_file(shop: Shop, tree: Path) -> None:
    validation = Validation(shop, put(tree / "f", NEW, validate=["check", "%s"]))
    assert len(names(tree)) == 1
    validation.work.close()
    assert names(tree) == []


@needs_root
@pytest.mark.parametrize("follow", [False, True])
def test_nobody_ever_sees_a_file_with_other_than_its_final_mode(
    shop: Shop, tree: Path, follow: bool
) -> None:
    seen: set[tuple[str, int, int]] = set()
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            for entry in os.scandir(tree):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                name = "temp" if entry.name.startswith(".cfgdsl-") else entry.name
                seen.add((name, stat.S_IMODE(status.st_mode), status.st_uid))

    watcher = threading.Thread(target=poll, daemon=True)
    watcher.start()
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        shop.do(put(tree / "f", NEW, mode=0o640, owner="nobody", follow=follow))
        shop.do({"kind": "remove", "path": str(tree / "f")})
        shop.do({"kind": "mkdir", "path": str(tree / "d"), "mode": 0o750, "owner": "nobody"})
        shop.do({"kind": "remove", "path": str(tree / "d")})
    over.set()
    watcher.join()
    nobody = shop.shop.accounts.uid("nobody")
    assert {entry for entry in seen if entry[0] == "f"} == {("f", 0o640, nobody)}
    # A directory cannot be renamed into place with its final owner; until then nobody may enter.
    assert {m for name, m, _ in seen if name == "d"} <= {0o700, 0o750}
    assert {m for name, m, uid in seen if name == "temp" and uid == 0} <= {0o600}


# Mkdir, Link, SetAttrs


def test_mkdir_makes_and_adjusts(shop: Shop, tree: Path) -> None:
    shop.do({"kind": "mkdir", "path": str(tree / "d")})
    assert mode(tree / "d") == 0o755
    shop.do({"kind": "mkdir", "path": str(tree / "d"), "mode": 0o2770})
    assert mode(tree / "d") == 0o2770
    shop.do({"kind": "mkdir", "path": str(tree / "d")})
    assert mode(tree / "d") == 0o2770


def test_mkdir_makes_parents_only_when_told(shop: Shop, tree: Path) -> None:
    path = str(tree / "a" / "b" / "c")
    with pytest.raises(OpError, match="No such file"):
        shop.do({"kind": "mkdir", "path": path})
    shop.do({"kind": "mkdir", "path": path, "mode": 0o700, "parents": True})
    assert [mode(tree / "a"), mode(tree / "a" / "b"), mode(Path(path))] == [0o755, 0o755, 0o700]
    shop.do({"kind": "mkdir", "path": path, "parents": True})


def test_mkdir_that_cannot_finish_leaves_nothing(shop: Shop, tree: Path) -> None:
    with pytest.raises(OpError):
        shop.do({"kind": "mkdir", "path": str(tree / "d"), "owner": "4294967296"})
    assert names(tree) == []


@pytest.mark.parametrize("kind", ["mkdir", "link"])
def test_a_file_in_the_way_is_refused(shop: Shop, tree: Path, kind: str) -> None:
    (tree / "f").touch()
    op = {"kind": kind, "path": str(tree / "f"), **({"to": "x"} if kind == "link" else {})}
    with pytest.raises(OpError, match="a file is in the way"):
        shop.do(op)


def test_link_replaces_a_link_and_nothing_else(shop: Shop, tree: Path) -> None:
    op = {"kind": "link", "path": str(tree / "l"), "to": "../any where"}
    shop.do(op)
    shop.do({**op, "to": "new"})
    assert os.readlink(tree / "l") == "new"
    assert names(tree) == ["l"]
    (tree / "d").mkdir()
    with pytest.raises(OpError, match="a directory is in the way"):
        shop.do({**op, "path": str(tree / "d")})


@needs_root
def test_a_link_has_an_owner_of_its_own(shop: Shop, tree: Path) -> None:
    (tree / "f").touch()
    shop.do({"kind": "link", "path": str(tree / "l"), "to": "f", "owner": "nobody"})
    assert (tree / "l").lstat().st_uid != 0
    assert (tree / "f").stat().st_uid == 0
    shop.do({"kind": "set_attrs", "path": str(tree / "l"), "owner": "root"})
    assert (tree / "l").lstat().st_uid == 0


def test_set_attrs_does_not_follow_links(shop: Shop, tree: Path) -> None:
    (tree / "f").touch(mode=0o600)
    (tree / "l").symlink_to("f")
    with pytest.raises(OpError, match="a link has no mode"):
        shop.do({"kind": "set_attrs", "path": str(tree / "l"), "mode": 0o777})
    assert mode(tree / "f") == 0o600


def test_set_attrs_follows_links_when_told(shop: Shop, tree: Path) -> None:
    (tree / "f").touch(mode=0o600)
    (tree / "l").symlink_to("f")
    shop.do({"kind": "set_attrs", "path": str(tree / "l"), "mode": 0o640, "follow": True})
    assert mode(tree / "f") == 0o640


@needs_root
def test_a_change_of_the_owner_keeps_setuid(shop: Shop, tree: Path) -> None:
    (tree / "f").touch()
    (tree / "f").chmod(0o6755)
    shop.do({"kind": "set_attrs", "path": str(tree / "f"), "owner": "nobody"})
    assert mode(tree / "f") == 0o6755


@pytest.mark.parametrize("kind", ["file", "dir", "pipe", "unreadable"])
def test_set_attrs_opens_nothing_and_works_on_anything(shop: Shop, tree: Path, kind: str) -> None:
    path = tree / kind
    if kind == "dir":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.touch(mode=0o200 if kind == "unreadable" else 0o644)
    shop.do({"kind": "set_attrs", "path": str(path), "mode": 0o711})
    assert mode(path) == 0o711


def test_set_attrs_of_nothing_is_an_error(shop: Shop, tree: Path) -> None:
    with pytest.raises(OpError, match="No such file"):
        shop.do({"kind": "set_attrs", "path": str(tree / "f"), "mode": 0o600})


# Remove


def remove(path: object, recursive: bool = False) -> dict[str, Any]:
    return {"kind": "remove", "path": str(path), "recursive": recursive}


def test_remove_takes_away_what_is_there(shop: Shop, tree: Path) -> None:
    (tree / "f").touch()
    (tree / "l").symlink_to("f")
    (tree / "d").mkdir()
    for name in ("l", "d", "f", "missing"):
        shop.do(remove(tree / name))
    assert names(tree) == []


def test_a_folder_with_content_stays_unless_told(shop: Shop, tree: Path) -> None:
    (tree / "d").mkdir()
    (tree / "d" / "f").touch()
    with pytest.raises(OpError, match="Directory not empty"):
        shop.do(remove(tree / "d"))
    shop.do(remove(tree / "d", recursive=True))
    assert names(tree) == []


def test_links_in_a_tree_are_not_followed(shop: Shop, tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "sub" / "precious").touch()
    (tree / "d" / "x").mkdir(parents=True)
    (tree / "d" / "abs").symlink_to(outside)
    (tree / "d" / "x" / "rel").symlink_to("../../../outside/sub")
    (tree / "top").symlink_to(outside)
    shop.do(remove(tree / "d", recursive=True))
    shop.do(remove(tree / "top", recursive=True))
    assert names(tree) == []
    assert (outside / "sub" / "precious").exists()


def test_a_folder_exchanged_for_a_link_meanwhile_is_not_entered(
    shop: Shop, tree: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for n in range(50):
        (outside / str(n)).touch()
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            try:
                os.rename(tree / "d" / "x", tree / "away")
                os.symlink(outside, tree / "d" / "x")
                os.unlink(tree / "d" / "x")
                os.rename(tree / "away", tree / "d" / "x")
            except OSError:
                continue

    attacker = threading.Thread(target=exchange, daemon=True)
    attacker.start()
    for _ in range(100):
        try:
            (tree / "d" / "x").mkdir(parents=True)
            shop.do(remove(tree / "d", recursive=True))
        except (OpError, OSError):
            continue
    over.set()
    attacker.join()
    assert len(names(outside)) == 50


def test_the_root_itself_is_never_removed(tmp_path: Path, tree: Path) -> None:
    rooted = Shop(tmp_path / "state", root=str(tree))
    (tree / "up").symlink_to("..")
    for path in ("/", "/..", "/up/.", "/up/"):
        with pytest.raises(OpError, match="root"):
            rooted.do(remove(path, recursive=True))
    rooted.close()


def test_a_deep_tree_is_no_problem(shop: Shop, tree: Path) -> None:
    deep = tree / "d"
    for _ in range(300):
        deep /= "d"
    deep.mkdir(parents=True)
    shop.do(remove(tree / "d", recursive=True))
    assert names(tree) == []


trees = st.recursive(
    st.sampled_from(["file", "link"]),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)


def grow(path: Path, shape: Any) -> None:
    if shape == "file":
        path.touch()
    elif shape == "link":
        path.symlink_to("/etc")
    else:
        path.mkdir()
        for name, inner in shape.items():
            grow(path / name, inner)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(trees)
def test_any_tree_can_be_removed(shop: Shop, tree: Path, shape: Any) -> None:
    grow(tree / "t", shape)
    shop.do(remove(tree / "t", recursive=True))
    assert names(tree) == []


# A directory as root


def test_in_a_directory_all_stays_in_it(tmp_path: Path, tree: Path) -> None:
    rooted = Shop(tmp_path / "state", root=str(tree))
    rooted.have(NEW)
    (tmp_path / "outside").mkdir()
    (tree / "etc").symlink_to("../outside")
    (tree / "abs").symlink_to(tmp_path / "outside")
    with pytest.raises(OpError):
        rooted.do(put("/etc/f", NEW))
    with pytest.raises(OpError):
        rooted.do(put("/abs/f", NEW))
    rooted.do({"kind": "mkdir", "path": "/../../x/y", "parents": True})
    (tree / "f").symlink_to("/target")
    rooted.do(put("/f", NEW, follow=True))
    assert (tree / "target").read_bytes() == NEW
    assert (tree / "x" / "y").is_dir()
    assert names(tmp_path / "outside") == []
    with pytest.raises(OpError, match="needs a whole system"):
        rooted.do({"kind": "run", "argv": ["true"]})
    with pytest.raises(OpError, match="needs a whole system"):
        rooted.do(put("/g", NEW, validate=["true"]))
    assert not (tree / "g").exists()
    rooted.close()


def test_open_descriptors_do_not_pile_up(shop: Shop, tree: Path) -> None:
    (tree / "dir").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for op in (
        put(tree / "f", NEW),
        put(tree / "dir", NEW),
        put(tree / "f", NEW, owner="no-such"),
        {"kind": "mkdir", "path": str(tree / "a" / "b"), "parents": True},
        {"kind": "link", "path": str(tree / "l"), "to": "x"},
        {"kind": "set_attrs", "path": str(tree / "f"), "mode": 0o600},
        remove(tree / "a", recursive=True),
        remove(tree / "dir"),
    ):
        try:
            shop.do(op)
        except OpError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before
