"""The last look: after a run, all that was declared is observed once more.

What a step has proven may be undone by a later one, and what needed no step may be touched by a
command. A run has converged only if a plan of the host as it is now would be empty.
"""

from collections.abc import Callable, Mapping, Sequence

import attrs

from cfgdsl.core.decide import decide_open, digest_of
from cfgdsl.core.diff import compare
from cfgdsl.core.dropped import Drops
from cfgdsl.core.errors import Diagnostic, ImpossibleError
from cfgdsl.core.ops import Run as RunOp
from cfgdsl.core.plan import HostPlan, Step
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import Answer, is_error
from cfgdsl.core.record import HostRecord
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.engine.asking import ask, plan_asking
from cfgdsl.engine.events import StepDone
from cfgdsl.engine.values import Values
from cfgdsl.targets.session import Session

Verify = Callable[[Session, Sequence[StepDone]], tuple[Diagnostic, ...]]
"""What is not as declared after a run with these outcomes."""


def verifier(prepared: Prepared, planned: Planned, values: Values) -> Verify:
    """How a host is looked at after its run; `planned`: with its secrets in place."""
    request = prepared.request

    def verify(session: Session, outcomes: Sequence[StepDone]) -> tuple[Diagnostic, ...]:
        found = {done.outcome for done in outcomes}
        if request is None:
            is_over = "changed" in found and "stopped" not in found
            return look_at_steps(session, prepared, planned, outcomes) if is_over else ()
        looked = session.looked
        if looked is None:
            if "changed" not in found:
                return ()
            # Planned over an earlier connection: this runner knows of nothing to repeat.
            looked = session.probe([probe.to_json() for probe in request.asked])
        return last_look(session, looked, _now(request, values), planned.plan, outcomes)

    return verify


def _now(request: Request, values: Values) -> Request:
    """What a plan would be made from now that outputs are known."""
    brought = values.brought_by(request.host)
    return attrs.evolve(
        request,
        foreign=values.foreign,
        recorded_outputs={**request.recorded_outputs, **brought},
    )


def last_look(
    session: Session,
    looked: Sequence[Answer],
    request: Request,
    plan: HostPlan,
    outcomes: Sequence[StepDone],
) -> tuple[Diagnostic, ...]:
    """What is not as declared, although the run did not fail at it.

    `looked`: how the host has answered the questions about what is declared after the run.
    """
    now = attrs.evolve(request, record=HostRecord(), owns=False, drops=Drops())
    answers = dict(zip(request.asked, looked, strict=True))
    ask(session, questions(request.graph.resources), answers)
    return deviations(plan, outcomes, plan_asking(session, now, answers).plan)


def look_at_steps(
    session: Session, prepared: Prepared, planned: Planned, outcomes: Sequence[StepDone]
) -> tuple[Diagnostic, ...]:
    """The same for a plan from a file, which knows of no resource without a step."""
    well = {done.step.id for done in outcomes if done.outcome in _AS_DECLARED}
    steps = [s for s in planned.plan.steps if s.id in well and s.probes and not _is_passing(s)]
    asked = tuple(dict.fromkeys(probe for step in steps for probe in step.probes))
    answers = dict(zip(asked, session.probe([p.to_json() for p in asked]), strict=True))
    ended = {done.step.identity: position for position, done in enumerate(outcomes)}
    found = []
    for step in steps:
        changed = _undone(step, [answers[p] for p in step.probes], prepared, planned)
        if changed is not None:
            found.append(_deviation(changed, outcomes, ended))
    return tuple(found)


def _undone(
    step: Step, answers: Sequence[Answer], prepared: Prepared, planned: Planned
) -> Step | None:
    """`step`, with the fields that are not as it left them, if there are any."""
    resource = planned.resources.get(step.id)
    if any(map(is_error, answers)):
        return None
    if resource is None:
        is_other = step.want is not None and digest_of(answers) != step.want
        return attrs.evolve(step, fields=(), reason="differs") if is_other else None
    try:
        decision = decide_open(resource, step.probes, answers, prepared.identity)
    except ImpossibleError as error:
        return attrs.evolve(step, fields=(), reason=error.summary)
    if decision is None:
        return None
    return attrs.evolve(step, fields=compare(resource, decision.before).fields, reason="differs")


def deviations(
    plan: HostPlan, outcomes: Sequence[StepDone], again: HostPlan
) -> tuple[Diagnostic, ...]:
    """What `again`, a plan made after the run of `plan`, would change for sure."""
    ended = {done.step.identity: position for position, done in enumerate(outcomes)}
    unwell = {done.step.identity for done in outcomes if done.outcome not in _AS_DECLARED}
    left_alone = {skip.identity for skip in plan.skipped}
    return tuple(
        _deviation(step, outcomes, ended)
        for step in again.steps
        if _is_sure(step) and step.identity not in unwell | left_alone
    )


_AS_DECLARED = ("changed", "unneeded")


def _is_sure(step: Step) -> bool:
    return not (step.possible or _is_passing(step))


def _is_passing(step: Step) -> bool:
    """Whether it is about something that happens, not about how something is."""
    return step.always or step.refresh or step.identity.startswith("task:")


def _deviation(step: Step, outcomes: Sequence[StepDone], ended: Mapping[str, int]) -> Diagnostic:
    """Only commands touch what is not theirs: those that ended later are the ones to suspect."""
    position = ended.get(step.identity, -1)
    later = [
        done.step.identity
        for done in outcomes[position + 1 :]
        if done.outcome == "changed" and _may_touch_anything(done.step)
    ]
    by = f" by {later[0]}" if len(later) == 1 else ""
    when = "after it was applied" if position >= 0 else "during the run"
    changes = ", ".join(c.name for c in step.fields) or step.reason
    return Diagnostic(
        summary=f"was changed{by} {when}: {changes}",
        detail=f"Commands that ran meanwhile: {', '.join(later)}." if len(later) > 1 else "",
        hint="Two things fight over it, or an order is missing: see `cfgdsl why`.",
        address=step.address,
        origins=(step.origin,),
    )


def _may_touch_anything(step: Step) -> bool:
    return step.ops is None or any(isinstance(op, RunOp) for op in step.ops)
