"""Disturb runs on lab hosts in parallel until enough were hit; write down what came of it."""

import argparse
import queue
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.chaos.kinds import KINDS
from benchmarks.chaos.report import write
from benchmarks.chaos.rounds import Outcome, Ring, Task
from benchmarks.conditions import conditions
from tests.lab import Lab

ATTEMPTS = 5
"""How often a task is tried when it comes too late to hit anything,"""
AGAIN = 6_000
"""each time with another number, and so at another moment."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=40.0, help="begin nothing after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=[*KINDS], help="only this one")
    parser.add_argument("--only", type=int, help="replay the task of this number, with its --kind")
    parser.add_argument("--version", type=int, default=2, help="in which version to replay it")
    parser.add_argument("--no-results", action="store_true", help="print them only")
    options = parser.parse_args()
    found = conditions()
    begun = time.monotonic()
    with Lab.open() as lab:
        if options.only is not None:
            task = Task(options.only, options.kind, options.seed)
            ring = Ring(lab, lab.hosts(1)[0])
            ring.reset(options.version - 1)
            outcomes = [ring.round(task)]
            _tell(outcomes[0])
        else:
            tasks = list(plan(options.kills, options.seed, options.kind))
            outcomes = soak(lab, tasks, options.hosts, until=begun + 60 * options.minutes)
    seconds = time.monotonic() - begun
    write(outcomes, found, seconds=seconds, hosts=options.hosts, save_it=not options.no_results)
    sys.exit(any(outcome.problems for outcome in outcomes))


def plan(kills: int, seed: int, kind: str | None = None) -> Iterator[Task]:
    """So many tasks, of each kind its share, in a random order."""
    total = sum(share for _, share in KINDS.values())
    kinds = [name for name, (_, share) in KINDS.items() for _ in range(-(-share * kills // total))]
    random.Random(seed).shuffle(kinds)  # noqa: S311 - to be replayed
    return (Task(n, kind or name, seed) for n, name in enumerate(kinds))


def soak(lab: Lab, tasks: list[Task], hosts: int, *, until: float) -> list[Outcome]:
    """Do all tasks, each host one after the other; none is begun after `until`."""
    waiting: queue.Queue[Task] = queue.Queue()
    for task in tasks:
        waiting.put(task)
    outcomes: list[Outcome] = []
    writing = threading.Lock()

    def work(ring: Ring) -> None:
        ring.reset(1)
        while time.monotonic() < until:
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            for outcome in attempts(ring, task):
                with writing:
                    outcomes.append(outcome)
                    _tell(outcome)

    with ThreadPoolExecutor(hosts) as pool:
        futures = [pool.submit(work, Ring(lab, host)) for host in lab.hosts(hosts)]
        for future in futures:
            future.result()
    return outcomes


def attempts(ring: Ring, task: Task) -> Iterator[Outcome]:
    """Do a task until it hits; a host with which something is wrong is made anew."""
    for _ in range(ATTEMPTS):
        outcome = ring.round(task)
        yield outcome
        if outcome.problems:
            ring.reset(ring.version)
        if outcome.hit:
            return
        task = Task(task.number + AGAIN, task.kind, task.seed)


def _tell(outcome: Outcome) -> None:
    task = outcome.task
    where = f"task {task.number} version {outcome.version} {outcome.host}"
    how = f"{outcome.share:.0%} of {outcome.steps} steps" if outcome.hit else "missed"
    verdict = "NOT WELL" if outcome.problems else "repaired"
    print(f"{where}: {task.kind}, {how}, {verdict} in {outcome.repair:.1f} s", flush=True)
    if outcome.problems:
        folder = Path(tempfile.gettempdir()) / "cfgdsl-chaos"
        folder.mkdir(exist_ok=True)
        file = folder / f"{task.seed}-{task.number}-{outcome.version}.txt"
        text = "\n\n".join(outcome.problems)
        file.write_text(f"{where}: {task.kind}, seed {task.seed}\n\n{text}\n")
        print(f"  {text[:1500]}\n  all of it: {file}", flush=True)
