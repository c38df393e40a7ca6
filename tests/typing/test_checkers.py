"""mypy and pyright agree with us on what is right and what is wrong in a configuration."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent / "samples"
ROOT = SAMPLES.parents[2]
CHECKERS = {
    "mypy": ("--strict", "--no-error-summary"),
    "pyright": ("--pythonpath", sys.executable),
}


@cache
def findings(checker: str) -> dict[str, set[int]]:
    """The lines of each sample that a checker finds something wrong with."""
    samples = map(str, sorted(SAMPLES.glob("*.py")))
    done = subprocess.run(
        [sys.executable, "-m", checker, *CHECKERS[checker], *samples],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    found: dict[str, set[int]] = {}
    for name, line in re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?: -)?:? error", done.stdout):
        found.setdefault(name, set()).add(int(line))
    assert found, done.stdout + done.stderr
    return found


@pytest.mark.parametrize("sample", ["right.py", "own_type.py"])
@pytest.mark.parametrize("checker", CHECKERS)
def test_right_uses_pass(checker: str, sample: str) -> None:
    assert findings(checker).get(sample, set()) == set()


@pytest.mark.parametrize("checker", CHECKERS)
def test_every_wrong_use_is_found_and_nothing_else(checker: str) -> None:
    lines = (SAMPLES / "wrong.py").read_text().splitlines()
    expected = {n for n, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert findings(checker)["wrong.py"] == expected


def test_a_field_shows_its_documentation() -> None:
    """Editors take the text below an attribute as its documentation, as the reference does."""
    from cfgdsl.cli.reference import describe
    from cfgdsl.core.resource import registry
    from cfgdsl_stdlib import File

    fields = {field.name: field for field in describe(registry[File.kind]).fields}
    assert all(field.doc for field in fields.values())
    assert "Permission bits" in fields["mode"].doc
