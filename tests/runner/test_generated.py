"""Generated secrets: made once, whole, for their owner alone, and told only to whoever asks."""

import os
import stat
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfgdsl.runner import generated, wire
from cfgdsl.runner.generated import Generated, random_text
from cfgdsl.runner.paths import Root
from cfgdsl.runner.state import open_state

from .conftest import Start
from .harness import RunnerProcess, detail, outcomes, step

DIGITS = "0123456789"
ASKED = {"kind": "generated", "name": "db", "alphabet": DIGITS, "reveal": True}
GENERATE = {"kind": "generate", "name": "db", "length": 20, "alphabet": DIGITS}
WANT = wire.digest([{"length": 20, "fits": True}])


def made(tree: Path, project: str = "web") -> list[Path]:
    """All files in the folder of generated secrets."""
    return sorted((tree / ".cfgdsl" / project / "generated").iterdir())


@pytest.fixture
def here(tree: Path) -> Generated:
    """Those of the project `web` in `tree`."""
    root = Root(str(tree))
    os.close(open_state(root, "web"))
    return Generated(root, "web")


def test_one_is_made_once_and_proven_and_is_in_no_journal(
    rooted: RunnerProcess, tree: Path
) -> None:
    steps = [step("1", [ASKED], [GENERATE], want=WANT, report=True)]
    events = rooted.execute(steps, project="web")
    assert outcomes(events) == {"1": "changed"}
    (path,) = made(tree)
    value = path.read_text()
    assert len(value) == 20
    assert set(value) <= set(DIGITS)
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_nlink) == (0o600, 1)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert events[-1]["answers"] == [{"length": 20, "fits": True, "text": value}]
    again = [step("1", [ASKED], [GENERATE], want=WANT, always=True)]
    assert outcomes(rooted.execute(again, project="web")) == {"1": "changed"}
    assert path.read_text() == value
    assert outcomes(rooted.execute(steps, project="web")) == {"1": "unneeded"}
    others = [p for p in (tree / ".cfgdsl").rglob("*") if p.is_file() and p != path]
    assert others
    assert not any(value.encode() in p.read_bytes() for p in others)


def test_each_project_has_its_own(rooted: RunnerProcess, tree: Path) -> None:
    for project in ("one", "two"):
        rooted.execute([step("1", [], [GENERATE])], project=project)
    (one,), (two,) = made(tree, "one"), made(tree, "two")
    assert one.name == two.name
    assert one.read_text() != two.read_text()
    message = {"do": "probe", "probes": [ASKED]}
    told = [
        rooted.ask({**message, "project": "one"})["answers"][0]["text"],
        rooted.ask({**message, "record": {"project": "two", "declared": []}})["answers"][0]["text"],
    ]
    assert told == [one.read_text(), two.read_text()]
    assert rooted.ask({**message, "project": "three"})["answers"] == [None]
    assert rooted.probe(ASKED) == [None]


def test_a_look_makes_nothing(rooted: RunnerProcess, tree: Path) -> None:
    assert rooted.probe(ASKED) == [None]
    assert os.listdir(tree) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, {"length": 20, "text": None}),
        ({"alphabet": DIGITS}, {"length": 20, "fits": True, "text": None}),
        ({"alphabet": "ab", "reveal": True}, {"length": 20, "fits": False, "text": None}),
    ],
)
def test_no_more_is_told_than_was_asked(here: Generated, asked: Any, told: Any) -> None:
    here.make("db", 20, DIGITS)
    assert here.answer({"kind": "generated", "name": "db", **asked}) == told


def test_its_value_counts_in_no_digest() -> None:
    answers = [{"length": 20, "fits": True, "text": text} for text in ("a", "b", None)]
    assert {wire.digest([answer]) for answer in answers} == {WANT}


def test_discarding_one_leaves_the_others(here: Generated, tree: Path) -> None:
    here.discard("db")
    for name in ("db", "../db", "ü" * 300):
        here.make(name, 20, DIGITS)
    (tree / ".cfgdsl/web/generated/.left").write_text("by a killed run")
    here.discard("db")
    here.discard("db")
    assert here.answer(ASKED) is None
    assert len(made(tree)) == 2


