"""The command line as a process, on pipes or on a terminal of its own."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = """
from pathlib import Path
from cfgdsl import Host, configure, project
from cfgdsl_stdlib import Directory, File, Symlink

project("test")


@configure(Host.local(str(Path(__file__).parent / "demo"), name="demo"))
def site(host: Host) -> None:
    Directory("/srv")
    for number in range({files}):
        File(f"/srv/{{number}}", content="hello\\n" * {lines})
    Symlink("/srv/first", to="/srv/0")
"""


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "COLUMNS"}}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "stdlib")])
    return {**kept, "PYTHONPATH": paths, "TERM": "xterm-256color", **more}


def cfgdsl(
    *arguments: str, cwd: Path, options: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "cfgdsl", *arguments],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


class OnTerminal:
    """A process on a terminal of its own."""

    def __init__(self, *arguments: str, cwd: Path, **env: str) -> None:
        master, slave = pty.openpty()
        self.master = master
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cfgdsl", *arguments],
            cwd=cwd,
            env=environment(**env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""

    def read(self, until: str = "\0", seconds: float = 60) -> str:
        """What it has shown, up to `until`, or to its end."""
        end = time.monotonic() + seconds
        while until not in self.text and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    break
        return self.text

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        self.read()
        code = self.process.wait(30)
        os.close(self.master)
        return code
