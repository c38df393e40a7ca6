"""pyinfra: `pyinfra --dry --json` and `--yes --json`.

Of each operation the plan names the hosts with a change, and those with a conditional one
(an operation with `_if`, which is decided during the run): the latter is *possible*. Where the plan
cannot be made there is no JSON, and no operation was reached.
"""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from benchmarks.truth.peers import installed
from benchmarks.truth.steps import SCENARIO, STEPS, Report, Said, Situation
from tests.lab import LabHost

REQUIREMENT = "pyinfra==3.10.0"


class Pyinfra:
    """The deploy, dry and run."""

    name = REQUIREMENT.replace("==", " ")

    def __init__(self) -> None:
        self._program = installed(REQUIREMENT) / "pyinfra"

    def prepare(self, host: LabHost) -> None:
        """Nothing: it needs a shell only."""

    def dry_runs(self, situation: Situation) -> Mapping[str, Report]:
        """The one way."""
        return {"--dry": read_plan(*self._run(situation, "--dry"))}

    def apply(self, situation: Situation) -> Report:
        """The real run."""
        said, exit_code = self._run(situation, "--yes")
        return read_results(said, exit_code)

    def _run(self, situation: Situation, option: str) -> tuple[str, int]:
        host = situation.host
        data = {
            "ssh_config_file": str(host.ssh_config),
            "ssh_known_hosts_file": str(host.known_hosts),
            "ssh_user": "root",
            "greeting": situation.greeting,
            "address": host.address,
        }
        inventory = situation.folder / "inventory.py"
        inventory.write_text(f"hosts = [({host.name!r}, {data!r})]\n")
        argv = [str(self._program), str(inventory), "deploy.py", option, "--json"]
        done = subprocess.run(
            argv,
            cwd=SCENARIO,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout and option == "--yes":
            raise RuntimeError(f"{argv} has no results:\n{done.stderr}")
        return done.stdout or done.stderr, done.returncode


def read_plan(said: str, exit_code: int) -> Report:
    """What a dry run predicts."""
    if exit_code != 0:
        return Report(exit_code, dict.fromkeys(STEPS, Said.NOT_REACHED), {"": said.strip()[-500:]})
    operations = _by_name(json.loads(said)["plan"])
    return Report(exit_code, {name: _predicted(each) for name, each in operations.items()})


def _predicted(operation: Mapping[str, Any]) -> Said:
    if operation["hosts_with_conditional_change"]:
        return Said.POSSIBLE
    return Said.CHANGE if operation["hosts_with_change"] else Said.NONE


def read_results(said: str, exit_code: int) -> Report:
    """What a run did."""
    operations = _by_name(json.loads(said)["results"]["operations"])
    return Report(exit_code, {name: _happened(each) for name, each in operations.items()})


def _happened(operation: Mapping[str, Any]) -> Said:
    if operation["error"]:
        return Said.FAILED
    return Said.CHANGE if operation["success"] else Said.NONE


def _by_name(operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {operation["name"]: operation for operation in operations}
