"""Ansible: `ansible-playbook --check --diff`, read through a callback plugin.

ansible-core has no output for programs, so `scenario/callback_plugins/steps.py` writes one line of
JSON for each task that ended. A task without a line was not reached where the play was aborted;
otherwise it is a handler that nothing notified. Connections are tuned as its documentation says
(pipelining, ControlPersist). python3-apt, which its `apt` module needs on the host, is installed
before: in check mode the module does not install it by itself.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence

from benchmarks.truth.peers import installed
from benchmarks.truth.steps import SCENARIO, STEPS, Report, Said, Situation
from tests.lab import LabHost

REQUIREMENT = "ansible-core==2.19.14"

_SAID = {
    "ok": Said.NONE,
    "skipped": Said.NONE,
    "changed": Said.CHANGE,
    "failed": Said.FAILED,
}


class Ansible:
    """The playbook, checked and run."""

    name = REQUIREMENT.replace("==", " ")

    def __init__(self) -> None:
        self._program = installed(REQUIREMENT) / "ansible-playbook"

    def prepare(self, host: LabHost) -> None:
        """What the `apt` module imports on the host."""
        host.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-apt"])

    def dry_runs(self, situation: Situation) -> Mapping[str, Report]:
        """As it is, and with the known way around tasks that fail in check mode alone."""
        check = ["--check", "--diff"]
        return {
            "--check": self._run(situation, check),
            "--check, errors ignored": self._run(situation, [*check, "-e", "tolerant=true"]),
        }

    def apply(self, situation: Situation) -> Report:
        """The real run."""
        return self._run(situation, [])

    def _run(self, situation: Situation, options: Sequence[str]) -> Report:
        host, events = situation.host, situation.folder / "events"
        events.write_text("")
        inventory = situation.folder / "inventory.ini"
        inventory.write_text(
            f"{host.name} ansible_user=root ansible_python_interpreter=/usr/bin/python3\n"
        )
        values = f"greeting={situation.greeting} address={host.address}"
        argv = [str(self._program), "-i", str(inventory), "-e", values, *options, "playbook.yml"]
        done = subprocess.run(
            argv,
            cwd=SCENARIO,
            env={
                **os.environ,
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_SSH_ARGS": f"-F {host.ssh_config} -o ControlMaster=auto "
                "-o ControlPersist=60s",
                "LC_ALL": "C.UTF-8",
                "TRUTH_EVENTS": str(events),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [json.loads(line) for line in events.read_text().splitlines()]
        if not lines:
            raise RuntimeError(f"{argv} said nothing:\n{done.stdout}\n{done.stderr}")
        return read(lines, done.returncode)


def read(lines: Sequence[Mapping[str, str]], exit_code: int) -> Report:
    """What the lines of the callback plugin say."""
    steps = {line["task"]: _SAID[line["outcome"]] for line in lines}
    rest = Said.NONE if exit_code == 0 else Said.NOT_REACHED
    failures = {line["task"]: line["message"] for line in lines if line["outcome"] == "failed"}
    return Report(exit_code, {name: steps.get(name, rest) for name in STEPS}, failures)
