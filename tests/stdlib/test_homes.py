"""The home of a new user: what can be known of it before useradd makes it."""

from typing import Any

import pytest

from cfgdsl import Answers, Probe, ops, probes
from cfgdsl_stdlib import User, _homes
from tests.stdlib.walk import change_of, folder

HOME = probes.Stat("/home/ada")
SETTINGS, SKELETON, _ = _homes.questions("/home/ada")
DEBIAN = "UMASK\t\t022\nHOME=/home\nSKEL=/etc/skel\n"


def answers(
    settings: str = DEBIAN, names: list[str] | None = None, home: Any = None, more: bool = False
) -> dict[Probe, Any]:
    return {
        SETTINGS: {"exit": 0 if settings else 1, "stdout": settings},
        SKELETON: None if names is None else {"names": names, "more": more},
        HOME: home,
    }


def effects(user: User, given: dict[Probe, Any]) -> dict[Probe, Any]:
    """What adding the user makes of the paths in its home."""
    found = {probes.User("ada"): None, probes.Group("ada"): None, **given}
    (op,) = user.ops(change_of(user, found))
    assert isinstance(op, ops.Run)
    return {p: a for p, a in op.effects if isinstance(p, probes.Stat | probes.List)}


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        (DEBIAN, 0o755),
        ("", 0o755),
        ("UMASK 027\n", 0o750),
        ("  HOME_MODE\t0700\nUMASK 022\n", 0o700),
        ("HOME_MODE 0x1ed\n", 0o755),
        ("UMASK 077\nUMASK 022\n", 0o755),
    ],
)
def test_its_mode_is_what_the_host_has_set(settings: str, mode: int) -> None:
    assert effects(User("ada"), answers(settings)) == {
        HOME: folder(mode=mode, owner="ada", group="ada"),
        probes.List("/home/ada"): {"names": [], "more": False},
    }


def test_what_comes_from_the_skeleton_is_known_by_name_only() -> None:
    told = effects(User("ada"), answers(names=[".profile", ".bashrc"]))
    assert told[probes.List("/home/ada")] == {"names": [".bashrc", ".profile"], "more": False}
    for name in (".bashrc", ".profile"):
        assert isinstance(told[probes.Stat(f"/home/ada/{name}")], probes.Unknown)


@pytest.mark.parametrize(
    "given",
    [
        answers("HOME_MODE rwx\n"),
        answers("SKEL=/etc/other\n"),
        answers(names=["a"], more=True),
        {},
        {HOME: None},
    ],
)
def test_a_home_that_cannot_be_known_is_unknown(given: dict[Probe, Any]) -> None:
    told = effects(User("ada"), given)
    assert list(told) == [HOME]
    assert isinstance(told[HOME], probes.Unknown)


def test_a_home_that_is_there_stays_as_it_is() -> None:
    assert effects(User("ada"), answers(home=folder(mode=0o700))) == {}


def test_a_home_elsewhere() -> None:
    where = probes.Stat("/srv/ada")
    given: dict[Probe, Any] = {**answers(), probes.Group("staff"): {"gid": 50}, where: None}
    told = effects(User("ada", home="/srv/ada", group="staff"), given)
    assert told[where] == folder(owner="ada", group="staff")
    moved = effects(User("ada"), answers("HOME=/data\n"))
    assert isinstance(moved[probes.Stat("/data/ada")], probes.Unknown)


def test_only_what_may_make_a_home_asks_for_it() -> None:
    assert set(User("ada").hints()) == {SETTINGS, SKELETON, HOME}
    for user in (
        User("ada", absent=True),
        User("ada", system=True),
        User("ada", create_home=False),
    ):
        assert user.hints() == ()
    assert _homes.found(Answers({})) is None
