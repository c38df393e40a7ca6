"""Execution of one host's plan: send its steps, decide what was left open, prove, report.

The runner works through the steps by itself; this is the controller's half of that conversation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.decide import decide_open, differences
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.ledger import note_of
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.plan import Barrier, HostPlan, Step
from cfgdsl.core.planner import Request
from cfgdsl.core.probes import Answer, Probe, is_error
from cfgdsl.core.resource import Resource
from cfgdsl.engine.contents import stream
from cfgdsl.engine.events import (
    HostDeviated,
    HostDone,
    Listener,
    StepDone,
    StepOutput,
    StepStarted,
)
from cfgdsl.engine.gates import Gates
from cfgdsl.engine.run import WELL
from cfgdsl.engine.values import Values, texts_of
from cfgdsl.engine.vault import Vault
from cfgdsl.engine.verify import last_look
from cfgdsl.engine.waiting import Waiting, gate_id
from cfgdsl.targets.session import Session


@attrs.frozen(kw_only=True)
class HostExecution:
    """What executing one host's plan takes."""

    run: str
    by: Mapping[str, str]
    """Who runs this, from where: kept in the host's record."""
    project: str | None
    plan: HostPlan
    resources: Mapping[int, Resource]
    vault: Vault
    request: Request
    """What the plan was made from."""
    emit: Listener
    values: Values
    gates: Gates
    _filled: dict[int, tuple[Resource, tuple[Probe, ...]]] = attrs.field(factory=dict, init=False)
    """Open steps whose outputs are known by now: as what, and what is asked about them."""

    def execute(self, session: Session) -> bool:
        """Execute the plan; whether every step ended well. Raises `TargetError`."""
        steps = [self._wire(step) for step in self.plan.steps]
        steps += map(wire_barrier, self.plan.barriers)
        waiting = Waiting(self.plan, self.gates, session)
        contents = self._contents()
        sent = frozenset(contents)
        outcomes: list[StepDone] = []
        for message in session.execute(
            [*waiting.steps, *steps],
            run=self.run,
            project=self.project,
            contents=[(c.sha256, c.size) for c in contents.values()],
            stream=lambda sha256: stream(contents[sha256]),
            notes=self._notes(),
        ):
            if waiting.heard(message):
                continue
            step = self.plan.steps[int(message["step"])]
            match message["event"]:
                case "started":
                    self.emit(StepStarted(host=self.plan.host, step=step))
                case "output":
                    text = self.vault.scrub(str(message.get("text", "")))
                    self.emit(StepOutput(host=self.plan.host, step=step, text=text))
                case "observed":
                    session.resolve({str(step.id): self._resolve(step, message, sent)})
                case "done":
                    outcomes.append(self._done(step, message, waiting))
        ok = all(done.outcome in WELL for done in outcomes)
        self.emit(HostDone(host=self.plan.host, ok=ok))
        return self._stays(session, outcomes) and ok

    def _stays(self, session: Session, outcomes: Sequence[StepDone]) -> bool:
        """Whether all is as declared when it is looked at once more."""
        if session.looked is None:
            return True
        left = last_look(session, self._request_now(), self.plan, outcomes)
        if left:
            self.emit(HostDeviated(host=self.plan.host, deviations=left))
        return not left

    def _request_now(self) -> Request:
        """What a plan would be made from now that outputs are known."""
        return attrs.evolve(
            self.request,
            foreign=self.values.foreign,
            recorded_outputs={
                **self.request.recorded_outputs,
                **self.values.brought_by(self.plan.host),
            },
        )

    def _notes(self) -> dict[str, Any]:
        """What the record is told beside the steps."""
        plan = self.plan
        notes = {
            "by": dict(self.by),
            "adopt": {
                name: {"own": note.own, "applied": note.applied}
                for name, note in plan.adopt.items()
            },
            "forget": list(plan.forget),
            "rename": dict(plan.rename),
        }
        return {name: note for name, note in notes.items() if note}

    def _wire(self, step: Step) -> dict[str, Any]:
        """A step as the runner takes it, with what holds for this run only."""
        data = wire_step(step, self.vault)
        data["after"] = [*data.get("after", ()), *map(gate_id, step.gates)]
        if self.values.is_awaited(self.plan.host, step.identity):
            data["report"] = True
        return data

    def _contents(self) -> dict[str, Content]:
        """Every content that is known to be written, by open steps too."""
        found: dict[str, Content] = {}
        for step in self.plan.steps:
            for content in (*_op_contents(step.ops or ()), *_field_contents(step)):
                if not content.is_kept:
                    found[content.sha256] = content
        return found

    def _resolve(self, step: Step, message: dict[str, Any], sent: frozenset[str]) -> dict[str, Any]:
        """The decision on a step that the runner cannot take by itself."""
        answers = message["answers"]
        failed = next((a["error"] for a in answers if isinstance(a, dict) and is_error(a)), None)
        if failed is not None:
            return {"done": "failed", "detail": {"error": str(failed)}}
        try:
            if message["phase"] == "before":
                return self._open(step, answers, sent)
            left = differences(*self._as_filled(step), answers)
        except ImpossibleError as error:
            return {"done": "failed", "detail": {"error": error.summary, "hint": error.hint}}
        if not left:
            return {"done": "changed"}
        return {"done": "unproven", "detail": {"differences": list(left)}}

    def _as_filled(self, step: Step) -> tuple[Resource, tuple[Probe, ...]]:
        return self._filled.get(step.id) or (self.resources[step.id], step.probes)

    def _open(self, step: Step, answers: list[Answer], sent: frozenset[str]) -> dict[str, Any]:
        resource, probes = self._as_filled(step)
        filled = self.values.fill(resource)
        if filled is not resource:
            asked = tuple(p for p in probes if p not in resource.probes())  # its condition
            probes = tuple(dict.fromkeys((*filled.probes(), *asked)))
            self._filled[step.id] = filled, probes
            return {"probes": self.vault.reveal_json([p.to_json() for p in probes])}
        decision = decide_open(resource, probes, answers, self.request.identity)
        if decision is None:
            # What is promised has come about then: an earlier step brought more than it said.
            done = "unneeded" if step.possible else "changed"
            return {"done": done, **self._note(step, resource, resource)}
        ops = self.vault.reveal_json([op.to_json() for op in decision.ops])
        return {
            "ops": ops,
            "want": decision.want,
            "texts": texts_of(decision.ops, sent),
            **self._note(step, resource, decision.before),
        }

    def _note(self, step: Step, resource: Resource, before: Resource | None) -> dict[str, Any]:
        """What the record will say of an open step, now that it is decided."""
        if self.project is None or step.release or step.identity != resource.identity:
            return {}
        return note_of(resource, before).to_wire()

    def _done(self, step: Step, message: dict[str, Any], waiting: Waiting) -> StepDone:
        detail = self.vault.scrub_json(_without_texts(message.get("detail") or {}))
        outcome = message["outcome"]
        cause = waiting.cause_of(step, detail, outcome)
        if "because" in detail:
            detail["because"] = cause
        if outcome in WELL and self.values.is_awaited(self.plan.host, step.identity):
            self.values.put(self.plan.host, *self._as_filled(step), message)
        done = StepDone(
            host=self.plan.host,
            step=step,
            outcome=outcome,
            seconds=float(message.get("seconds") or 0.0),
            detail=detail,
        )
        self.emit(done)
        self.gates.step_ended(self.plan.host, step.id, cause)
        return done


