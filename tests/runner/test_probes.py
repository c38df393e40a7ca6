"""What the runner answers to each probe: also to odd ones, and never with an exception."""

import hashlib
import os
import pwd
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.runner import files, query, wire
from cfgdsl.runner.accounts import Accounts
from cfgdsl.runner.paths import Root

from .conftest import Start, needs_root
from .harness import Json, RunnerProcess, content_step, eventually, processes_with

ME = pwd.getpwuid(os.geteuid()).pw_name


def stat(path: object, follow: bool = False) -> Any:
    return files.stat_answer(Root(), Accounts(), str(path), follow)


def read(path: object, unless: str | None = None, up_to: int = 65536, follow: bool = False) -> Any:
    return files.read_answer(Root(), str(path), unless, up_to, follow)


def test_stat_tells_kind_mode_and_names(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o4755)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert stat(tmp_path / "file")["mode"] == 0o4755
    assert stat(tmp_path / "file")["owner"] == ME
    kinds = ["file", "pipe", "socket", "link", "dangling"]
    found = {name: stat(tmp_path / name)["kind"] for name in kinds}
    assert found == dict(zip(kinds, ["file", "other", "other", "link", "link"], strict=True))
    assert stat(tmp_path)["kind"] == "dir"
    link = stat(tmp_path / "link")
    assert link["target"] == "file"
    assert "mode" not in link
    assert stat(tmp_path / "link", follow=True)["kind"] == "file"
    assert stat(tmp_path / "dangling", follow=True) is None


def names(path: object, root: str = "/") -> Any:
    return files.list_answer(Root(root), str(path))


def test_a_list_has_the_names_in_a_directory_sorted(tmp_path: Path) -> None:
    assert names(tmp_path) == {"names": [], "more": False}
    for name in ("b", "a", ".c"):
        (tmp_path / name).touch()
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff")).touch()
    assert names(tmp_path) == {"names": [".c", "a", "b", "\udcff"], "more": False}


def test_only_a_directory_itself_is_listed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    assert [names(tmp_path / name) for name in ("file", "link", "none", "file/x")] == [None] * 4
    (tmp_path / "loop").symlink_to("loop")
    assert set(names(tmp_path / "loop" / "x")) == {"error"}


@pytest.mark.parametrize("count", [wire.MOST_NAMES, wire.MOST_NAMES + 1, 9 * wire.MOST_NAMES])
def test_a_long_list_has_its_first_names_and_says_that_there_are_more(
    tmp_path: Path, count: int
) -> None:
    expected = sorted(str(number) for number in range(count))
    for name in expected:
        (tmp_path / name).touch()
    found = names(tmp_path)
    assert found["names"] == expected[: wire.MOST_NAMES]
    assert found["more"] is (count > wire.MOST_NAMES)


def test_a_list_stays_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root" / "out").symlink_to("/")
    root = str(tmp_path / "root")
    assert names("/", root)["names"] == ["etc", "out"]
    assert names("/out/etc", root) == {"names": [], "more": False}
    assert names("/", str(tmp_path / "new")) == {"names": [], "more": False}


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing", tmp_path / "missing" / "x", tmp_path / "file" / "x"):
        assert stat(path) is None
        assert read(path) is None


