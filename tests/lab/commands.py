"""Run the system's own tools, so that a failure says which command failed and what it wrote."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# In a base under construction nothing of the caller's environment may matter.
CHROOT_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class LabCommandError(RuntimeError):
    """A tool that the lab is built from failed."""


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run `argv` to its end and return its stdout; any other exit than 0 raises."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        env=dict(os.environ if environment is None else environment),
        check=False,
    )
    if done.returncode != 0:
        tail = (done.stdout + done.stderr)[-2000:].strip()
        raise LabCommandError(f"exit status {done.returncode} from {' '.join(words)}\n{tail}")
    return done.stdout


def run_in_root(root: Path, argv: Sequence[str | Path], *, stdin: str | None = None) -> str:
    """Run `argv` chrooted into a base under construction (no systemd runs there)."""
    return run(["chroot", root, *argv], stdin=stdin, environment=CHROOT_ENVIRONMENT)


def run_to_file(argv: Sequence[str], output: Path, *, environment: Mapping[str, str]) -> None:
    """Run `argv`, which leaves a process behind: it inherits a file, never a pipe of ours."""
    with output.open("wb") as file:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, check=False
        )
    if done.returncode != 0:
        raise LabCommandError(f"exit status {done.returncode} from {' '.join(argv)}, see {output}")
