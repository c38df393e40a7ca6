"""The runner on every Python that hosts may have, and what it may need of one."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from cfgdsl.runner import loader, wire

from .conftest import Start
from .harness import Json, content_step, outcomes, run, step

RUNNER = Path(loader.__file__).parent
PYTHONS = sorted(
    python
    for folder in ("/root/.pyenv/versions", "/opt/pythons", "/usr/local/pythons")
    for python in Path(folder).glob("3.*/bin/python3")
    if int(python.parent.parent.name.split(".")[1]) >= 8
)
SYSTEM = [Path("/usr/bin/python3")] if Path("/usr/bin/python3").exists() else []


@pytest.mark.parametrize("python", [*PYTHONS, *SYSTEM], ids=str)
def test_the_whole_conversation_under_each_python(
    start: Start, tmp_path: Path, python: Path
) -> None:
    runner = start(python=str(python))
    found = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout
    assert runner.facts["python_version"] in found
    assert runner.ask({"do": "facts"})["facts"]["mounts"]
    new = b"new \xff\n" * 20_000
    probes: list[Json] = [
        {"kind": "stat", "path": "/etc"},
        {"kind": "user", "name": "root"},
        {"kind": "group", "name": "no-such"},
        {"kind": "run", "argv": ["cat"], "stdin": "grüße"},
        {"kind": "query", "argv": ["no-such-program"], "item": "x", "split": "rows"},
        {"kind": "list", "path": "/"},
    ]
    answers = runner.probe(*probes)
    assert answers[0]["kind"] == "dir"
    assert answers[3] == {"exit": 0, "stdout": "grüße"}
    assert "etc" in answers[5]["names"]
    done: Json = {"want": wire.digest([]), "always": True}
    folder = {"kind": "mkdir", "path": f"{tmp_path}/a/b", "parents": True}
    steps = [
        content_step("file", tmp_path / "f", new),
        step("dir", ops=[folder], **done),
        step("tree", ops=[{"kind": "remove", "path": f"{tmp_path}/a", "recursive": True}],
             after=["dir"], **done),
        step("link", ops=[{"kind": "link", "path": f"{tmp_path}/l", "to": "f"}], **done),
        step("fail", ops=[run("sh", "-c", "exit 3")], after=["file"]),
        step("open", probes=probes, ops=None),
        step("next", after=["fail"]),
    ]  # fmt: skip
    events = runner.execute(steps, [new], lambda _: {"done": "unneeded"})
    assert outcomes(events) == {
        **dict.fromkeys(("file", "dir", "tree", "link"), "changed"),
        "fail": "failed",
        "open": "unneeded",
        "next": "skipped",
    }
    runner.send({"do": "bye"})
    assert runner.wait() == 0
    assert runner.stderr() == ""


@pytest.mark.parametrize("python", PYTHONS, ids=str)
def test_digests_are_the_same_under_each_python(python: Path) -> None:
    answers = [{"b": 1.5, "a": ["ü", "\u2028", None, True, -0.0, 1e22, 10**30]}, None, "\ud800"]
    program = (
        "import sys, types; package = types.ModuleType('cfgdsl'); sys.modules['cfgdsl'] = package\n"
        f"package.__path__ = [{str(RUNNER.parent)!r}]\n"
        "from cfgdsl.runner import wire\n"
        f"print(wire.digest({answers!r}))"
    )
    found = subprocess.run(
        [python, "-B", "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == wire.digest(answers)


def modules() -> list[Path]:
    return [RUNNER / f"{name}.py" for name in loader.MODULES]


def test_nothing_newer_than_python_3_8_is_used() -> None:
    pytest.importorskip("vermin")
    vermin = "import sys, vermin; sys.exit(vermin.main())"
    command = [sys.executable, "-c", vermin, "-q", "--no-tips", "-t=3.8-", "--violations"]
    # Annotations are not evaluated (`from __future__ import annotations`), so they may be newer.
    annotations = ["--no-eval-annotations", "--exclude", "typing.Self"]
    checked = subprocess.run(
        [*command, *annotations, *map(str, [*modules(), RUNNER / "loader.py"])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    optional = {"_socket", "_signal", "_json"}  # C cores: in CPython, if not in every list
    assert imports(path) - optional <= sys.stdlib_module_names


def test_the_start_imports_no_expensive_module(start: Start) -> None:
    program = loader.BOOTSTRAP.replace(
        "sys.exit(main(root, fresh))",
        "print(*sorted(sys.modules), file=sys.stderr); sys.exit(main(root, fresh))",
    )
    argv = loader.command("f00", python=sys.executable)
    argv[argv.index(loader.BOOTSTRAP)] = program
    runner = start(argv, marker="f00")
    runner.send({"do": "bye"})
    runner.wait()
    loaded = set(runner.stderr().split())
    assert "cfgdsl_runner.execute" in loaded
    expensive = {"re", "enum", "json", "subprocess", "typing", "collections", "socket", "threading"}
    expensive |= {"tempfile", "hashlib", "contextlib", "functools", "importlib", "signal", "shutil"}
    assert not loaded & expensive


def test_the_same_files_are_importable_on_the_controller() -> None:
    for name in loader.MODULES:
        assert importlib.util.find_spec(f"cfgdsl.runner.{name}") is not None
