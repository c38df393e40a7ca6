"""`Symlink`: what is asked, what is found, and which ops follow."""

from typing import Any

import pytest

from cfgdsl import Secret, probes
from cfgdsl_stdlib import Symlink
from tests.stdlib.walk import (
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
