"""Saved plans on the command line: bound, private, signed, and without a secret (S11, S12, S15)."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.badinput.workspace import Workspace, refused
from tests.security.test_secrets import ENV, FORMS, SECRET, nowhere

GOOD = """
    folder = Directory("/etc", mode=0o755)
    File("/etc/motd", content="hello\\n")
"""


def saved(work: Workspace, *options: str) -> Path:
    done = work.run("plan", "--out", "x.plan", *options)
    assert done.code == 0, done
    return work.folder / "x.plan"


def test_what_plan_showed_is_what_show_shows_and_apply_does(work: Workspace) -> None:
    work.local(GOOD)
    planned = work.run("plan", "--out", "x.plan")
    assert "Saved. To execute exactly this: cfgdsl apply x.plan" in planned.out
    shown = work.run("show", "x.plan")
    assert shown.out in planned.out
    document = work.run("plan", "--json").out
    assert work.run("show", "x.plan", "--json").out == document
    work.file.unlink()
    done = work.run("apply", "x.plan", "--yes")
    assert done.code == 0, done
    assert "1 host: 2 created" in done.out
    assert (work.root / "etc/motd").read_text() == "hello\n"
    again = work.run("apply", "x.plan", "--yes")
    assert (again.code, "2 unneeded" in again.out) == (0, True)


def test_events_of_a_saved_plan_are_those_of_any_apply(work: Workspace) -> None:
    work.local(GOOD)
    saved(work)
    done = work.run("apply", "x.plan", "--yes", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "host_planned"
    assert names[-1] == "summary"
    assert events[-1]["outcomes"] == {"create": 2}


def test_a_changed_host_is_told_side_by_side_and_exits_with_1(work: Workspace) -> None:
    (work.root / "motd").write_text("old\n")
    (work.root / "motd").chmod(0o600)
    work.local('motd = File("/motd", mode=0o644)\nFile("/next", after=motd)\nFile("/other")')
    saved(work)
    (work.root / "motd").chmod(0o666)
    done = work.run("apply", "x.plan", "--yes")
    assert done.code == 1
    assert "                   planned from  found  wanted\n" in done.out
    assert "  stat /motd mode  0600          0666   0644\n" in done.out
    assert "1 host: 1 created; 1 stale, 1 skipped" in done.out
    assert not (work.root / "next").exists()
    events = work.run("apply", "x.plan", "--yes", "--json").out.splitlines()
    (failure,) = json.loads(events[-1])["failures"]
    sides = {"planned_from": 0o600, "found": 0o666, "wanted": 0o644}
    row = {"question": "stat /motd", "field": "mode", **sides}
    assert failure["detail"] == {"side_by_side": [row]}


def test_a_tampered_cut_or_foreign_file_is_refused_with_exit_code_2(work: Workspace) -> None:
    """S12."""
    work.local(GOOD)
    path = saved(work)
    data = path.read_bytes()
    edited = data.replace(b'"/etc/motd"', b'"/etc/mutt"')
    for wrong, why in (
        (edited, "the digest of a part differs"),
        (data[:-10], "It was cut off"),
        (b'{"format": 1, "hosts": []}\n', "does not begin as a plan does"),
    ):
        path.write_bytes(wrong)
        for command in (["show", "x.plan"], ["apply", "x.plan", "--yes"]):
            refused(work.run(*command), "x.plan is not a plan to rely on", why)
    assert work.tree() == {}
    refused(work.run("show", "infra.py"), "infra.py is not a plan to rely on")


def test_a_plan_is_for_its_owner_alone(work: Workspace) -> None:
    """S11."""
    work.local(GOOD)
    path = saved(work)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o606)
    refused(work.run("apply", "x.plan", "--yes"), "can be written by every user", "chmod o-w")
    path.chmod(0o600)
    work.folder.chmod(0o777)
    refused(work.run("apply", "x.plan", "--yes"), "can be written by every user")


def test_only_what_a_trusted_key_has_signed_is_applied(work: Workspace) -> None:
    """S12."""
    work.local(GOOD)
    for name in ("ours", "theirs"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work.folder / name)]
        subprocess.run(argv, check=True)
    saved(work, "--sign", "theirs")
    for command in (["show", "x.plan"], ["apply", "x.plan", "--yes"]):
        refused(work.run(*command, "--trust", "ours.pub"), "signed by another key")
    saved(work)
    refused(work.run("apply", "x.plan", "--yes", "--trust", "ours.pub"), "is not signed")
    assert work.tree() == {}
    saved(work, "--sign", "ours")
    line = (work.folder / "ours.pub").read_text().strip()
    assert work.run("apply", "x.plan", "--yes", "--trust", line).code == 0
    assert "Signed by " in work.run("show", "x.plan").out


MISFITS = {
    "a signature without a file": (["plan", "--sign", "key"], "add --out"),
    "hosts of a saved plan": (["apply", "x.plan", "--yes", "--limit", "a"], "as a whole"),
    "tags of a saved plan": (["apply", "x.plan", "--yes", "--tags", "a"], "as a whole"),
    "trust in a configuration": (["apply", "--yes", "--trust", "k"], "only a saved plan has"),
    "nobody to ask": (["apply", "x.plan"], "add --yes"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_options_that_do_not_go_together_are_told(work: Workspace, misfit: str) -> None:
    work.local(GOOD)
    saved(work)
    arguments, told = MISFITS[misfit]
    done = work.run(*arguments)
    assert done.code == 2
    assert told in " ".join(done.err.replace("│", " ").split())
    assert work.tree() == {}


def test_an_out_that_would_cost_a_configuration_is_refused(work: Workspace) -> None:
    work.local(GOOD)
    before = work.file.read_text()
    refused(work.run("plan", "--out", "infra.py"), "is there already, and is no plan")
    assert work.file.read_text() == before


def test_a_secret_is_in_no_plan_file_nor_what_is_said_of_it(work: Workspace) -> None:
    """S6, S12."""
    work.local('File("/x", content=f"a {Secret.env(\'CANARY\')}\\n")\nFile("/y", content="y")')
    texts = []
    for command in (
        ["plan", "-v", "--out", "x.plan"],
        ["show", "-v", "x.plan"],
        ["show", "--json", "x.plan"],
        ["apply", "x.plan", "--yes", "-v"],
    ):
        done = work.cli(*command, env=ENV)
        assert done.code == 0, done
        texts.append(done.all)
    assert not [form for form in FORMS for text in texts if form in text]
    nowhere(work.folder)
    assert (work.root / "x").read_text() == f"a {SECRET}\n"


def test_a_plan_needs_no_secret_and_apply_fails_before_its_first_change(work: Workspace) -> None:
    """S15."""
    work.local('File("/x", content=Secret.env("CANARY"))  # HERE\nFile("/y", content="y")')
    done = work.cli("plan", "--out", "x.plan")
    assert done.code == 0, done
    assert "holds a secret that is not available now" in done.out
    for command in (["apply", "x.plan", "--yes"], ["apply", "--yes"]):
        told = ("Secret.env('CANARY') has no value", work.line(), "Nothing was changed anywhere")
        refused(work.cli(*command), *told)
        assert work.tree() == {}
    assert work.cli("apply", "x.plan", "--yes", env=ENV).code == 0
    assert (work.root / "x").read_text() == SECRET
