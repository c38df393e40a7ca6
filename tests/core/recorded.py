"""A host in a dict with a real record: the runner's own loop, journal and survey, over a machine
that forgets nothing of what it is told to do.

What is simulated is what would touch the host: looks, ops, commands, the clock. All that decides
what is noted when, and what follows from it, is the product's. A run can be killed at any moment;
then the journal ends at any byte that was not made durable.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from cfgdsl import ConfigurationError, HostPlan, Plan, Probe, Resource, probes
from cfgdsl.core.content import Content
from cfgdsl.core.dropped import drops, within_limit
from cfgdsl.core.graph import build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.record import applied_digest, read_record
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.engine.execute import wire_step
from cfgdsl.engine.vault import Vault
from cfgdsl.runner import journal, keeper, survey
from cfgdsl.runner.paths import Root
from cfgdsl.runner.record import Record
from cfgdsl.runner.wire import canonical

from .recorded_body import Body, Configuration, Trouble
from .recorded_runner import Outcome, Runner, sent, simulated

PROJECT = "p"


@attrs.define
class Host:
    """A machine and the folder with its record."""

    body: Body
    folder: Path
    runs: int = 0

    def fork(self, name: str) -> "Host":
        """Another host that is just the same."""
        folder = self.folder.with_name(name)
        shutil.copytree(self.folder, folder)
        return Host(self.body.copy(), folder, self.runs)

    @property
    def disk(self) -> dict[str, bytes]:
        """All that is on the disk."""
        files = sorted(self.folder.rglob("*"))
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in files}

    @property
    def record(self) -> Record:
        """What follows from it."""
        folder = self.folder / ".cfgdsl" / PROJECT
        if not folder.exists():
            return Record()
        fd = os.open(folder, os.O_RDONLY)
        try:
            return Record(journal.read(fd)[0])
        finally:
            os.close(fd)

    def plan(self, declared: Configuration) -> Planned | None:
        """The plan; None for what contradicts itself, or this host."""
        try:
            planned = self._plan(declared)
        except ConfigurationError:
            return None
        return None if planned.plan.problems else planned

    def _plan(self, declared: Configuration) -> Planned:
        resources = build(declared.resources, {}).resources
        asked: dict[str, Any] = {
            "project": PROJECT,
            "declared": [[r.identity, applied_digest(r)] for r in resources],
            "rename": dict(declared.moved),
        }
        with simulated(self.body, Trouble()):
            told = survey.Survey(Root(str(self.folder)), sent(asked))
            found = [self.body.answer(probes.from_json(probe)) for probe in told.probes]
            raw = sent(told.answer(found))
        record = read_record(raw, [r.identity for r in resources])
        dropped = within_limit(drops(record, resources), record, 1000)
        graph = build((*resources, *dropped.resources), {})
        answers: dict[Probe, Any] = {p: self.body.answer(p) for p in questions(graph.resources)}
        for left in record.left:
            answers.update(zip(left.probes, left.answers, strict=True))
        request = Request(host="h", graph=graph, record=record, owns=True, drops=dropped)
        return plan_host(request, answers)

    def apply(
        self, declared: Configuration, planned: Planned, trouble: Trouble, *, condense: bool = False
    ) -> Outcome:
        """Execute a plan as the runner does."""
        self.runs += 1
        body = self.body
        body.watched = declared.watched
        body.behind = {w: paths for w, paths in body.behind.items() if w in body.watched}
        plan = planned.plan
        message = {
            "do": "execute",
            "run": f"r{self.runs}",
            "project": PROJECT,
            "steps": [wire_step(step, Vault()) for step in plan.steps],
            "by": {},
            "adopt": {n: {"own": a.own, "applied": a.applied} for n, a in plan.adopt.items()},
            "forget": list(plan.forget),
            "rename": dict(plan.rename),
        }
        if not plan.steps and plan.is_noted:
            return Outcome(killed=False, outcomes={}, touched=frozenset(), lost=frozenset())
        for content in _contents(declared.resources):
            body.sent[content.sha256] = content.data or b""
        runner = Runner(self, planned, trouble)
        with simulated(body, trouble, runner, most=0 if condense else keeper.MOST):
            return runner.run(sent(message))


def _contents(resources: Sequence[Resource]) -> Iterator[Content]:
    yield Content.of("")
    for resource in resources:
        content = getattr(resource, "content", None)
        if isinstance(content, Content):
            yield content


def document(plan: HostPlan) -> str:
    """All that a plan says, what is noted without a step included."""
    noted = {"adopt": sorted(plan.adopt), "forget": plan.forget, "rename": dict(plan.rename)}
    return Plan(project=PROJECT, hosts=(plan,)).to_json() + canonical(sent(noted))
