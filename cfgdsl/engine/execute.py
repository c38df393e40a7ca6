"""Execution of one host's plan: send its steps, decide what was left open, prove, report.

The runner works through the steps by itself; this is the controller's half of that conversation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.decide import decide_open, differences
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.expected import mask, side_by_side, unlike_wanted
from cfgdsl.core.ledger import note_of
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.plan import Barrier, HostPlan, Step, digest_of_plan
from cfgdsl.core.predict import Identity
from cfgdsl.core.probes import Answer, Probe, is_error
from cfgdsl.core.request import Planned
from cfgdsl.core.resource import Resource, contents_in
from cfgdsl.core.secret import redact
from cfgdsl.engine.contents import stream
from cfgdsl.engine.events import (
    WELL,
    HostDeviated,
    HostDone,
    Listener,
    StepDone,
    StepOutput,
    StepStarted,
)
from cfgdsl.engine.gates import Gates
from cfgdsl.engine.values import Values, texts_of
from cfgdsl.engine.vault import Vault
from cfgdsl.engine.verify import Verify
from cfgdsl.engine.waiting import Waiting, gate_id
from cfgdsl.targets.session import Session


@attrs.frozen(kw_only=True)
class HostExecution:
    """What executing one host's plan takes."""

    run: str
    by: Mapping[str, str]
    """Who runs this, from where: kept in the host's record."""
    project: str | None
    planned: Planned
    """With the bytes of every secret content."""
    vault: Vault
    identity: Identity
    verify: Verify
    """Looks once more at all that was declared."""
    emit: Listener
    values: Values
    gates: Gates
    _filled: dict[int, tuple[Resource, tuple[Probe, ...]]] = attrs.field(factory=dict, init=False)
    """Open steps whose outputs are known by now: as what, and what is asked about them."""

    @property
    def plan(self) -> HostPlan:
        """What is to be done."""
        return self.planned.plan

    def execute(self, session: Session) -> bool:
        """Execute the plan; whether every step ended well. Raises `TargetError`."""
        steps = [self._wire(step) for step in self.plan.steps]
        steps += map(wire_barrier, self.plan.barriers)
        waiting = Waiting(self.plan, self.gates, session)
        contents = {content.sha256: content for content in self._contents()}
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
        left = self.verify(session, outcomes)
        if left:
            self.emit(HostDeviated(host=self.plan.host, deviations=left))
        return not left

    def _notes(self) -> dict[str, Any]:
        """What the record is told beside the steps."""
        plan = self.plan
        notes = {
            "by": {**self.by, "plan": digest_of_plan(plan)},
            "adopt": {
                name: {"own": note.own, "applied": note.applied}
                for name, note in plan.adopt.items()
            },
            "forget": list(plan.forget),
            "rename": dict(plan.rename),
        }
        return {name: note for name, note in notes.items() if note}

    def _contents(self) -> Iterator[Content]:
        """Every content that is known to be written, by open steps too."""
        for step in self.plan.steps:
            yield from _sent(_op_contents(step.ops or ()))
            if step.is_open:
                yield from _sent(contents_in(self.planned.resources[step.id]))

    def _wire(self, step: Step) -> dict[str, Any]:
        """A step as the runner takes it, with what holds for this run only; one of which only a
        part can be compared is decided here."""
        data = wire_step(step, self.vault)
        data["after"] = [*data.get("after", ()), *map(gate_id, step.gates)]
        if self.values.is_awaited(self.plan.host, step.identity):
            data["report"] = True
        expected = self.planned.expected.get(step.id)
        return {**data, "ops": None} if expected is not None and expected.masked else data

    def _resolve(self, step: Step, message: dict[str, Any], sent: frozenset[str]) -> dict[str, Any]:
        """The decision on a step that the runner cannot take by itself."""
        answers = message["answers"]
        failed = next((a["error"] for a in answers if isinstance(a, dict) and is_error(a)), None)
        if failed is not None:
            return {"done": "failed", "detail": {"error": str(failed)}}
        try:
            if message["phase"] == "before" and step.ops is not None:
                return self._swap(step, step.ops, answers)
            if step.id not in self.planned.resources:  # of a type that no package has
                expected = self.planned.expected[step.id]
                left = unlike_wanted(step.probes, expected, answers, secret=step.holds_secret)
            elif message["phase"] == "before":
                return self._open(step, answers, sent)
            else:
                left = differences(*self._as_filled(step), answers)
        except ImpossibleError as error:
            detail = {"error": redact(error.summary), "hint": redact(error.hint)}
            return {"done": "failed", "detail": detail}
        if not left:
            return {"done": "changed"}
        return {"done": "unproven", "detail": {"differences": list(left)}}

    def _as_filled(self, step: Step) -> tuple[Resource, tuple[Probe, ...]]:
        return self._filled.get(step.id) or (self.planned.resources[step.id], step.probes)

    def _swap(self, step: Step, ops: Sequence[Op], answers: list[Answer]) -> dict[str, Any]:
        """Compare-and-swap of a step whose secret has no digest in the plan: all else must be as
        planned from, unless it is as wanted already."""
        resource = None if step.always else self.planned.resources.get(step.id)
        if resource is not None and not differences(resource, step.probes, answers):
            return {"done": "unneeded"}
        if mask(answers) != self.planned.expected[step.id].before:
            return {"done": "stale", "detail": {"answers": answers}}
        return {"ops": self.vault.reveal_json([op.to_json() for op in ops]), "want": step.want}

    def _open(self, step: Step, answers: list[Answer], sent: frozenset[str]) -> dict[str, Any]:
        resource, probes = self._as_filled(step)
        filled = self.values.fill(resource)
        if filled is not resource:
            asked = tuple(p for p in probes if p not in resource.probes())  # its condition
            probes = tuple(dict.fromkeys((*filled.probes(), *asked)))
            self._filled[step.id] = filled, probes
            return {"probes": self.vault.reveal_json([p.to_json() for p in probes])}
        decision = decide_open(resource, probes, answers, self.identity)
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
        detail, outcome = dict(message.get("detail") or {}), message["outcome"]
        if outcome == "stale":
            detail = self._side_by_side(step, detail.get("answers"))
        detail = self.vault.scrub_json(_without_texts(detail))
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

    def _side_by_side(self, step: Step, answers: Any) -> dict[str, Any]:
        """How it was planned from, what was found, and what was wanted; of a host that answers
        nonsense, nothing."""
        expected = self.planned.expected.get(step.id)
        is_well = isinstance(answers, list) and len(answers) == len(step.probes)
        if expected is None or not is_well:
            return {}
        rows = side_by_side(step.probes, expected, answers, secret=step.holds_secret)
        return {"side_by_side": [row.to_json() for row in rows]}


def _sent(contents: Iterable[Content]) -> Iterator[Content]:
    """Those that the host has no copy of."""
    return (content for content in contents if not content.is_kept)


def _without_texts(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a step says of its end, without the texts of files: an older secret may be in one."""
    if not isinstance(detail.get("answers"), list):
        return dict(detail)
    answers = [
        {k: v for k, v in a.items() if k != "text"} if isinstance(a, dict) else a
        for a in detail["answers"]
    ]
    return {**detail, "answers": answers}


def _op_contents(ops: Sequence[Op]) -> Iterator[Content]:
    return (op.content for op in ops if isinstance(op, Put))


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
