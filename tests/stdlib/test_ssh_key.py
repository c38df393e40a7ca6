"""`SshKey`: what is made, what is kept, and what is refused."""

from typing import Any

import pytest

from cfgdsl import Answers, Secret, probes
from cfgdsl_stdlib import SshKey
from tests.stdlib.walk import (
    ROOT,
    argvs,
    assert_converges,
    change_of,
    decided,
    folder,
    impossible,
    link,
    refusal,
    regular,
)

PATH, PUB = "/root/.ssh/id", "/root/.ssh/id.pub"
LINE = "ssh-ed25519 AAAAC3Nz backup"


def found(private: Any = None, public: Any = None, text: str | None = None) -> dict[Any, Any]:
    read = None if public is None else {"sha256": "0" * 64, "size": 1, "text": text}
    return {
        probes.Stat(PATH): private,
        probes.Stat(PUB): public,
        probes.Read(PUB): read,
        probes.Stat("/root/.ssh", follow=True): folder(),
    }


PRINT = 'ssh-keygen -y -f "$1" > "$1.pub.new" && mv -f -- "$1.pub.new" "$1.pub"'
PRIVATE = regular(mode=0o600)
THERE = found(PRIVATE, regular(), LINE + "\n")


@pytest.mark.parametrize(
    ("declared", "given", "action", "commands"),
    [
        (SshKey(PATH), THERE, "none", []),
        (SshKey(PATH), found(), "create", [f"ssh-keygen -q -t ed25519 -N  -C  -f {PATH}"]),
        (
            SshKey(PATH, type="rsa", bits=4096, comment="of web1"),
            found(),
            "create",
            [f"ssh-keygen -q -t rsa -b 4096 -N  -C of web1 -f {PATH}"],
        ),
        (SshKey(PATH, comment="other"), THERE, "none", []),
        (
            SshKey(PATH),
            found(PRIVATE),
            "update",
            [
                f"/bin/sh -c {PRINT} sh {PATH}",
            ],
        ),
        (SshKey(PATH, absent=True), found(), "none", []),
    ],
)
def test_what_is_done(declared: SshKey, given: Any, action: str, commands: list[str]) -> None:
    assert change_of(declared, given).action == action
    ops = decided(declared, given)
    assert [" ".join(op["argv"]) for op in ops if op["kind"] == "run"] == commands
    assert_converges(declared, given)


def test_a_public_part_that_a_crash_has_torn_is_made_again() -> None:
    for text in ("", "ssh-ed25519", "ssh-ed25519 A\nssh-ed25519 B", None):
        change = change_of(SshKey(PATH), found(PRIVATE, regular(), text))
        assert change.touches("public_mode"), text


@pytest.mark.parametrize(
    ("private", "public", "touched"),
    [
        (regular(mode=0o644), regular(), {"mode"}),
        (PRIVATE, regular(mode=0o600), {"public_mode"}),
        ({**PRIVATE, "owner": "app"}, regular(), {"owner"}),
        (PRIVATE, regular(owner="app"), {"owner"}),
    ],
)
def test_attributes_of_both_files_are_kept(private: Any, public: Any, touched: set[str]) -> None:
    declared = SshKey(PATH, owner="root")
    change = change_of(declared, found(private, public, LINE))
    assert {c.name for c in change.fields} == touched
    assert argvs(SshKey(PATH), THERE) == []
    assert [op["kind"] for op in decided(declared, found(private, public, LINE))] == [
        "set_attrs",
        "set_attrs",
    ]


def test_it_is_made_as_its_owner_who_must_be_there() -> None:
    declared = SshKey(PATH, owner="app", group="www")
    ops = decided(declared, found())
    assert (ops[0]["user"], ops[1]["owner"], ops[2]["group"]) == ("app", "app", "www")
    summary, _ = impossible(declared, {**found(), probes.User("app"): None})
    assert "there is no user 'app'" in summary


def test_removal_takes_both() -> None:
    ops = decided(SshKey(PATH, absent=True), THERE)
    assert [(op["kind"], op["path"]) for op in ops] == [("remove", PATH), ("remove", PUB)]


@pytest.mark.parametrize(
    ("given", "summary"),
    [
        (found(PRIVATE, regular(), "ssh-rsa AAAA x"), "there is a key of another type at"),
        (found(None, regular(), LINE), f"{PUB} is there without {PATH}"),
        (found(link("/x")), f"{PATH} is a symbolic link, not a file"),
        (found(PRIVATE, {"kind": "dir", **ROOT}), f"{PUB} is a directory, not a file"),
        (
            {**found(), probes.Stat("/root/.ssh", follow=True): None},
            "its folder /root/.ssh does not exist",
        ),
    ],
)
def test_nothing_is_ever_overwritten(given: Any, summary: str) -> None:
    assert summary in impossible(SshKey(PATH), given)[0]


def test_the_public_key_is_its_line() -> None:
    key = SshKey(PATH)
    assert key.outputs(Answers(THERE)) == {"public_key": LINE}
    assert key.outputs(Answers(found(PRIVATE))) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 256}, "bits is for type='rsa' and 'ecdsa': all ed25519 keys have 256"),
        ({"comment": "a\nb"}, "comment must be one line"),
        ({"mode": 0o644}, "mode must keep others out, not be 0644"),
        ({"type": "dsa"}, "type must be"),
        ({"comment": Secret.env("X").token}, "comment must not contain a secret"),
    ],
)
def test_bad_declarations(arguments: dict[str, Any], message: str) -> None:
    assert message in refusal(lambda: SshKey(PATH, **arguments))
