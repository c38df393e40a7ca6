"""The plan that leads back to before a run, from what the host itself has kept of it."""

from typing import Any

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.facts import basic_facts
from cfgdsl.core.graph import build
from cfgdsl.core.host import Host
from cfgdsl.core.planner import Planned, plan_host, questions
from cfgdsl.core.predict import Identity
from cfgdsl.core.rollback import WayBack, changes_of, way_back
from cfgdsl.core.step import HostPlan
from cfgdsl.engine.evaluate import Evaluated
from cfgdsl.engine.observe import Observed, Wishes, about_record, all_tags, request_of
from cfgdsl.targets.session import Session


def observe_before(
    host: Host[Any], session: Session, evaluated: Evaluated, wishes: Wishes, run: str
) -> Observed:
    """The plan that brings `host` back to how it was before `run`.

    It goes over what is declared now, so that services restart with the configuration that comes
    back, but changes only what the run has changed. Raises `TargetError` for a run that the host's
    record does not know.
    """
    told = session.history(wishes.project, run)
    basics = basic_facts(session.basics)
    identity = Identity(basics.user, basics.group or basics.user)
    request = request_of(host, evaluated, identity, basics.machine_id, frozenset())
    if run not in told["runs"]:
        planned = Planned(HostPlan(host=host.name, machine_id=basics.machine_id), {})
        return Observed(planned, request, identity, frozenset())
    try:
        way = way_back(tuple(changes_of(told["entries"])), set(told["kept"]))
    except (LookupError, TypeError, ValueError) as error:
        raise TargetError(
            Diagnostic(summary=f"what the record says of run {run} makes no sense: {error}")
        ) from None
    declared = evaluated.graph
    graph = build(way.among(declared.resources), evaluated.components, declared.parts)
    asked = questions(graph.resources)
    found, record = session.observe(
        [probe.to_json() for probe in asked],
        about_record(evaluated.graph.resources, evaluated, wishes),
    )
    back = {resource.identity for resource in way.resources}
    request = attrs.evolve(
        request,
        graph=graph,
        record=record,
        drops=way.drops(run),
        selected=lambda resource: resource.identity in back,
    )
    planned = plan_host(request, dict(zip(asked, found, strict=True)))
    notes = (*planned.plan.notes, *_newer(host, evaluated, way))
    planned = attrs.evolve(planned, plan=attrs.evolve(planned.plan, notes=notes))
    return Observed(planned, request, identity, all_tags(evaluated))


def _newer(host: Host[Any], evaluated: Evaluated, way: WayBack) -> tuple[Diagnostic, ...]:
    """A word of warning: the next apply would do it all again."""
    declared = {resource.identity: resource for resource in evaluated.graph.resources}
    again = [r for r in way.resources if r.identity in declared and r != declared[r.identity]]
    if not again:
        return ()
    lines = tuple(declared[r.identity].origin for r in again[:3])
    return (
        Diagnostic(
            summary=f"the configuration still declares the newer state of {len(again)} of these",
            hint="Take the change out of the code too, or the next apply makes it again.",
            address=host.name,
            origins=lines,
        ),
    )
