"""The command line on a terminal: questions, colours, Ctrl-C."""

import signal
from pathlib import Path

import pytest

from tests.cli.process import OnTerminal


def test_apply_on_a_terminal_asks_and_applies(folder: Path) -> None:
    terminal = OnTerminal("apply", cwd=folder)
    assert "Apply this to 1 host? [y/N]" in terminal.read("[y/N]")
    assert "\x1b[32m" in terminal.text
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "1 host: 5 created" in terminal.text
    assert (folder / "demo/srv/first").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "env"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})]
)
def test_colours_can_be_turned_off(folder: Path, arguments: list[str], env: dict[str, str]) -> None:
    terminal = OnTerminal("plan", *arguments, cwd=folder, **env)
    assert terminal.end() == 0
    assert "\x1b[3" not in terminal.text
    assert "\x1b[2m" not in terminal.text


def test_in_ci_nobody_is_asked_and_nothing_moves(folder: Path) -> None:
    terminal = OnTerminal("apply", cwd=folder, CI="true")
    assert terminal.end() == 2
    assert "add --yes" in terminal.text


def test_ctrl_c_at_the_question_changes_nothing(folder: Path) -> None:
    terminal = OnTerminal("apply", cwd=folder)
    terminal.read("[y/N]")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text
    assert not (folder / "demo/srv").exists()


def test_ctrl_c_while_the_configuration_loads(folder: Path) -> None:
    with (folder / "infra.py").open("a") as config:
        config.write("import time\nprint('loading', flush=True)\ntime.sleep(30)\n")
    terminal = OnTerminal("plan", cwd=folder)
    terminal.read("loading")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text
