"""Writes down a soak: by kind how many hits, how far the runs were, and what came of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks.chaos import workload
from benchmarks.chaos.kinds import KINDS
from benchmarks.chaos.rounds import Outcome
from benchmarks.conditions import sentence
from benchmarks.measure import middle, save, table

_NOTES = """Each round: `cfgdsl apply` takes a host from one version of {count} resources to the next and is
disturbed at a random moment; then one plain `cfgdsl apply --yes` must end with 0, and a plan must
find nothing to do. After that a script without cfgdsl compares every file (content, mode, owner),
folder, link, account and package, and what is no longer declared; each daemon must say that it read
the newest settings and runs the newest unit; no temporary file is left, the lock is free, the
journal has no spoilt line, nothing owed and nothing begun, and the record owns exactly what is
declared, as its own. Meanwhile a watcher on the host reads all files and links in a loop: each must
be a whole version, old or new, with its owner and mode, and never be missing.

Hosts: Debian with systemd under systemd-nspawn, each on a disk in memory of 256 MiB; a restart of a
host ends all its processes at once and boots from the same disk, so what the kernel had not yet
written is not lost: it is a power cut for processes, not for disks.
"""  # noqa: E501

_TOLD = """Before a plan, no file yet, some, all files: how far the run was; packages, commands and restarts
come during and after the files. Begun, no outcome; temporary files: found in all such rounds after
the hit, before the repair. Runner ends: the longest that one went on after it. Repair: median and
longest of the plain applies, the whole process. {nothing} of the runs began with a pristine host.
{missed} more rounds came too late to hit, and were checked all the same. The watchers read
everything {passes} times. {hosts} hosts at a time, {seconds:.0f} s in all, seed {seed}.
"""  # noqa: E501


def write(
    outcomes: Sequence[Outcome],
    found: dict[str, str],
    *,
    seconds: float,
    hosts: int,
    save_it: bool,
) -> None:
    """The table for people and the numbers for programs."""
    hits = [outcome for outcome in outcomes if outcome.hit]
    wrong = [outcome for outcome in outcomes if outcome.problems]
    rows = [row for kind in KINDS if (row := _row(kind, outcomes))]
    header = [
        *("", "hits", "before a plan", "no file yet", "some files", "all files"),
        *("begun, no outcome", "temporary files", "repaired", "failures"),
        *("runner ends s", "repair s", "longest"),
    ]
    told = _TOLD.format(
        missed=len(outcomes) - len(hits),
        passes=sum(outcome.passes for outcome in outcomes),
        nothing=sum(outcome.task.from_nothing for outcome in hits),
        hosts=hosts,
        seconds=seconds,
        seed=outcomes[0].task.seed,
    )
    text = (
        f"# Chaos: {len(hits)} disturbed runs, {len(wrong)} failures\n\n"
        f"{_NOTES.format(count=workload.count(1) + 1)}\n"
        f"{table(header, rows)}\n{told}\n{sentence(found)}"
    )
    if save_it:
        save("chaos", text, {"conditions": found, "seconds": seconds, "rounds": data(outcomes)})
    else:
        print(text)


def data(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each round, in a line's worth."""
    return [
        {
            **dataclasses.asdict(outcome),
            "task": outcome.task.number,
            "kind": outcome.task.kind,
            "lingered": round(outcome.lingered, 3),
            "repair": round(outcome.repair, 3),
        }
        for outcome in sorted(outcomes, key=lambda outcome: outcome.task.number)
    ]


def _row(kind: str, outcomes: Sequence[Outcome]) -> list[str] | None:
    rounds = [outcome for outcome in outcomes if outcome.task.kind == kind]
    hits = [outcome for outcome in rounds if outcome.hit]
    if not hits:
        return None
    far = [_progress(outcome) for outcome in hits]
    failures = sum(bool(outcome.problems) for outcome in rounds)
    repairs = [outcome.repair for outcome in hits]
    return [
        kind,
        str(len(hits)),
        *(str(far.count(third)) for third in range(4)),
        str(sum(outcome.pending for outcome in hits)),
        str(sum(outcome.leftovers for outcome in hits)),
        str(sum(not outcome.problems for outcome in hits)),
        str(failures),
        f"{max(outcome.lingered for outcome in hits):.1f}",
        f"{middle(repairs):.1f}",
        f"{max(repairs):.1f}",
    ]


def _progress(outcome: Outcome) -> int:
    """Where in the header a hit belongs."""
    if not outcome.steps:
        return 0
    return 1 if not outcome.share else 2 if outcome.share < 1 else 3
