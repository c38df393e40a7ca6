"""The workspace fixture, for every folder of tests that drives the command line."""

from pathlib import Path

import pytest

from tests.badinput.workspace import Workspace


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A workspace of this test's own; its root exists and is empty."""
    for name in ("config", "root"):
        (tmp_path / name).mkdir(mode=0o755)
    return Workspace(tmp_path / "config", tmp_path / "root")