def _without_texts(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a step says of its end, without the texts of files: an older secret may be in one."""
    if not isinstance(detail.get("answers"), list):
        return dict(detail)
    answers = [
        {k: v for k, v in a.items() if k != "text"} if isinstance(a, dict) else a
        for a in detail["answers"]
    ]
    return {**detail, "answers": answers}


def wire_step(step: Step, vault: Vault) -> dict[str, Any]:
    """A step as the runner takes it (`cfgdsl.runner.wire.STEP`). What goes into the record has
    secrets by reference only."""
    ops = None if step.ops is None else [op.to_json() for op in step.ops]
    data: dict[str, Any] = {
        "id": str(step.id),
        "name": step.identity,
        "probes": vault.reveal_json([probe.to_json() for probe in step.probes]),
        "ops": vault.reveal_json(ops),
        **({} if step.record is None else step.record.to_wire()),
    }
    optional = {
        "after": [str(i) for i in step.after],
        "causes": [str(i) for i in step.triggers],
        "locks": list(step.locks),
        "before": step.before,
        "want": step.want,
        "retries": step.retries,
        "timeout": step.timeout,
        "refresh": step.refresh,
        "debt": step.debt,
        "since": step.since,
        "release": step.release,
        "always": step.always,
    }
    return {**data, **{name: value for name, value in optional.items() if value}}


def wire_barrier(barrier: Barrier) -> dict[str, Any]:
    """A barrier as the runner takes it: a step without events."""
    causes = [str(i) for i in barrier.steps]
    return {"id": str(barrier.id), "name": "", "probes": [], "causes": causes, "barrier": True}


def _op_contents(ops: tuple[Op, ...]) -> Iterator[Content]:
    return (op.content for op in ops if isinstance(op, Put))


def _field_contents(step: Step) -> Iterator[Content]:
    if step.is_open:
        yield from (c.after for c in step.fields if isinstance(c.after, Content))
