"""Runners for the tests of this folder."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runner.harness import PROJECT, RunnerProcess

Start = Callable[..., RunnerProcess]


@pytest.fixture(scope="session", autouse=True)
def _no_trace_on_this_machine() -> Iterator[None]:
    yield
    shutil.rmtree(Path("/var/lib/cfgdsl") / PROJECT, ignore_errors=True)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts runners, with the records of an unprivileged user in `tmp_path`; ends them too."""
    started: list[RunnerProcess] = []
    home = tmp_path / "home"
    env = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}

    def begin(*args: Any, **kwargs: Any) -> RunnerProcess:
        if not args:
            kwargs.setdefault("python", sys.executable)
        kwargs.setdefault("env", env)
        started.append(RunnerProcess(*args, **kwargs))
        return started[-1]

    yield begin
    for runner in started:
        runner.close()


@pytest.fixture
def runner(start: Start) -> RunnerProcess:
    """A runner of the whole system."""
    return start()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty directory to apply into."""
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


@pytest.fixture
def rooted(start: Start, tree: Path) -> RunnerProcess:
    """A runner of the directory `tree`."""
    return start(root=str(tree))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it changes owners")
