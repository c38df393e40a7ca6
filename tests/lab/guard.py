"""Stop a session's hosts even if the session is killed: SIGKILL runs no `finally`.

The guard is a process of its own that does nothing but wait for the end of a pipe whose other end
only the session holds; the kernel closes it however the session ends.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def start_guard(state: Path) -> int:
    """Start a guard; return the descriptor to close (or to die with) when the session ends."""
    awaited, held = os.pipe()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "CFGDSL_LAB_DIR": str(state)}
    # setsid: Ctrl-C in the session's terminal must not end its guard. --fork: no child of ours.
    command = ["setsid", "--fork", sys.executable, "-m", "tests.lab", "guard"]
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(
            command, stdin=awaited, stdout=quiet, stderr=quiet, env=environment, check=True
        )
    finally:
        os.close(awaited)
    return held


def await_session_end() -> None:
    """Return once the session that started this guard has ended, its leases with it."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    # A dying process closes its descriptors one by one: the pipe perhaps before its leases.
    time.sleep(0.2)
