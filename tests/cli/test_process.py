"""The command line as a process: what it imports, closed pipes, Ctrl-C, first steps."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import CONFIG, cfgdsl, environment


def test_help_lists_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    done = cfgdsl("--help", cwd=tmp_path, options=("-X", "importtime"))
    assert done.returncode == 0
    for name in ("init", "plan", "apply", "facts", "graph", "why", "run"):
        assert f"\n  {name} " in done.stdout
    imported = {text.rpartition("|")[2].strip() for text in done.stderr.splitlines()}
    assert "typer" in imported
    heavy = {"paramiko", "networkx", "jinja2", "rich", "attr", "cattrs", "cfgdsl.core.plan"}
    assert not imported & heavy


def test_plan_and_apply_import_nothing_that_they_do_not_need(folder: Path) -> None:
    for command in (["plan"], ["apply", "--yes"]):
        done = cfgdsl(*command, cwd=folder, options=("-X", "importtime"))
        assert done.returncode == 0
        imported = {text.rpartition("|")[2].strip() for text in done.stderr.splitlines()}
        assert not imported & {"paramiko", "networkx", "rich", "jinja2"}


def test_every_command_explains_itself_as_the_list_does(tmp_path: Path) -> None:
    from cfgdsl.cli.main import COMMANDS

    for name in COMMANDS:
        done = cfgdsl(name, "--help", cwd=tmp_path)
        assert done.returncode == 0, name
        assert f"Usage: cfgdsl {name} [OPTIONS]" in done.stdout
        assert done.stderr == ""


def test_types_come_from_the_code(tmp_path: Path) -> None:
    listing = cfgdsl("types", cwd=tmp_path).stdout
    assert listing.startswith("cfgdsl_stdlib\n  Block ")
    assert re.search(r"\n  Symlink +A symbolic link\.", listing)
    page = cfgdsl("types", "symlink", cwd=tmp_path).stdout
    assert "\n  path  absolute path, identifies it, required\n      Where it is.\n" in page
    assert "\n  retries  integer, default 0\n" in page
    document = json.loads(cfgdsl("types", "File", "--json", cwd=tmp_path).stdout)
    assert document["types"][0]["kind"] == "file"
    assert {field["name"] for field in document["common"]} >= {"after", "only_if"}
    wrong = cfgdsl("types", "Symlnk", cwd=tmp_path)
    assert (wrong.returncode, "Did you mean Symlink?" in wrong.stderr) == (2, True)


def test_the_first_steps_of_a_newcomer(tmp_path: Path) -> None:
    done = cfgdsl("init", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pytest tests/test_infra.py" in done.stdout
    assert cfgdsl("plan", cwd=tmp_path).stdout.endswith("1 host: 4 to create\n")
    assert "1 host: 4 created" in cfgdsl("apply", "--yes", cwd=tmp_path).stdout
    again = cfgdsl("apply", "--yes", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "1 host: nothing to do; 4 unchanged\n")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    mine = tmp_path / "tests/test_infra.py"
    mine.write_text("mine")
    done = cfgdsl("init", cwd=tmp_path)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert mine.read_text() == "mine"
    assert not (tmp_path / "infra.py").exists()


def test_init_for_a_host_plans_without_a_connection(tmp_path: Path) -> None:
    assert cfgdsl("init", "site.py", "--host", "web1.example.com", cwd=tmp_path).returncode == 0
    listing = cfgdsl("graph", "site.py", cwd=tmp_path).stdout
    assert listing.startswith("web1.example.com  1 resource, 0 edges\n  file:/etc/motd")
    assert cfgdsl("init", "x.py", "--host", "-oProxyCommand=x", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "x.py").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("def f(:\n", "syntax error"),
        ("import nonesuch_module\n", "raised ModuleNotFoundError"),
        ("x = 1\n", "configures no host"),
        (CONFIG.format(files=1, lines=1).replace("content", "contnet"), "did you mean 'content'"),
        (CONFIG.format(files=1, lines=1).replace('"/srv"', '"srv"'), "must be an absolute path"),
        (CONFIG.format(files=1, lines=1) + "    1 / 0\n", "raised ZeroDivisionError"),
    ],
)
@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["graph"]])
def test_mistakes_have_one_message_with_their_line_and_no_traceback(
    tmp_path: Path, config: str, message: str, command: list[str]
) -> None:
    (tmp_path / "infra.py").write_text(config)
    done = cfgdsl(*command, cwd=tmp_path)
    text = done.stdout + done.stderr
    assert done.returncode in {1, 2}
    assert message in text
    assert re.search(r"at infra\.py:\d+", text)
    assert "Traceback" not in text
    assert not (tmp_path / "demo").exists()


def test_an_unknown_host_in_a_limit_is_a_usage_error(folder: Path) -> None:
    done = cfgdsl("plan", "--limit", "dmeo", cwd=folder)
    assert done.returncode == 2
    assert "no host named 'dmeo'" in done.stderr
    assert "Did you mean 'demo'?" in done.stderr


@pytest.mark.parametrize("command", ["--help", "plan", "graph", "plan --json", "graph --json"])
def test_a_reader_that_goes_away_is_no_error_to_speak_of(folder: Path, command: str) -> None:
    (folder / "infra.py").write_text(CONFIG.format(files=2000, lines=2))
    process = subprocess.Popen(
        [sys.executable, "-m", "cfgdsl", *command.split()],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_reader_that_goes_away_before_the_run_changes_nothing(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cfgdsl", "apply", "--yes"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 1
    assert not (folder / "demo/srv").exists()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_like_nobody_listening(folder: Path, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m cfgdsl plan {closed}', sys.executable],
        cwd=folder,
        env=environment(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_ctrl_c_in_a_run_drains_and_says_so(folder: Path) -> None:
    (folder / "infra.py").write_text(CONFIG.format(files=100, lines=2000))
    process = subprocess.Popen(
        [sys.executable, "-m", "cfgdsl", "apply", "--yes", "--json"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for text in process.stdout:
        lines.append(text)
        if '"step_done"' in text and sum('"step_done"' in t for t in lines) == 1:
            process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert "Stopping: finishing what has begun." in process.stderr.read()
    summary = json.loads(lines[-1])
    assert summary["event"] == "summary"
    process.stdout.close()
    process.stderr.close()


def test_json_documents_of_graph_and_why(folder: Path) -> None:
    graph = json.loads(cfgdsl("graph", "--json", cwd=folder).stdout)["hosts"]["demo"]
    assert graph["order"][0] == "directory:/srv"
    edge = {
        "before": "directory:/srv",
        "after": "file:/srv/0",
        "kind": "inferred",
        "why": "path:/srv",
    }
    assert edge in graph["edges"]
    why = cfgdsl("why", "/srv/0", "directory:/srv", "--json", cwd=folder)
    found = json.loads(why.stdout)["hosts"]["demo"]
    assert (found["first"], found["second"]) == ("directory:/srv", "file:/srv/0")
    assert [step["identity"] for step in found["way"]] == ["directory:/srv", "file:/srv/0"]


def test_completion_knows_commands_and_options(tmp_path: Path) -> None:
    for words, expected in (("cfgdsl pl", "plan"), ("cfgdsl plan --det", "--detailed-exitcode")):
        done = cfgdsl(
            cwd=tmp_path,
            _CFGDSL_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(words.count(" ")),
        )
        assert expected in done.stdout.split()
