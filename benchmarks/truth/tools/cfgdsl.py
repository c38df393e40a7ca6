"""cfgdsl: `cfgdsl plan --detailed-exitcode --json` and `cfgdsl apply --json`.

What is not in the plan is predicted not to change; a step marked `possible` has not said. Steps
that belong to no resource (a daemon-reload) are counted as steps of their own. The two edits of one
file are one step, which stands for both.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from benchmarks.truth.steps import SCENARIO, STEPS, Report, Said, Situation
from tests.lab import LabHost

IDENTITIES = {
    "package": "package:nginx",
    "group": "group:app",
    "user": "user:app",
    "home": "command:install -d -m 0711 -o app -g app /home/app",
    "directory": "directory:/srv/app",
    "config": "file:/srv/app/app.conf",
    "ssh directory": "directory:/home/app/.ssh",
    "authorized keys": "file:/home/app/.ssh/authorized_keys",
    "ssh key": "command:ssh-keygen -q -t ed25519 -N '' -f /home/app/.ssh/id_ed25519",
    "site": "file:/etc/nginx/conf.d/app.conf",
    "default site": "file:/etc/nginx/sites-enabled/default",
    "first edit": "file:/etc/nginx/nginx.conf",
    "second edit": "file:/etc/nginx/nginx.conf",
    "unit": "file:/etc/systemd/system/app.service",
    "app service": "service:app.service",
    "app restart": "service:app.service#restart",
    "nginx service": "service:nginx.service",
    "nginx reload": "service:nginx.service#reload",
}

_OUTCOMES = {"changed": Said.CHANGE, "unneeded": Said.NONE, "skipped": Said.NOT_REACHED}


class Cfgdsl:
    """The configuration, planned and applied."""

    name = f"cfgdsl {version('cfgdsl')}"

    def prepare(self, host: LabHost) -> None:
        """Nothing: it needs a Python only."""

    def dry_runs(self, situation: Situation) -> Mapping[str, Report]:
        """The one way."""
        said, exit_code = self._run(situation, ["plan", "--detailed-exitcode"])
        return {"plan": read_plan(json.loads(said), exit_code)}

    def apply(self, situation: Situation) -> Report:
        """The real run."""
        said, exit_code = self._run(situation, ["apply", "--yes"])
        return read_events([json.loads(line) for line in said.splitlines()], exit_code)

    def _run(self, situation: Situation, command: Sequence[str]) -> tuple[str, int]:
        host = situation.host
        options = ["--json", "--ssh-config", str(host.ssh_config), "infra.py"]
        argv = [sys.executable, "-m", "cfgdsl", *command, *options]
        wanted = {
            "TRUTH_HOST": host.name,
            "TRUTH_ADDRESS": host.address,
            "TRUTH_GREETING": situation.greeting,
        }
        done = subprocess.run(
            argv,
            cwd=SCENARIO,
            env={**os.environ, **wanted},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout:
            raise RuntimeError(f"{argv} said nothing:\n{done.stderr}")
        return done.stdout, done.returncode


def read_plan(plan: Mapping[str, Any], exit_code: int) -> Report:
    """What a plan predicts."""
    (host,) = plan["hosts"]
    if host["problems"]:
        messages = {problem["address"]: problem["summary"] for problem in host["problems"]}
        return Report(exit_code, dict.fromkeys(STEPS, Said.NOT_REACHED), messages)
    said = {
        step["identity"]: Said.POSSIBLE if step["possible"] else Said.CHANGE
        for step in host["steps"]
    }
    return Report(exit_code, _named(said))


def read_events(events: Sequence[Mapping[str, Any]], exit_code: int) -> Report:
    """What an apply did."""
    done = [event for event in events if event["event"] == "step_done"]
    said = {event["step"]: _OUTCOMES.get(event["outcome"], Said.FAILED) for event in done}
    messages = {
        event["step"]: json.dumps(event["detail"])
        for event in done
        if event["outcome"] not in _OUTCOMES
    }
    return Report(exit_code, _named(said), messages)


def _named(said: Mapping[str, Said]) -> dict[str, Said]:
    """By the names of the scenario's steps; what has none there keeps its own."""
    named = {name: said.get(identity, Said.NONE) for name, identity in IDENTITIES.items()}
    own = {identity: word for identity, word in said.items() if identity not in _KNOWN}
    return {**named, **own}


_KNOWN = frozenset(IDENTITIES.values())
