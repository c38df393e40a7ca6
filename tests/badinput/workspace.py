"""A folder with a configuration in it, and the real command line over it, as a user has them."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from cfgdsl.cli import main
from tests.lab import LabHost

PROJECT = Path(__file__).parents[2]
HEAD = """\
from cfgdsl import *
from cfgdsl_stdlib import *
"""


@attrs.frozen
class Done:
    """What one call of the command line did."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    def errors(self) -> list[str]:
        """The messages about what is wrong, one line each."""
        heads = ("Error: ", "Failed: ", "Cannot plan: ")
        return [line for line in self.all.splitlines() if line.startswith(heads)]


@attrs.frozen
class Workspace:
    """`infra.py` in `folder`, which configures `root` where it says ``local``."""

    folder: Path
    root: Path

    @property
    def file(self) -> Path:
        return self.folder / "infra.py"

    def module(self, text: str, *, name: str = "infra.py") -> Path:
        """Write a whole module; nothing is added."""
        path = self.folder / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def hosts(self, text: str, hosts: str) -> Path:
        """Write a configuration: `text` is the body of a function for `hosts` (an expression)."""
        body = textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")
        # Real hosts are shared by tests: what one has declared is not dropped by the next.
        name = 'project("test")' if hosts.startswith("Host.local(") else ""
        head = f"{HEAD}\n{name}\n\n@configure({hosts})\ndef everything(host: Host) -> None:\n"
        return self.module(f"{head}{body}\n")

    def local(self, text: str) -> Path:
        """The same for the root."""
        return self.hosts(text, f"Host.local({str(self.root)!r})")

    def line(self, marker: str = "# HERE") -> str:
        """``infra.py:7`` of the one line with the marker."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        (number,) = (n for n, line in enumerate(lines, 1) if marker in line)
        return f"infra.py:{number}"

    def cli(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 60,
    ) -> Done:
        """Run cfgdsl in the folder; its standard streams are pipes."""
        done = subprocess.run(
            command(*arguments),
            cwd=self.folder,
            env=self.environment(env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str) -> Done:
        """The same in this process, five times as fast: for tables of many cases."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main.run(arguments)
        texts = [(stream.seek(0), stream.read())[1] for stream in (out, err)]
        return Done(code, *texts)

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start cfgdsl in the folder, and return while it runs."""
        env = self.environment(options.pop("env", None))
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        argv = command(*arguments)
        return subprocess.Popen(argv, cwd=self.folder, env=env, text=True, **{**pipes, **options})

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        left_out = ("SSH_AUTH_SOCK", "NO_COLOR", "CI", "COLUMNS")
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        # What lies in the home (~/.ssh, the runner's cache) is not to be the developer's.
        home = self.folder.parent / "home"
        home.mkdir(exist_ok=True)
        return {**kept, "HOME": str(home), "TERM": "xterm", **(more or {})}

    def tree(self) -> dict[str, str]:
        """What is in the root: paths, and what kind, mode and content they have."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            status = path.lstat()
            content = "" if path.is_symlink() or not path.is_file() else path.read_bytes().hex()
            found[str(path.relative_to(self.root))] = f"{status.st_mode:o} {content}"
        return found


def command(*arguments: str) -> list[str]:
    """The argv of a cfgdsl command. -P: as for its script, the working folder brings no modules."""
    return [sys.executable, "-P", "-m", "cfgdsl", *arguments]


def reach(host: LabHost, **fields: Any) -> str:
    """The expression that declares a lab host."""
    given = {"user": "root", **fields}
    shown = "".join(f", {name}={_shown(value)}" for name, value in given.items())
    return f"Host({host.name!r}{shown})"


@attrs.frozen
class Code:
    """An expression of the configuration, to be written as it is."""

    text: str


def _shown(value: object) -> str:
    return value.text if isinstance(value, Code) else repr(value)


def ssh_config(host: LabHost) -> Sequence[str]:
    """The options that make the lab's hosts known."""
    return ("--ssh-config", str(host.ssh_config))


def refused(done: Done, *told: str, code: int = 2, messages: int = 1) -> None:
    """Assert one clear message: the exit code, no traceback, and all that must be told."""
    assert "Traceback" not in done.all, done.all
    assert "bug in cfgdsl" not in done.all, done.all
    assert done.code == code, done
    assert len(done.errors()) == messages, done.all
    flat = " ".join(done.all.split())
    for each in told:
        assert each in flat, (each, done.all)
