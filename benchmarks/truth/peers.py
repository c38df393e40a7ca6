"""Peers, each installed from PyPI into an environment of its own below `benchmarks/.peers/`."""

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".peers"


class PeerMissingError(Exception):
    """A peer that cannot be installed here, and why."""


def installed(requirement: str) -> Path:
    """The `bin` of an environment that has exactly `name==version`; it is made when missing."""
    environment = FOLDER / requirement
    binaries = environment / "bin"
    ready = environment / "ready"
    if not ready.exists():
        venv.create(environment, clear=True, with_pip=True)
        _install(binaries / "python", requirement)
        ready.touch()
    return binaries


def _install(python: Path, requirement: str) -> None:
    print(f"installing {requirement}", file=sys.stderr, flush=True)
    argv = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PeerMissingError(errors[-1] if errors else f"pip exited with {done.returncode}")