@pytest.mark.parametrize("alphabet", [DIGITS, "ab", "".join(map(chr, range(0x21, 0x7F)))])
def test_each_character_is_as_likely_as_any_other(
    monkeypatch: pytest.MonkeyPatch, alphabet: str
) -> None:
    """Of all bytes there are, once each: a remainder alone would favour some."""
    every = bytes(range(256))
    monkeypatch.setattr(os, "urandom", lambda _: every)
    fair = 256 // len(alphabet) * len(alphabet)
    found = Counter(random_text(fair, alphabet))
    assert set(found) == set(alphabet)
    assert len({*found.values()}) == 1


def test_no_two_are_alike() -> None:
    assert len({random_text(20, DIGITS) for _ in range(1000)}) == 1000


def test_of_several_that_are_made_at_once_one_stays(here: Generated, tree: Path) -> None:
    here.make("other", 20, DIGITS)
    folder = os.open(made(tree)[0].parent, os.O_RDONLY)
    texts = [str(n) * 20 for n in range(8)]
    seen: list[str] = []

    def make(text: str) -> None:
        generated._make(folder, "x", text)
        seen.append((tree / ".cfgdsl/web/generated/x").read_text())

    threads = [threading.Thread(target=make, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(folder)
    assert len(seen) == 8
    assert len({*seen}) == 1
    assert seen[0] in texts


@pytest.mark.parametrize("at", range(8))
def test_killed_anywhere_it_is_whole_or_not_there(here: Generated, tree: Path, at: int) -> None:
    child = os.fork()
    if child == 0:
        calls = iter(range(100))

        def dying(call: Callable[..., Any]) -> Callable[..., Any]:
            def called(*args: Any, **kwargs: Any) -> Any:
                if next(calls) == at:
                    os._exit(9)
                return call(*args, **kwargs)

            return called

        for name in ("mkdir", "fsync", "link", "unlink", "urandom"):
            setattr(os, name, dying(getattr(os, name)))
        here.make("db", 20, DIGITS)
        os._exit(0)
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert killed == (at < 8)
    before = here.answer(ASKED)
    assert before is None or (before["length"], before["fits"]) == (20, True)
    here.make("db", 20, DIGITS)
    (path,) = made(tree)
    assert before is None or path.read_text() == before["text"]


def replaced(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


SPOILT: dict[str, Callable[[Path], object]] = {
    "a link": replaced(lambda path: path.symlink_to("/etc/passwd")),
    "a folder": replaced(Path.mkdir),
    "a pipe": replaced(os.mkfifo),
    "empty": lambda path: path.write_text(""),
    "too short": lambda path: path.write_text("1234567"),
    "too long": lambda path: path.write_text("1" * 1025),
    "no text": lambda path: path.write_bytes(b"\0" * 20),
    "lines": lambda path: path.write_text("12345678\n12345678\n"),
    "open to others": lambda path: path.parent.parent.chmod(0o755),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_none_is_an_error_that_shows_nothing_of_it(
    here: Generated, tree: Path, how: str
) -> None:
    here.make("db", 20, DIGITS)
    (path,) = made(tree)
    SPOILT[how](path)
    answer = here.answer(ASKED)
    assert answer is not None
    assert list(answer) == ["error"]
    assert "generated secret db" in answer["error"]
    assert "1234567" not in answer["error"]


def test_without_room_the_step_fails_and_says_what(start: Start, tree: Path) -> None:
    rooted = start(root=str(tree))
    rooted.execute([], project="web")
    (tree / ".cfgdsl/web/generated").write_text("in the way")
    events = rooted.execute([step("1", [], [GENERATE])], project="web")
    assert outcomes(events) == {"1": "failed"}
    assert "db" in detail(events, "1")["error"]


@pytest.mark.parametrize(
    "op",
    [
        {**GENERATE, "length": 7},
        {**GENERATE, "length": 1025},
        {**GENERATE, "alphabet": "a"},
        {**GENERATE, "alphabet": "aa"},
        {**GENERATE, "alphabet": "a\n"},
        {**GENERATE, "alphabet": "aü"},
        {**GENERATE, "name": "a\0b"},
    ],
)
def test_what_makes_no_secret_is_refused(rooted: RunnerProcess, op: dict[str, Any]) -> None:
    rooted.start([step("1", [], [op])], project="web")
    assert rooted.receive()["is"] == "refused"
