"""What is in a folder, as the steps of a plan leave it: nothing is removed with what it holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import Content, ImpossibleError, ops, probes
from cfgdsl.core.predict import World
from cfgdsl.core.probes import Unknown
from cfgdsl.runner.wire import MOST_NAMES

from .machine import FOLDER, FailedError, Machine, parent

FILE = {**FOLDER, "kind": "file", "mode": 0o644}
FOLDERS = ["/a", "/a/b", "/a/b/c", "/d"]
PATHS = [*FOLDERS, "/a/f", "/a/g", "/a/b/f", "/d/f"]
TEXT = Content.of("x")

_ops = st.one_of(
    st.sampled_from(PATHS).map(lambda path: ops.Put(path, TEXT)),
    st.sampled_from(PATHS).map(ops.Mkdir),
    st.sampled_from(PATHS).map(lambda path: ops.SetAttrs(path, mode=0o700)),
    st.builds(ops.Remove, st.sampled_from(PATHS), recursive=st.booleans()),
)


def listing(*names: str, more: bool = False) -> dict[str, Any]:
    return {"names": list(names), "more": more}


def world(names: Any, **at: Any) -> World:
    """A host with the folder /a, and with what lies in it."""
    base: dict[probes.Probe, Any] = {probes.Stat("/a"): FOLDER, probes.List("/a"): names}
    base |= {probes.Stat(f"/a/{name}"): stat for name, stat in at.items()}
    return World({probes.Stat("/"): FOLDER, **base})


@given(st.sets(st.sampled_from(PATHS)), st.lists(_ops, max_size=12))
def test_folders_hold_what_the_steps_before_leave_in_them(
    there: set[str], done: list[ops.Op]
) -> None:
    machine = Machine()
    for path in PATHS:
        if path in there and parent(path) in machine.paths:
            kind = FOLDER if path in FOLDERS else {**FILE, "data": b"x"}
            machine.paths[path] = dict(kind)
    asked = [
        *(probes.Stat(path) for path in ["/", *PATHS]),
        *(probes.List(path) for path in ["/", *PATHS]),
    ]
    predicted = World({probe: machine.answer(probe) for probe in asked})
    for op in done:
        try:
            machine.perform(op)
        except (AssertionError, FailedError, KeyError):
            continue
        predicted.apply(op)
    for probe in asked:
        assert predicted.answer(probe) == machine.answer(probe), probe


def test_a_folder_with_content_is_not_removed_and_some_of_it_is_named() -> None:
    made = world(listing("a", "b", "c", "d", "e"))
    with pytest.raises(ImpossibleError) as caught:
        made.apply(ops.Remove("/a"))
    assert caught.value.summary == "/a is not empty: it holds a, b, c and 2 more"
    assert "recursive=True" in caught.value.hint
    made.apply(ops.Remove("/a", recursive=True))
    assert made.answer(probes.List("/a")) is None


def test_a_listing_that_was_cut_says_so() -> None:
    names = sorted(map(str, range(MOST_NAMES)))
    made = world(listing(*names, more=True))
    with pytest.raises(ImpossibleError, match="holds 0, 1, 10 and at least 998 more"):
        made.apply(ops.Remove("/a"))


def test_what_comes_into_a_listing_that_was_cut_cannot_be_told() -> None:
    names = sorted(map(str, range(MOST_NAMES)))
    made = world(listing(*names, more=True), **{"0": FILE})
    made.apply(ops.Remove("/a/0"))
    assert isinstance(made.answer(probes.List("/a")), Unknown)
    full = world(listing(*names), zz=None)
    full.apply(ops.Put("/a/zz", TEXT))
    assert isinstance(full.answer(probes.List("/a")), Unknown)


def test_what_a_command_may_write_into_a_folder_leaves_it_unknown() -> None:
    made = world(listing())
    made.apply(ops.Run(("x",), effects=((probes.Stat("/a/f"), Unknown("it decides")),)))
    assert made.answer(probes.List("/a")) == Unknown("it decides")
    made.apply(ops.Remove("/a"))
    assert made.answer(probes.List("/a")) is None


def test_a_command_may_say_what_a_folder_holds_afterwards() -> None:
    made = world(listing("f", "g"), f=FILE, g=FILE)
    made.apply(ops.Remove("/a/f"))
    made.apply(ops.Run(("x",), effects=((probes.List("/a"), listing("f")),)))
    assert made.answer(probes.List("/a")) == listing("f")
    made.apply(ops.Remove("/a/f"))
    assert made.answer(probes.List("/a")) == listing()


def test_a_link_is_no_folder_and_what_was_not_asked_is_not_known() -> None:
    made = world(None)
    made.apply(ops.Remove("/a", recursive=True))
    made.apply(ops.Link("/a", "/b"))
    assert made.answer(probes.List("/a")) is None
    assert isinstance(World({}).answer(probes.List("/a")), Unknown)
