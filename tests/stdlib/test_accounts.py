"""`User` and `Group`: what is asked, what is found, and which commands follow."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cfgdsl import Secret, probes
from cfgdsl_stdlib import Group, User
from tests.stdlib.walk import account, after, argvs, assert_converges, change_of, refusal

ENTRY = probes.User("deploy")
OWN_GROUP = probes.Group("deploy")


def host(entry: Any, own_group: Any = None) -> dict[probes.Probe, Any]:
    return {ENTRY: entry, OWN_GROUP: own_group}


@pytest.mark.parametrize(
    ("declared", "entry", "action", "commands"),
    [
        (User("deploy"), None, "create", ["useradd -U -m -- deploy"]),
        (
            User("deploy", system=True, shell="/usr/sbin/nologin"),
            None,
            "create",
            ["useradd -r -U -s /usr/sbin/nologin -M -- deploy"],
        ),
        (
            User(
                "deploy",
                uid=1500,
                group="www",
                groups=["ssl", "adm"],
                shell="/bin/bash",
                home="/srv/d",
                comment="All, of it",
                create_home=False,
            ),
            None,
            "create",
            ["useradd -u 1500 -g www -s /bin/bash -d /srv/d -c All, of it -G adm,ssl -M -- deploy"],
        ),
        (User("deploy"), account(), "none", []),
        (User("deploy", shell="/bin/sh", groups=[]), account(), "none", []),
        (
            User("deploy", shell="/bin/bash", uid=7),
            account(),
            "update",
            ["usermod -u 7 -s /bin/bash -- deploy"],
        ),
        (User("deploy", groups=["b", "a"]), account(groups=["a", "b"]), "none", []),
        (
            User("deploy", groups=["a"]),
            account(groups=["a", "b"]),
            "update",
            ["usermod -G a -- deploy"],
        ),
        (User("deploy", groups=[]), account(groups=["b"]), "update", ["usermod -G  -- deploy"]),
        (User("deploy", groups=["a"], append=True), account(groups=["a", "b"]), "none", []),
        (
            User("deploy", groups=["c"], append=True),
            account(groups=["a"]),
            "update",
            ["usermod -a -G c -- deploy"],
        ),
        (User("deploy", groups=["www"]), account(group="www"), "none", []),
        (User("deploy", absent=True), None, "none", []),
        (User("deploy", absent=True), account(), "delete", ["userdel -- deploy"]),
        (
            User("deploy", absent=True, remove_home=True),
            account(),
            "delete",
            ["userdel -r -- deploy"],
        ),
    ],
)
def test_user(declared: User, entry: Any, action: str, commands: list[str]) -> None:
    assert change_of(declared, host(entry)).action == action
    assert argvs(declared, host(entry)) == commands


def test_a_group_of_the_same_name_that_is_there_becomes_the_primary_one() -> None:
    change = change_of(User("deploy"), host(None, {"gid": 1000}))
    assert change.action == "create"
    assert argvs(User("deploy"), host(None, {"gid": 1000})) == ["useradd -g deploy -m -- deploy"]


def test_a_complete_declaration_is_foreseen_completely() -> None:
    declared = User("deploy", uid=5, group="www", home="/srv/d", shell="/bin/sh", groups=["a"])
    assert after(declared, host(None)) == {
        ENTRY: {
            "uid": 5,
            "group": "www",
            "comment": "",
            "home": "/srv/d",
            "shell": "/bin/sh",
            "groups": ["a"],
        }
    }
    assert after(User("deploy"), host(None)) is None


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: User("12"), "User: name is no valid account name: '12'"),
        (lambda: User("a" * 33), f"User: name is no valid account name: {'a' * 33!r}"),
        (lambda: User("a:b"), "User: name must not contain ':' or control characters: 'a:b'"),
        (
            lambda: User("a", comment="x:y"),
            "User: comment must not contain ':' or control characters: 'x:y'",
        ),
        (
            lambda: User("a", comment=f"{Secret('b')}"),
            "User: comment must not contain a secret: others on the host can see it",
        ),
        (lambda: User("a", uid=-1), "User: uid must be between 0 and 4294967293, not -1"),
        (lambda: User("a", remove_home=True), "User: remove_home=True is for absent=True only"),
        (lambda: User("a", groups=["1"]), "User: a group is no valid account name: '1'"),
        (lambda: Group("7"), "Group: name is no valid account name: '7'"),
        (
            lambda: Group("a", gid=2**32),
            "Group: gid must be between 0 and 4294967293, not 4294967296",
        ),
    ],
)
def test_bad_declarations(declare: Any, message: str) -> None:
    assert refusal(declare) == message


@pytest.mark.parametrize("name", ["-rf", "", "a b", "a\nb", "--badname"])
def test_names_like_options_are_refused(name: str) -> None:
    assert "name" in refusal(lambda: User(name))
    assert "name" in refusal(lambda: Group(name))


def test_footprints() -> None:
    footprint = User("deploy", group="www", groups=["adm"], home="/srv/d").footprint()
    assert footprint.writes == ("user:deploy",)
    assert footprint.reads == ("group:www", "group:adm", "path:/srv")
    assert footprint.awaits == (
        ("group:www", probes.Group("www")),
        ("group:adm", probes.Group("adm")),
    )
    assert User("deploy").footprint().reads == ("group:deploy",)
    assert Group("www").footprint().writes == ("group:www",)
    assert User("a").footprint().locks == Group("a").footprint().locks == ("passwd",)


@pytest.mark.parametrize(
    ("declared", "entry", "commands"),
    [
        (Group("www"), None, ["groupadd -- www"]),
        (Group("www", gid=5, system=True), None, ["groupadd -r -g 5 -- www"]),
        (Group("www"), {"gid": 9}, []),
        (Group("www", gid=5), {"gid": 9}, ["groupmod -g 5 -- www"]),
        (Group("www", absent=True), {"gid": 9}, ["groupdel -- www"]),
        (Group("www", absent=True), None, []),
    ],
)
def test_group(declared: Group, entry: Any, commands: list[str]) -> None:
    found = {probes.Group("www"): entry}
    assert argvs(declared, found) == commands
    assert_converges(declared, found)


NAMES = st.sampled_from(["deploy", "a", "b", "www"])
GROUPS = st.lists(NAMES, unique=True)


@given(
    declared=st.builds(
        User,
        st.just("deploy"),
        uid=st.none() | st.integers(0, 5),
        group=st.none() | NAMES,
        groups=st.none() | GROUPS,
        append=st.booleans(),
        shell=st.none() | st.just("/bin/sh"),
        home=st.none() | st.just("/home/deploy"),
        comment=st.none() | st.sampled_from(["", "A B"]),
        absent=st.booleans(),
    ),
    entry=st.none()
    | st.builds(
        lambda uid, group, groups: account(
            uid=uid, group=group, groups=sorted({*groups} - {group})
        ),
        uid=st.integers(0, 5),
        group=NAMES,
        groups=GROUPS,
    ),
    own_group=st.none() | st.just({"gid": 5}),
)
def test_applied_means_nothing_left_to_do(declared: User, entry: Any, own_group: Any) -> None:
    named = {declared.group, *(declared.groups or ())}
    assume(own_group is not None or declared.name not in named)  # there is no such group
    foreseen = assert_converges(declared, host(entry, own_group))
    assert foreseen or entry is None
