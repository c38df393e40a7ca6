"""`Symlink`: what is asked, what is found, and which ops follow."""

from typing import Any

import pytest

from cfgdsl import ImpossibleError, Secret, probes
from cfgdsl_stdlib import Symlink
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

CURRENT = "/srv/current"


def host(stat: Any) -> dict[probes.Probe, Any]:
    return {probes.Stat("/srv", follow=True): folder(), probes.Stat(CURRENT): stat}


@pytest.mark.parametrize(
    ("declared", "found", "action", "ops"),
    [
        (
            Symlink(CURRENT, to="v2"),
            None,
            "create",
            [{"kind": "link", "path": CURRENT, "to": "v2"}],
        ),
        (
            Symlink(CURRENT, to="v2", owner="www"),
            link("v1"),
            "update",
            [{"kind": "link", "path": CURRENT, "to": "v2", "owner": "www"}],
        ),
        (Symlink(CURRENT, to="v2"), link("v2"), "none", []),
        (Symlink(CURRENT, absent=True), None, "none", []),
        (
            Symlink(CURRENT, absent=True),
            link("v1"),
            "delete",
            [{"kind": "remove", "path": CURRENT}],
        ),
    ],
)
def test_change_and_ops(declared: Symlink, found: Any, action: str, ops: list[Any]) -> None:
    assert change_of(declared, host(found)).action == action
    assert decided(declared, host(found)) == ops
    assert assert_converges(declared, host(found))


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize(("stat", "what"), [(regular(), "a file"), (folder(), "a directory")])
def test_anything_else_in_its_place_stays(absent: bool, stat: Any, what: str) -> None:
    declared = Symlink(CURRENT, to=None if absent else "v1", absent=absent)
    assert impossible(declared, host(stat)) == (
        f"/srv/current is {what}, not a symbolic link",
        "Move it away." if absent else "Move it away, or say replace=True.",
    )


def test_bad_declarations() -> None:
    assert refusal(lambda: Symlink(CURRENT)) == "Symlink: needs to=, the path that it leads to"
    assert (
        refusal(lambda: Symlink(CURRENT, to=f"/x/{Secret.env('A')}"))
        == "Symlink: to must not contain a secret: others on the host can see it"
    )


@pytest.mark.parametrize("to", ["releases/2", "/srv/releases/2", "../srv/releases/2"])
def test_it_comes_after_what_it_leads_to(to: str) -> None:
    assert "path:/srv/releases/2" in Symlink(CURRENT, to=to).footprint().reads


@pytest.mark.parametrize(
    ("stat", "inside", "recursive", "removed", "reason"),
    [
        (regular(), None, False, {"kind": "remove", "path": CURRENT}, "replaces a file"),
        (folder(), [], False, {"kind": "remove", "path": CURRENT}, "replaces a directory"),
        (
            folder(),
            ["x"],
            True,
            {"kind": "remove", "path": CURRENT, "recursive": True},
            "replaces a directory",
        ),
    ],
)
def test_what_is_in_its_place_goes_when_that_is_said(
    stat: Any, inside: list[str] | None, recursive: bool, removed: Any, reason: str
) -> None:
    declared = Symlink(CURRENT, to="v1", replace=True, recursive=recursive)
    names = None if inside is None else {"names": inside, "more": False}
    found = {**host(stat), probes.List(CURRENT): names}
    change = change_of(declared, found)
    assert (change.action, declared.reason(change)) == ("create", reason)
    assert decided(declared, found) == [removed, {"kind": "link", "path": CURRENT, "to": "v1"}]
    assert assert_converges(declared, found)


def test_a_directory_with_content_is_not_replaced_by_the_way() -> None:
    declared = Symlink(CURRENT, to="v1", replace=True)
    assert declared.hints() == (probes.List(CURRENT),)
    names = {"names": ["precious"], "more": False}
    with pytest.raises(ImpossibleError, match="is not empty: it holds precious"):
        after(declared, {**host(folder()), probes.List(CURRENT): names})


def test_a_device_is_never_replaced() -> None:
    device = {**regular(), "kind": "other"}
    problem, _ = impossible(Symlink(CURRENT, to="v1", replace=True), host(device))
    assert problem == "/srv/current is a device, socket or pipe, not a symbolic link"


def test_how_to_replace_what_is_said_for_itself() -> None:
    assert refusal(lambda: Symlink(CURRENT, absent=True, replace=True)) == (
        "Symlink: replace=True and absent=True contradict each other"
    )
    assert refusal(lambda: Symlink(CURRENT, to="v1", recursive=True)) == (
        "Symlink: recursive=True is for replace=True only"
    )
