"""Wrong command lines, files and streams: what is told, with which exit code."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.badinput.workspace import Workspace, command, refused

HOSTS = "[Host.local('/nowhere', name=f'web{n}', tags={'web'}) for n in (1, 2)]"
GOOD = 'File("/motd", content="hello\\n")'


def usage(work: Workspace, *arguments: str, told: str) -> None:
    """Assert that the command line is refused; usage errors have the form of typer."""
    done = work.run(*arguments)
    assert done.code == 2, done
    assert "Traceback" not in done.all
    assert told in " ".join(done.err.replace("│", " ").split()), done.err
    assert work.tree() == {}


LIMITS = {
    "wbe1": ["no host named 'wbe1'", "Did you mean 'web1'"],
    "@wbe": ["no tag named 'wbe'", "Did you mean 'web'"],
    "web1,!web*": ["--limit web1,!web* leaves no host", "web1, web2"],
    "web*,!db": ["no host named 'db'", "web1, web2"],
    "": ["leaves no host"],
    ",": ["leaves no host"],
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_names_no_host_is_told(work: Workspace, limit: str) -> None:
    work.hosts(GOOD, HOSTS)
    if limit.strip(","):
        refused(work.run("apply", "--yes", "--limit", limit), *LIMITS[limit])
    assert work.tree() == {}


def test_a_tag_that_no_resource_has_is_told(work: Workspace) -> None:
    work.local('File("/motd", content="", tags=["texts"])')
    refused(work.run("apply", "--yes", "--tags", "txets"), "txets", "texts")
    assert work.tree() == {}


def test_unknown_words_are_told(work: Workspace) -> None:
    work.local(GOOD)
    usage(work, "aply", told="No such command 'aply'")
    usage(work, "plan", "--limt", "web1", told="No such option: --limt")
    usage(work, "plan", "--parallel", "0", told="--parallel")
    usage(work, "apply", "--yes", "--max-failures", "many", told="a number of hosts")


def test_without_a_terminal_nothing_is_applied_unasked(work: Workspace) -> None:
    work.local(GOOD)
    done = work.cli("apply", stdin="y\n")
    assert done.code == 2
    assert "--yes" in done.err
    assert work.tree() == {}


def _missing(file: Path) -> None:
    file.unlink(missing_ok=True)


def _empty(file: Path) -> None:
    file.write_text("")


def _folder(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


def _for_all(file: Path) -> None:
    file.chmod(0o666)


def _in_a_folder_for_all(file: Path) -> None:
    file.parent.chmod(0o777)


def _binary(file: Path) -> None:
    file.write_bytes(b"\x7fELF\0\0")


FILES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "missing": (_missing, ["cannot read infra.py", "No such file", "cfgdsl init"]),
    "empty": (_empty, ["infra.py configures no host", "@configure"]),
    "a folder": (_folder, ["cannot read infra.py", "Is a directory"]),
    "writable by all": (_for_all, ["infra.py can be written by every user", "chmod o-w"]),
    "in a folder that is": (_in_a_folder_for_all, ["can be written by every user", "chmod o-w"]),
    "a program": (_binary, ["syntax error", "infra.py"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_configuration_that_is_none_is_told(work: Workspace, case: str) -> None:
    work.local(GOOD)
    spoil, told = FILES[case]
    spoil(work.file)
    refused(work.run("apply", "--yes"), *told)
    assert work.tree() == {}


def test_a_configuration_of_no_hosts_is_told(work: Workspace) -> None:
    work.hosts(GOOD, "[]")
    refused(work.run("apply", "--yes"), "host", "infra.py")


def test_two_hosts_of_one_name_are_told(work: Workspace) -> None:
    work.hosts(GOOD, "[Host('web1', address='192.0.2.1'), Host('web1', address='192.0.2.2')]")
    refused(work.run("plan"), "'web1'", "infra.py:6")


def test_a_reader_that_stops_reading_is_no_error(work: Workspace) -> None:
    work.local("for n in range(500):\n    File(f'/file{n}', content='x\\n' * 20)")
    with work.start("plan") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == ""
    assert "Traceback" not in errors


def test_an_apply_goes_on_when_its_reader_has_gone(work: Workspace) -> None:
    work.local("for n in range(40):\n    File(f'/file{n}', content='x\\n' * 2000)")
    with work.start("apply", "--yes", "-v") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "created" not in process.stdout.readline():
            pass
        process.stdout.close()
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert len([path for path in work.tree() if path.startswith("file")]) == 40


def on_a_terminal(work: Workspace, *arguments: str, typed: bytes, after: bytes) -> tuple[int, str]:
    """Run a command on a terminal of its own; type when it has asked. Exit code and screen."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *command(*arguments)],
        cwd=work.folder,
        env=work.environment(),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    screen, end, was_typed = b"", time.monotonic() + 30, False
    while time.monotonic() < end and select.select([leader], [], [], 30)[0]:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # EIO: nobody has it open any more
            break
        screen += piece
        if not was_typed and after in screen:
            was_typed = True
            # CPython loses a SIGINT that comes between its check and its read, until a key comes.
            time.sleep(0.3)
            os.write(leader, typed)
    os.close(leader)
    return process.wait(10), screen.decode()


ANSWERS = {
    "no": (b"n\n", 1),
    "end of input": (b"\x04", 1),
    "Ctrl-C": (b"\x03", 130),
    "yes": (b"y\n", 0),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_only_a_yes_applies(work: Workspace, answer: str) -> None:
    work.local(GOOD)
    typed, expected = ANSWERS[answer]
    code, screen = on_a_terminal(work, "apply", typed=typed, after=b"[y/N]")
    assert code == expected, screen
    assert "Traceback" not in screen
    assert ("motd" in work.tree()) == (answer == "yes")


@pytest.mark.parametrize("answer", ["end of input", "Ctrl-C"])
def test_an_interrupted_prompt_for_a_secret_changes_nothing(work: Workspace, answer: str) -> None:
    work.local('File("/key", content=Secret.prompt("The key"))')
    typed, _ = ANSWERS[answer]
    code, screen = on_a_terminal(work, "apply", typed=typed, after=b"The key: ")
    assert code == (130 if answer == "Ctrl-C" else 2), screen
    assert "Traceback" not in screen
    assert work.tree() == {}
