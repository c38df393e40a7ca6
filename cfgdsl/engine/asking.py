"""Plans that ask a host for what they lack."""

from collections.abc import Sequence

from cfgdsl.core.planner import plan_host
from cfgdsl.core.probes import Answer, Probe
from cfgdsl.core.request import Planned, Request
from cfgdsl.targets.session import Session


def plan_asking(session: Session, request: Request, answers: dict[Probe, Answer]) -> Planned:
    """The plan of `request`.

    Where an output becomes known, the resource that uses it may bring questions of its own: they
    are asked in one more message, however many there are.
    """
    planned = plan_host(request, answers)
    while planned.unasked:
        ask(session, planned.unasked, answers)
        planned = plan_host(request, answers)
    return planned


def ask(session: Session, asked: Sequence[Probe], answers: dict[Probe, Answer]) -> None:
    """Ask what is not in `answers` yet, and put it there."""
    new = [probe for probe in asked if probe not in answers]
    answers.update(zip(new, session.probe([p.to_json() for p in new]), strict=True))
