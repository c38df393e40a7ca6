"""No door that should not be there: listening, shells, switches, modules of others."""

import ast
import re
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfgdsl.cli import main
from tests.badinput.workspace import PROJECT, Workspace, refused

SOURCES = sorted([*(PROJECT / "cfgdsl").rglob("*.py"), *(PROJECT / "stdlib").rglob("*.py")])


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def found(path: Path, wrong: list[str]) -> list[str]:
    return [f"{path.relative_to(PROJECT)}: {each}" for each in wrong]


def test_nothing_in_the_code_listens() -> None:
    """S1: no server, and no cryptography of our own."""
    servers = (".bind", ".listen", "create_server", "start_server", "serve_forever")
    modules = ("socketserver", "http.server", "xmlrpc", "asyncio", "multiprocessing", "wsgiref")
    wrong = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        wrong += found(path, [name for name, _ in calls(tree) if name.endswith(servers)])
        imported = [
            name.name if isinstance(node, ast.Import) else str(node.module)
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        ]
        wrong += found(path, [name for name in imported if name.startswith(modules)])
    assert wrong == []


def test_no_shell_is_started_for_data_and_nothing_is_evaluated() -> None:
    """S3, S5."""
    banned = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
    banned |= {"eval", "pickle.loads", "pickle.load", "yaml.load", "shelve.open", "os.startfile"}
    allowed = {  # each with its reason
        "cfgdsl/engine/load.py": {"exec"},  # the user's configuration
        "cfgdsl/runner/loader.py": {"exec"},
    }
    wrong = []
    for path in SOURCES:
        here = allowed.get(str(path.relative_to(PROJECT)), set())
        for name, call in calls(ast.parse(path.read_text())):
            shell = [k for k in call.keywords if k.arg == "shell"]
            bad = shell and not (isinstance(v := shell[0].value, ast.Constant) and v.value is False)
            if (bad and "subprocess" in name) or name in (banned | {"exec"}) - here:
                wrong += found(path, [f"line {call.lineno}: {name}"])
    assert wrong == []


def test_pickles_are_made_and_read_in_the_spool_only() -> None:
    """S5: they never leave the process, and a reader of them looks up nothing by name."""
    words = ("import pickle", "from pickle", "marshal.loads", "import shelve", "import dill")
    lines = {(path.name, word) for path in SOURCES for word in words if word in path.read_text()}
    assert lines - {("loader.py", "marshal.loads")} == {("pickled.py", "import pickle")}


def test_no_switch_shows_secrets(work: Workspace) -> None:
    """S20."""
    words = ("secret", "reveal", "unsafe", "plain", "password", "insecure", "redact", "sensitive")
    helps = [work.run("--help"), *(work.run(name, "--help") for name in main.COMMANDS)]
    options = {each for page in helps for each in re.findall(r"--[a-z-]+", page.out)}
    assert {"--limit", "--json", "--verbose", "--yes"} <= options
    assert [option for option in options if any(word in option for word in words)] == []


def test_planted_modules_beside_a_configuration_replace_nothing(work: Workspace) -> None:
    """S18: what is installed wins over what lies in the folder."""
    for name in ("json", "jinja2", "paramiko", "cfgdsl", "cfgdsl_stdlib", "sitecustomize", "rich"):
        work.module(f"open({str(work.root / 'owned')!r}, 'w')\n", name=f"{name}.py")
    work.module("{{ 1 }}", name="t.j2")
    work.local('import json\nFile("/x", content=template("t.j2"))')
    assert work.cli("apply", "--yes").code == 0
    assert "owned" not in work.tree()
    assert "x" in work.tree()


@pytest.mark.parametrize("spoiled", ["the folder", "the file"])
def test_what_others_may_write_is_not_run(work: Workspace, spoiled: str) -> None:
    """S18: a world-writable folder with a planted module."""
    work.module(f"open({str(work.root / 'owned')!r}, 'w')\n", name="own.py")
    work.local('import own\nFile("/x", content="")')
    target = work.folder if spoiled == "the folder" else work.file
    target.chmod(target.stat().st_mode | stat.S_IWOTH)
    refused(work.cli("apply", "--yes"), "can be written by every user", "chmod o-w")
    assert work.tree() == {}


def test_an_imported_module_that_others_may_write_is_not_run(work: Workspace) -> None:
    """S18: imports of the named file count too."""
    path = work.module(f"open({str(work.root / 'owned')!r}, 'w')\n", name="own.py")
    path.chmod(0o666)
    work.local('File("/x", content="")')
    work.file.write_text("import own\n" + work.file.read_text())
    refused(work.cli("apply", "--yes"), "own.py", "can be written by every user")
    assert work.tree() == {}


def test_nothing_listens_while_an_apply_runs(work: Workspace) -> None:
    """S1."""

    def listening() -> set[str]:
        lines = []
        for table in ("tcp", "tcp6", "unix"):
            lines += Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        return {line.split()[9] for line in lines if line.split()[3] == "0A"} | {
            line.split()[6] for line in lines if line.split()[3] == "00010000"
        }

    work.local("for n in range(300):\n    File(f'/{n}', content=str(n) * 5000)")
    before, seen = listening(), set()
    process = work.start("apply", "--yes", stdout=subprocess.DEVNULL)
    own = set()
    while process.poll() is None:
        own |= sockets_of(process.pid)
        seen |= listening()
        time.sleep(0.005)
    assert process.stderr is not None
    process.stderr.close()
    assert process.returncode == 0
    assert not own & (seen - before)


def sockets_of(pid: int) -> set[str]:
    """The inodes of a process's sockets, and of its children's."""
    inodes: set[str] = set()
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        for child in children.read_text().split():
            inodes |= sockets_of(int(child))
    except OSError:
        pass
    return inodes
