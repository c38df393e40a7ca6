"""Golden files: what people see, kept as text that one can read in a review.

``CFGDSL_UPDATE_GOLDEN=1 pytest tests/cli`` writes them anew; look at the difference before you
commit it.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.process import CONFIG

Golden = Callable[[str, str], None]
FOLDER = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Golden:
    """Compares a text with a golden file, by name."""

    def check(name: str, text: str) -> None:
        path = FOLDER / name
        if os.environ.get("CFGDSL_UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), "run once with CFGDSL_UPDATE_GOLDEN=1"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "infra.py").write_text(CONFIG.format(files=3, lines=1))
    (tmp_path / "demo").mkdir()
    return tmp_path