def test_what_cannot_be_answered_is_an_error_and_not_absent(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "loop" in stat(tmp_path / "loop", follow=True)["error"]
    assert set(stat("/" + "x" * 300)) == {"error"}
    assert set(read("/" + "x" * 300)) == {"error"}


@needs_root
def test_what_may_not_be_seen_is_an_error(start: Start, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0o700)
    runner = start(user=65534, python="/usr/bin/python3")
    path = str(tmp_path / "secret" / "x")
    answers = runner.probe({"kind": "stat", "path": path}, {"kind": "read", "path": path})
    assert [set(answer) for answer in answers] == [{"error"}, {"error"}]
    assert "Permission denied" in answers[0]["error"]


def test_an_id_without_a_name_is_its_number(tmp_path: Path) -> None:
    accounts = Accounts()
    assert accounts.user_name(987654) == "987654"
    assert accounts.group_name(987654) == "987654"
    assert accounts.uid("987654") == 987654


@pytest.mark.parametrize("name", ["näme", "line\nbreak", "-rf", "a b", "\udcff\udcfe", "'\";$(x)`"])
def test_odd_names_are_just_names(tmp_path: Path, name: str) -> None:
    path = os.path.join(str(tmp_path), name)
    Path(path).write_bytes(b"x")
    assert stat(path)["kind"] == "file"
    assert read(path)["text"] == "x"


def test_read_brings_digest_size_and_text(tmp_path: Path) -> None:
    data = "grüße\n".encode()
    (tmp_path / "f").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    expected = {"sha256": digest, "size": len(data)}
    assert read(tmp_path / "f") == {**expected, "text": "grüße\n"}
    assert read(tmp_path / "f", unless=digest) == {**expected, "text": None}
    assert read(tmp_path / "f", up_to=len(data))["text"] == "grüße\n"
    assert read(tmp_path / "f", up_to=len(data) - 1)["text"] is None
    (tmp_path / "l").symlink_to("f")
    assert read(tmp_path / "l") is None
    assert read(tmp_path / "l", follow=True) == {**expected, "text": "grüße\n"}


@pytest.mark.parametrize("data", [b"\0", b"a\0b", b"\xff", b"\xed\xa0\x80"])
def test_what_is_no_text_has_no_text(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    assert read(tmp_path / "f")["text"] is None


def test_an_empty_file_has_an_empty_text(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert read(tmp_path / "f")["text"] == ""


def test_nothing_but_regular_files_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it to read would wait for a writer
    assert read(tmp_path / "pipe") is None
    assert read("/dev/zero") is None
    assert read(tmp_path) is None


def test_a_huge_sparse_file_is_read_without_being_held(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    size = 256 * 2**20
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    [answer] = runner.probe({"kind": "read", "path": str(tmp_path / "sparse"), "up_to": 2**40})
    assert answer["size"] == size
    assert answer["text"] is None
    status = Path(f"/proc/{runner.process.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 48 * 1024


def test_accounts(runner: RunnerProcess) -> None:
    root, missing, group, no_group = runner.probe(
        {"kind": "user", "name": "root"},
        {"kind": "user", "name": "no-such-user"},
        {"kind": "group", "name": "root"},
        {"kind": "group", "name": "no-such-group"},
    )
    assert root["uid"] == 0
    assert root["group"] == "root"
    assert root["home"] == "/root"
    assert "root" not in root["groups"]
    assert (missing, group, no_group) == (None, {"gid": 0}, None)


def test_who_has_a_number_and_which_number_a_name_has(runner: RunnerProcess) -> None:
    answers = runner.probe(
        {"kind": "account_name", "database": "user", "number": 0},
        {"kind": "account_name", "database": "group", "number": 0},
        {"kind": "account_name", "database": "group", "number": 987654},
        {"kind": "account_number", "database": "user", "name": "root"},
        {"kind": "account_number", "database": "group", "name": "no-such"},
        {"kind": "account_number", "database": "user", "name": "1234567"},
    )
    assert answers == [
        {"name": "root"}, {"name": "root"}, None, {"number": 0}, None, {"number": 1234567}
    ]  # fmt: skip


def test_in_a_directory_the_owners_are_those_of_this_machine(
    rooted: RunnerProcess, tree: Path
) -> None:
    known, unknown = rooted.probe(
        {"kind": "account_number", "database": "user", "name": "root"},
        {"kind": "account_number", "database": "group", "name": "no-such"},
    )
    assert known == {"number": 0}
    assert unknown["error"].startswith("this machine has no group 'no-such', and the directory")
    assert str(tree) in unknown["error"]


def test_a_directory_that_is_not_there_is_an_empty_one_until_something_is_put_in_it(
    start: Start, tmp_path: Path
) -> None:
    root = tmp_path / "a" / "b"
    runner = start(root=str(root))
    folder, file = runner.probe({"kind": "stat", "path": "/"}, {"kind": "stat", "path": "/f"})
    assert (folder["kind"], folder["mode"], file) == ("dir", 0o755, None)
    assert not root.exists()
    runner.execute([content_step("1", "/f", b"x")], [b"x"])
    assert runner.probe({"kind": "stat", "path": "/"}) == [folder]
    assert (root / "f").read_bytes() == b"x"


def rows(item: str, *argv: str, **fields: Any) -> Json:
    return {"kind": "query", "argv": list(argv), "item": item, "split": "rows", **fields}


SAY_ROWS = ("sh", "-c", 'echo "$@" >&2; for i; do echo "$i\t<$i>\t$#"; done', "sh")


def test_alike_queries_are_one_command(runner: RunnerProcess) -> None:
    assert runner.probe(rows("a", *SAY_ROWS), rows("b", *SAY_ROWS), rows("a", *SAY_ROWS)) == [
        ["<a>", "2"],
        ["<b>", "2"],
        ["<a>", "2"],
    ]


def test_a_missing_item_is_none_whatever_the_exit_status(runner: RunnerProcess) -> None:
    say = ("sh", "-c", "echo 'b\t1'; exit 1", "sh")
    assert runner.probe(rows("a", *say), rows("b", *say)) == [None, ["1"]]


def test_a_query_that_cannot_run_is_an_error_for_each_item(runner: RunnerProcess) -> None:
    answers = runner.probe(rows("a", "no-such-program"), rows("b", "no-such-program"))
    assert answers == [{"error": "no such program: no-such-program"}] * 2


def test_more_items_than_fit_become_several_commands(runner: RunnerProcess) -> None:
    probes = [rows(f"item-{n}", *SAY_ROWS) for n in range(1001)]
    answers = runner.probe(*probes)
    assert [answer[0] for answer in answers] == [f"<item-{n}>" for n in range(1001)]
    assert {answer[1] for answer in answers} == {"500", "1"}


def test_when_asks_only_what_the_condition_leaves_open(runner: RunnerProcess) -> None:
    missing = rows("x", "sh", "-c", "true", "sh")
    there = {"kind": "stat", "path": "/"}
    broken = rows("x", "no-such-program")
    answers = runner.probe(
        rows("a", *SAY_ROWS, when=missing),
        rows("b", *SAY_ROWS, when=there),
        rows("c", *SAY_ROWS, when=broken),
        rows("d", *SAY_ROWS, when=rows("e", *SAY_ROWS, when=there)),
    )
    assert answers[:2] == [["<a>", "1"], None]
    assert set(answers[2]) == {"error"}
    assert answers[3] == ["<d>", "1"]


def test_blocks_are_matched_by_key_or_by_order(runner: RunnerProcess) -> None:
    text = "Id=a\nState=on\nX=1=2\n\nId=b\nState=off\nLoad=not-found\n"
    block: Json = {
        "kind": "query",
        "argv": ["sh", "-c", f"printf '{text}'", "sh"],
        "split": "blocks",
    }
    by_key = {**block, "key": "Id", "fields": ["State", "X"], "absent": "Load=not-found"}
    answers = runner.probe(
        {**by_key, "item": "a"},
        {**by_key, "item": "b"},
        {**block, "item": "first"},
        {**block, "item": "second"},
    )
    assert answers[:2] == [{"State": "on", "X": "1=2"}, None]
    assert answers[2] == {"Id": "a", "State": "on", "X": "1=2"}
    assert answers[3]["Id"] == "b"


@given(st.lists(st.text(max_size=300), max_size=50))
def test_grouping_loses_and_invents_no_item(items: list[str]) -> None:
    probes = [(str(n), rows(item, "x")) for n, item in enumerate(items)]
    groups = list(query.grouped(probes))
    assert [pair for group in groups for pair in group] == probes
    assert all(group for group in groups)


@given(st.text(), st.sampled_from(["rows", "blocks"]), st.sampled_from([None, "a", "k"]))
def test_any_output_can_be_split(output: str, split: str, key: str | None) -> None:
    probe = {"split": split, "key": key, "absent": "a=b"}
    assert set(query.split(probe, ["a", "b"], output)) <= {"a", "b"} or key


def test_a_run_probe_tells_exit_and_output(runner: RunnerProcess) -> None:
    answers = runner.probe(
        {"kind": "run", "argv": ["sh", "-c", "cat; pwd; echo $X $LC_ALL; exit 7"], "cwd": "/usr",
         "stdin": "in\n", "env": {"X": "y"}},
        {"kind": "run", "argv": ["sh", "-c", "kill -9 $$"]},
        {"kind": "run", "argv": ["true"], "cwd": "/no-such-folder"},
        {"kind": "run", "argv": ["/etc/passwd"]},
        {"kind": "run", "argv": ["true"], "user": "no-such-user"},
    )  # fmt: skip
    assert answers[0] == {"exit": 7, "stdout": "in\n/usr\ny C.UTF-8\n"}
    assert answers[1] == {"exit": -9, "stdout": ""}
    assert [set(answer) for answer in answers[2:]] == [{"error"}] * 3


def test_probes_that_take_their_time_are_asked_at_once(runner: RunnerProcess) -> None:
    begin = time.monotonic()
    runner.probe(*({"kind": "run", "argv": ["sleep", f"0.5{n}"]} for n in range(4)))
    assert time.monotonic() - begin < 1.5


def test_a_probe_that_hangs_is_ended(runner: RunnerProcess) -> None:
    probe = {"kind": "run", "argv": ["sleep", "4711.1"], "timeout": 0.2}
    assert runner.probe(probe) == [{"error": "timed out after 0.2 s"}]
    assert eventually(lambda: not processes_with("4711.1"))


def test_output_beyond_the_limit_is_cut(runner: RunnerProcess) -> None:
    [answer] = runner.probe({"kind": "run", "argv": ["head", "-c", "3000000", "/dev/zero"]})
    assert len(answer["stdout"]) == 2**20


def test_a_directory_has_no_users_and_runs_nothing(rooted: RunnerProcess, tree: Path) -> None:
    (tree / "f").write_text("x", encoding="ascii")
    when = rows("a", "true", when={"kind": "stat", "path": "/missing"})
    answers = rooted.probe(
        {"kind": "read", "path": "/f"},
        {"kind": "user", "name": "root"},
        {"kind": "group", "name": "root"},
        {"kind": "run", "argv": ["true"]},
        rows("a", "true"),
        rows("b", "true", when=when),
    )
    assert answers[0]["text"] == "x"
    error = f"needs a whole system: this target is the directory {tree}"
    assert answers[1:] == [{"error": error}] * 5


def test_probing_a_thousand_files_is_one_quick_answer(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    for n in range(1000):
        (tmp_path / str(n)).touch()
    begin = time.monotonic()
    answers = runner.probe(*({"kind": "stat", "path": str(tmp_path / str(n))} for n in range(1000)))
    assert all(answer["kind"] == "file" for answer in answers)
    assert time.monotonic() - begin < 2
