"""`Directory`: what is asked, what is found, and which ops follow."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import ImpossibleError, probes
from cfgdsl_stdlib import Directory
from tests.stdlib.walk import (
    after,
    assert_converges,
    change_of,
    decided,
    folder,
    impossible,
    link,
    refusal,
    regular,
)

WWW = "/srv/www"
PARENT: dict[probes.Probe, Any] = {probes.Stat("/srv", follow=True): folder()}


EMPTY = folder()


def host(stat: Any, *names: str) -> dict[probes.Probe, Any]:
    inside = None if stat is None else {"names": list(names), "more": False}
    return {**PARENT, probes.Stat(WWW): stat, probes.List(WWW): inside}


@pytest.mark.parametrize(
    ("declared", "found", "action", "ops"),
    [
        (Directory(WWW), None, "create", [{"kind": "mkdir", "path": WWW}]),
        (
            Directory(WWW, mode="0750", owner="www", group="www", parents=True),
            None,
            "create",
            [
                {
                    "kind": "mkdir",
                    "path": WWW,
                    "mode": 0o750,
                    "owner": "www",
                    "group": "www",
                    "parents": True,
                }
            ],
        ),
        (Directory(WWW, mode=0o755), folder(), "none", []),
        (
            Directory(WWW, mode=0o750, owner="www"),
            folder(),
            "update",
            [{"kind": "set_attrs", "path": WWW, "mode": 0o750, "owner": "www"}],
        ),
        (Directory(WWW, absent=True), None, "none", []),
        (Directory(WWW, absent=True), EMPTY, "delete", [{"kind": "remove", "path": WWW}]),
        (
            Directory(WWW, absent=True, recursive=True),
            folder(),
            "delete",
            [{"kind": "remove", "path": WWW, "recursive": True}],
        ),
    ],
)
def test_change_and_ops(declared: Directory, found: Any, action: str, ops: list[Any]) -> None:
    assert change_of(declared, host(found)).action == action
    assert decided(declared, host(found)) == ops


@pytest.mark.parametrize("absent", [False, True])
def test_a_file_in_its_place(absent: bool) -> None:
    assert impossible(Directory(WWW, absent=absent), host(regular())) == (
        "/srv/www is a file, not a directory",
        'Remove it first: File("/srv/www", absent=True).'
        if absent
        else "Remove it first, or say replace=True.",
    )


def test_a_link_in_its_place_is_not_followed() -> None:
    assert impossible(Directory(WWW), host(link("/data"))) == (
        "/srv/www is a symbolic link, not a directory",
        "Declare the directory that www leads to.",
    )


def test_one_with_content_is_removed_only_when_that_is_said() -> None:
    def outcome(declared: Directory) -> Any:
        return after(declared, host(folder(), "index.html", "old"))

    with pytest.raises(ImpossibleError, match=r"it holds index\.html, old$"):
        outcome(Directory(WWW, absent=True))
    assert outcome(Directory(WWW, absent=True, recursive=True)) == {probes.Stat(WWW): None}


def test_only_a_removal_that_is_not_recursive_asks_what_is_inside() -> None:
    inside = probes.List(WWW)
    assert inside in Directory(WWW, absent=True).probes()
    assert inside not in Directory(WWW, absent=True, recursive=True).probes()
    assert inside not in Directory(WWW).probes()


def test_contradictions_are_refused() -> None:
    assert (
        refusal(lambda: Directory(WWW, recursive=True))
        == "Directory: recursive=True is for absent=True only"
    )
    assert (
        refusal(lambda: Directory("/", absent=True))
        == "Directory: path is the root directory, which cannot be absent"
    )


def test_footprint() -> None:
    footprint = Directory(WWW, group="www").footprint()
    assert footprint.writes == ("path:/srv/www",)
    assert footprint.reads == ("path:/srv", "group:www")


def test_folders_above_that_it_may_make_are_no_part_of_its_state() -> None:
    declared = Directory("/srv/a/b", parents=True)
    assert declared.probes() == (probes.Stat("/srv/a/b"),)
    assert declared.footprint().awaits == ()
    assert declared.footprint().makes == ("path:/srv/a", "path:/srv")


@given(
    mode=st.none() | st.sampled_from([0o700, 0o755, 0o2775]),
    owner=st.none() | st.sampled_from(["root", "www"]),
    absent=st.booleans(),
    parents=st.booleans(),
    stat=st.none() | st.builds(folder, mode=st.sampled_from([0o700, 0o755]), owner=st.just("www")),
)
def test_applied_means_nothing_left_to_do(
    mode: Any, owner: Any, absent: bool, parents: bool, stat: Any
) -> None:
    declared = Directory(WWW, mode=mode, owner=owner, absent=absent, parents=parents)
    assert assert_converges(declared, host(stat))


@pytest.mark.parametrize(
    ("stat", "reason"), [(regular(), "replaces a file"), (link("/x"), "replaces a symbolic link")]
)
def test_what_is_in_its_place_goes_when_that_is_said(stat: Any, reason: str) -> None:
    declared = Directory(WWW, mode=0o750, replace=True)
    change = change_of(declared, host(stat))
    assert (change.action, declared.reason(change)) == ("create", reason)
    assert decided(declared, host(stat)) == [
        {"kind": "remove", "path": WWW},
        {"kind": "mkdir", "path": WWW, "mode": 0o750},
    ]
    assert assert_converges(declared, host(stat))
    assert change_of(declared, host(folder(mode=0o750))).action == "none"


def test_replacing_and_removing_contradict_each_other() -> None:
    assert refusal(lambda: Directory(WWW, absent=True, replace=True)) == (
        "Directory: replace=True and absent=True contradict each other"
    )


def test_with_parents_it_is_asked_which_folders_are_there() -> None:
    assert Directory("/a/b/c", parents=True).hints() == (
        probes.Stat("/a/b", follow=True),
        probes.Stat("/a", follow=True),
    )
    assert Directory("/a/b/c").hints() == ()
    assert Directory("/a/b/c", parents=True, absent=True).hints() == ()


def test_a_file_where_a_folder_on_the_way_should_be_is_foreseen() -> None:
    declared = Directory("/srv/www/a", parents=True)
    found = {
        probes.Stat("/srv/www/a"): None,
        probes.Stat("/srv/www", follow=True): regular(),
        probes.Stat("/srv", follow=True): folder(),
    }
    with pytest.raises(ImpossibleError, match="/srv/www is a file, not a directory"):
        after(declared, found)
