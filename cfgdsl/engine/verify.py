"""The last look: after a run, all that was declared is observed once more.

What a step has proven may be undone by a later one, and what needed no step may be touched by a
command. A run has converged only if a plan of the host as it is now would be empty.
"""

from collections.abc import Mapping, Sequence

import attrs

from cfgdsl.core.dropped import Drops
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.ops import Run as RunOp
from cfgdsl.core.plan import HostPlan, Step
from cfgdsl.core.planner import Request, questions
from cfgdsl.core.record import HostRecord
from cfgdsl.engine.asking import plan_asking
from cfgdsl.engine.events import StepDone
from cfgdsl.targets.session import Session


def last_look(
    session: Session, request: Request, plan: HostPlan, outcomes: Sequence[StepDone]
) -> tuple[Diagnostic, ...]:
    """What is not as declared, although the run did not fail at it.

    The host has answered the questions about what is declared once more, after the run.
    """
    declared = [r for r in request.graph.resources if r.identity not in request.drops.actions]
    now = attrs.evolve(request, record=HostRecord(), owns=False, drops=Drops())
    answers = dict(zip(questions(declared), session.looked or (), strict=True))
    return deviations(plan, outcomes, plan_asking(session, now, answers).plan)


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
    return not (step.possible or step.always or step.refresh or step.identity.startswith("task:"))


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
