"""Run the scenario with each tool on pristine lab hosts, and compare its dry runs with its runs."""

import argparse
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.conditions import conditions, sentence
from benchmarks.measure import save
from benchmarks.truth import verify
from benchmarks.truth.peers import PeerMissingError
from benchmarks.truth.rounds import Round
from benchmarks.truth.steps import Report, Said, Situation, Tool
from benchmarks.truth.tables import text
from benchmarks.truth.tools import Ansible, Cfgdsl, Pyinfra
from tests.lab import Lab, LabHost

TOOLS: Mapping[str, Callable[[], Tool]] = {
    "ansible": Ansible,
    "pyinfra": Pyinfra,
    "cfgdsl": Cfgdsl,
}

ROUNDS = {"pristine": "hello", "again": "hello", "new config": "goodbye"}
"""Each is a dry run and a run: on a pristine host, right after it, and with a changed template."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    names: list[str] = parser.parse_args().tools
    found = conditions()
    rounds: list[Round] = []
    missing: dict[str, str] = {}
    with Lab.open() as lab:
        for name in names:
            try:
                tool = TOOLS[name]()
            except PeerMissingError as error:
                missing[name] = str(error)
                continue
            (host,) = lab.hosts(1)
            lab.reset(host)
            require_free_port()
            rounds += measure(tool, host)
    data = {"rounds": [asdict(each) for each in rounds], "missing": missing}
    save("truth", text(rounds, missing) + sentence(found), {"conditions": found, **data})


def require_free_port() -> None:
    """The lab's hosts share one network, and the package starts nginx on port 80 of it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", 80))
        except OSError as error:
            raise RuntimeError(f"port 80 must be free for the hosts: {error}") from error


def measure(tool: Tool, host: LabHost) -> list[Round]:
    """All rounds of one tool on one host."""
    tool.prepare(host)
    rounds = []
    for name, greeting in ROUNDS.items():
        print(f"{tool.name}: {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            situation = Situation(host, greeting, Path(folder))
            dry = tool.dry_runs(situation)
            happened = tool.apply(situation)
        found = verify.look(host, greeting)
        rounds.append(Round(tool.name, name, dry, corrected(happened, found), found.wrong))
    return rounds


def corrected(happened: Report, found: verify.Found) -> Report:
    """What happened; where the host itself says otherwise, as the host says."""
    if happened.steps["home"] is not Said.CHANGE or found.home_command_ran:
        return happened
    note = "said to have run, but the host shows that it did not"
    return replace(
        happened,
        steps={**happened.steps, "home": Said.NONE},
        messages={**happened.messages, "home": note},
    )
