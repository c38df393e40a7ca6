"""A directory that a configuration has, and what the record in it says: for tests of records."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

import cfgdsl
from cfgdsl import Plan, Run
from cfgdsl.engine.history import PastRun

HEAD = """
from cfgdsl import *
from cfgdsl_stdlib import *
"""


@attrs.frozen
class Estate:
    """A folder with a configuration, and the directory that it configures."""

    folder: Path
    root: Path
    project: str = "demo"

    @classmethod
    def below(cls, folder: Path) -> "Estate":
        """An empty one."""
        found = cls(folder / "config", folder / "root")
        found.folder.mkdir()
        found.root.mkdir(mode=0o755)
        return found

    @property
    def file(self) -> Path:
        return self.folder / f"{self.project}.py"

    def declare(self, body: str = "", head: str = "") -> None:
        """Write a configuration whose one function has this body."""
        lines = textwrap.indent(textwrap.dedent(body).strip("\n") or "pass", "    ")
        host = f"Host.local({str(self.root)!r}, name='demo')"
        top = f"{HEAD}\nproject({self.project!r})\n{head}\n"
        self.file.write_text(f"{top}\n@configure({host})\ndef everything(host):\n{lines}\n")

    def line(self, marker: str) -> int:
        lines = self.file.read_text().splitlines()
        return next(n for n, line in enumerate(lines, 1) if marker in line)

    def plan(self, **wishes: Any) -> Plan:
        with cfgdsl.load(self.file) as project:
            return project.plan(**wishes)

    def apply(self, body: str | None = None, **wishes: Any) -> Run:
        """Plan what is declared (by `body`), and apply that; it must go well."""
        if body is not None:
            self.declare(body)
        with cfgdsl.load(self.file) as project:
            return self._applied(project, project.plan(**wishes))

    def destroy(self) -> Run:
        with cfgdsl.load(self.file) as project:
            return self._applied(project, project.plan_destroy())

    def plan_rollback(self, run: str) -> Plan:
        with cfgdsl.load(self.file) as project:
            return project.plan_rollback(run)

    def rollback(self, run: str) -> Run:
        with cfgdsl.load(self.file) as project:
            return self._applied(project, project.plan_rollback(run))

    def _applied(self, project: cfgdsl.Project, plan: Plan) -> Run:
        assert plan.ok, plan.hosts[0].problems
        run = project.apply(plan)
        assert run.ok, (run.failures, run.failed_hosts, run.deviations)
        return run

    def history(self) -> tuple[PastRun, ...]:
        with cfgdsl.load(self.file) as project:
            return tuple(each for each in project.history()["demo"] if isinstance(each, PastRun))

    @property
    def record(self) -> Path:
        return self.root / ".cfgdsl" / self.project

    @property
    def journal(self) -> Path:
        return self.record / "journal"

    def entries(self) -> list[dict[str, Any]]:
        """What the journal says, without its checksums."""
        return [json.loads(line[9:]) for line in self.journal.read_text().splitlines()]

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def tree(self) -> Mapping[str, str]:
        """All that is in the root but the records: kind, mode, and content or where it leads."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name, status = str(path.relative_to(self.root)), path.lstat()
            if name.split("/", maxsplit=1)[0] == ".cfgdsl":
                continue
            text = ""
            if path.is_symlink():
                text = str(path.readlink())
            elif path.is_file():
                text = path.read_bytes().hex()
            found[name] = f"{status.st_mode:o} {text}"
        return found


def actions(plan: Plan) -> dict[str, str]:
    """What a plan does, by identity."""
    return {step.identity: step.action for step in plan.steps}


def told(plan: Plan) -> str:
    """All that a plan says beside its steps."""
    found = (d for host in plan.hosts for d in (*host.problems, *host.notes))
    return "\n".join(f"{d.address}: {d.summary} | {d.detail} | {d.hint}" for d in found)
