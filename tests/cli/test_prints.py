"""A configuration that prints: people see it, and no document is spoilt by it."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.process import CONFIG, OnTerminal, cfgdsl

LOUD = (
    """
import os
print("printed at load")
os.system("echo printed by a program at load")
"""
    + CONFIG.format(files=1, lines=1)
    + """
    print("printed for", host.name)
    os.system("echo printed by a program for a host")
"""
)
PRINTED = {
    "printed at load",
    "printed by a program at load",
    "printed for demo",
    "printed by a program for a host",
}


@pytest.fixture
def loud(folder: Path) -> Path:
    (folder / "infra.py").write_text(LOUD)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["plan", "--json"],
        ["graph", "--json"],
        ["why", "/srv/0", "directory:/srv", "--json"],
    ],
)
def test_a_json_document_is_the_only_thing_on_standard_output(
    loud: Path, command: list[str]
) -> None:
    done = cfgdsl(*command, cwd=loud)
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), dict)
    assert set(done.stderr.splitlines()) == PRINTED


@pytest.mark.parametrize(
    "command", [["types", "File", "infra.py"], ["facts"], ["run", "true"]], ids=" ".join
)
def test_also_where_the_functions_do_not_run(loud: Path, command: list[str]) -> None:
    done = cfgdsl(*command, "--json", cwd=loud)
    assert isinstance(json.loads(done.stdout), dict)
    assert "printed at load" in done.stderr


def test_every_line_of_an_apply_is_json(loud: Path) -> None:
    done = cfgdsl("apply", "--yes", "--json", cwd=loud)
    assert done.returncode == 0
    events = [json.loads(text)["event"] for text in done.stdout.splitlines()]
    assert events[-1] == "summary"
    assert set(done.stderr.splitlines()) == PRINTED


def test_problems_are_a_document_too(loud: Path) -> None:
    (loud / "infra.py").write_text("print('printed')\n1 / 0\n")
    done = cfgdsl("plan", "--json", cwd=loud)
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"]
    assert "printed\n" in done.stderr


@pytest.mark.parametrize("form", ["dot", "svg"])
def test_pictures_are_documents(loud: Path, form: str) -> None:
    done = cfgdsl("graph", "--format", form, cwd=loud)
    assert "printed" not in done.stdout
    assert "printed at load" in done.stderr


def test_without_json_what_is_printed_stays_where_it_was_printed(loud: Path) -> None:
    done = cfgdsl("plan", cwd=loud)
    assert set(done.stdout.splitlines()) >= PRINTED
    assert done.stderr == ""


SLOW = """
    import time
    time.sleep(0.8)
    print("printed while rows are shown")
    time.sleep(0.5)
"""


@pytest.mark.parametrize("arguments", [[], ["--no-color"]])
def test_what_is_printed_below_moving_rows_stays_on_the_screen(
    folder: Path, arguments: list[str]
) -> None:
    with (folder / "infra.py").open("a") as config:
        config.write(SLOW)
    terminal = OnTerminal("plan", *arguments, cwd=folder)
    assert terminal.end() == 0
    assert "planning 0/1 host" in terminal.text
    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.text)
    assert "printed while rows are shown\r\n" in bare.replace("\r\r", "\r")
    shown = bare.partition("printed while rows are shown")[0].rpartition("\r")[2]
    assert shown == "", "it has a line of its own"


@pytest.mark.parametrize(("arguments", "env"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"})])
def test_moving_rows_have_no_styles_without_colour(
    folder: Path, arguments: list[str], env: dict[str, str]
) -> None:
    with (folder / "infra.py").open("a") as config:
        config.write(SLOW)
    terminal = OnTerminal("plan", *arguments, cwd=folder, **env)
    assert terminal.end() == 0
    assert "planning 0/1 host" in terminal.text
    assert re.findall(r"\x1b\[[0-9;]*m", terminal.text) == []
    coloured = OnTerminal("plan", cwd=folder)
    assert coloured.end() == 0
    assert "\x1b[2m" in coloured.text
