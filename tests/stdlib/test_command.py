"""`Command`: guards, and what runs."""

import json
from typing import Any

import pytest

from cfgdsl import Secret, probes
from cfgdsl.core.diff import compare
from cfgdsl_stdlib import Command, File
from tests.stdlib.walk import after, change_of, decided, refusal, regular

MAKE = ["make", "install"]


@pytest.mark.parametrize(
    ("declared", "answer", "action"),
    [
        (Command(MAKE, creates="/usr/local/bin/x"), None, "run"),
        (Command(MAKE, creates="/usr/local/bin/x"), regular(), "none"),
        (Command(MAKE, unless=["which", "x"]), {"exit": 1, "stdout": ""}, "run"),
        (Command(MAKE, unless=["which", "x"]), {"exit": 0, "stdout": "/x"}, "none"),
        (Command(MAKE, always=True), None, "run"),
        (Command(MAKE, on_change="file:/x"), None, "none"),
    ],
)
def test_the_guard_decides(declared: Command, answer: Any, action: str) -> None:
    found = dict.fromkeys(declared.probes(), answer)
    assert change_of(declared, found).action == action


def test_the_op_has_all_that_was_declared() -> None:
    declared = Command(
        ["psql", "-f", "/srv/x.sql"],
        unless=["psql", "-c", "select 1"],
        cwd="/srv",
        env={"PGHOST": "db"},
        user="postgres",
        input=Secret.env("SQL"),
        ok=[0, 3],
    )
    (guard,) = declared.probes()
    assert guard.to_json() == {
        "kind": "run",
        "argv": ["psql", "-c", "select 1"],
        "cwd": "/srv",
        "env": {"PGHOST": "db"},
        "user": "postgres",
    }
    assert decided(declared, {guard: {"exit": 1, "stdout": ""}}) == [
        {
            "kind": "run",
            "argv": ["psql", "-f", "/srv/x.sql"],
            "cwd": "/srv",
            "env": {"PGHOST": "db"},
            "user": "postgres",
            "stdin": Secret.env("SQL").token,
            "ok": [0, 3],
            "capture": "stdout",
        }
    ]


def test_shell_text_goes_to_sh() -> None:
    declared = Command(shell="echo 'a b' > /srv/x", creates="/srv/x")
    assert declared.identity == "command:/bin/sh -c 'echo '\"'\"'a b'\"'\"' > /srv/x'"
    (op,) = decided(declared, {declared.probes()[0]: None})
    assert op["argv"] == ["/bin/sh", "-c", "echo 'a b' > /srv/x"]


def test_what_it_does_only_the_run_can_tell() -> None:
    declared = Command(MAKE, creates="/usr/local/bin/x", writes=["/var/lib/x"])
    assert after(declared, {declared.probes()[0]: None}) is None
    (op,) = declared.ops(change_of(declared, {declared.probes()[0]: None}))
    effects = dict(getattr(op, "effects", ()))
    assert set(effects) == {
        probes.Stat("/usr/local/bin/x", follow=True),
        probes.Stat("/var/lib/x"),
    }


def test_on_change_is_owed_after_its_causes() -> None:
    motd = File("/etc/motd", content="hi")
    declared = Command(MAKE, on_change=motd)
    (task,) = declared.tasks(change_of(declared, {}))
    assert (task.name, task.causes, task.shared, task.first) == ("run", (motd,), False, False)
    assert [op.to_json() for op in task.ops] == [{"kind": "run", "argv": MAKE, "capture": "stdout"}]
    assert Command(MAKE, always=True).tasks(change_of(Command(MAKE, always=True), {})) == ()


NEEDS_A_GUARD = (
    "needs a guard, or it would run every time: creates=PATH, unless=[...], "
    "on_change=[...] or, if that is what you want, always=True"
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"argv": MAKE},
            NEEDS_A_GUARD,
        ),
        (
            {"argv": MAKE, "on_change": []},
            NEEDS_A_GUARD,
        ),
        (
            {"argv": MAKE, "creates": "/x", "always": True},
            "takes one guard, not creates and always",
        ),
        ({"always": True}, 'takes a list of arguments or shell="...", one of the two'),
        (
            {"argv": MAKE, "shell": "make", "always": True},
            'takes a list of arguments or shell="...", one of the two',
        ),
        (
            {"argv": ["x"], "ok": [256], "always": True},
            "ok must be a list of exit codes from 0 to 255, not (256,)",
        ),
    ],
)
def test_bad_declarations(arguments: dict[str, Any], message: str) -> None:
    assert refusal(lambda: Command(**arguments)) == f"Command: {message}"


@pytest.mark.parametrize(
    "arguments",
    [
        {"argv": ["x", f"-p{Secret.env('P')}"], "always": True},
        {"shell": f"x {Secret.env('P')}", "always": True},
        {"argv": ["x"], "env": {"P": Secret.env("P")}, "always": True},
        {"argv": ["x"], "unless": [f"{Secret.env('P')}"]},
        {"argv": ["x"], "cwd": f"/{Secret.env('P')}", "always": True},
        {"shell": json.dumps({"p": f"{Secret.env('P')}"}), "always": True},
    ],
)
def test_secrets_go_to_standard_input_only(arguments: dict[str, Any]) -> None:
    assert "must not contain a secret" in refusal(lambda: Command(**arguments))


def test_a_string_is_no_list_of_arguments() -> None:
    assert "must be a list of arguments" in refusal(lambda: Command("make", always=True))  # type: ignore[arg-type]


def test_footprint() -> None:
    declared = Command(
        ["/opt/x/setup", "--to", "/srv/data/db"],
        creates="/srv/data/db",
        writes=["/var/lib/x"],
        user="app",
        cwd="/opt/x",
    )
    footprint = declared.footprint()
    assert footprint.writes == ("path:/srv/data/db", "path:/var/lib/x")
    assert {"path:/opt/x/setup", "path:/opt/x", "path:/opt", "path:/srv/data", "user:app"} <= {
        *footprint.reads
    }
    assert "path:/srv/data/db" not in footprint.reads
    assert footprint.brings
    assert ("path:/opt/x", probes.Stat("/opt/x", follow=True)) in footprint.awaits


def test_the_plan_notes_that_a_command_may_change_more() -> None:
    said = ("may change more than is shown here",)
    for declared in (
        Command(["x"], creates="/x"),
        Command(["x"], unless=["y"]),
        Command(["x"], on_change="file:/f"),
    ):
        assert declared.notes(compare(declared, None)) == said
    each_time = Command(["x"], always=True)
    assert each_time.notes(compare(each_time, None)) == ()
