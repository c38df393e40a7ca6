"""Observation: asks one host all that its plan needs, in one message, and makes the plan."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from cfgdsl.core.dropped import Drops, drops, within_limit
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.facts import basic_facts
from cfgdsl.core.graph import build
from cfgdsl.core.host import Host
from cfgdsl.core.ops import Put, Run
from cfgdsl.core.planner import Planned, Request, plan_host, questions
from cfgdsl.core.predict import Identity
from cfgdsl.core.record import applied_digest
from cfgdsl.core.resource import Resource
from cfgdsl.engine.evaluate import Evaluated
from cfgdsl.targets.session import Session


@attrs.frozen(kw_only=True)
class Wishes:
    """What a plan is to be about, besides what is declared."""

    project: str | None = None
    tags: frozenset[str] = frozenset()
    """Only these, if there are any."""
    allow_drops: int = 0
    """So many may be dropped at once, even if that looks like a mistake."""


@attrs.frozen
class Observed:
    """The plan of a host as it was found, as whom it was looked at, and all tags there are."""

    planned: Planned
    request: Request
    """What the plan was made from."""
    identity: Identity
    tags: frozenset[str]


def observe_host(
    host: Host[Any], session: Session, evaluated: Evaluated, wishes: Wishes
) -> Observed:
    """The plan that brings `host` to what was evaluated for it."""
    basics = basic_facts(session.basics)
    identity = Identity(basics.user, basics.group or basics.user)
    resources = evaluated.graph.resources
    asked = questions(resources)
    found, record = session.observe(
        [probe.to_json() for probe in asked], about_record(resources, evaluated, wishes)
    )
    answers = dict(zip(asked, found, strict=True))
    for left in record.left:
        answers.update(zip(left.probes, left.answers, strict=True))
    dropped = drops(record, resources) if wishes.project is not None else Drops()
    dropped = within_limit(dropped, record, wishes.allow_drops)
    graph = evaluated.graph
    if dropped.resources:
        graph = build((*resources, *dropped.resources), evaluated.components, graph.parts)
        more = [probe for probe in questions(dropped.resources) if probe not in answers]
        answers.update(zip(more, session.probe([p.to_json() for p in more]), strict=True))
    request = request_of(host, evaluated, identity, basics.machine_id, wishes.tags)
    request = attrs.evolve(
        request, graph=graph, record=record, owns=wishes.project is not None, drops=dropped
    )
    planned = _without_programs(host, plan_host(request, answers))
    return Observed(planned, request, identity, all_tags(evaluated))


def about_record(
    resources: tuple[Resource, ...], evaluated: Evaluated, wishes: Wishes
) -> dict[str, Any]:
    """What is asked of the record (`cfgdsl.runner.wire.RECORD`)."""
    declared = [[r.identity, applied_digest(r)] for r in resources] if wishes.project else []
    asked: dict[str, Any] = {"declared": declared}
    if wishes.project is not None:
        asked["project"] = wishes.project
    if evaluated.moved:
        asked["rename"] = dict(evaluated.moved)
    return asked


def _without_programs(host: Host[Any], planned: Planned) -> Planned:
    """A directory that stands for a host has no programs: the plan says so, not the run."""
    if host.root is None or posixpath.normpath(host.root) == "/":
        return planned
    problems = tuple(
        Diagnostic(
            summary=f"needs a whole system: this target is the directory {host.root}",
            address=step.address,
            origins=(step.origin,),
        )
        for step in planned.plan.steps
        if any(
            isinstance(op, Run) or (isinstance(op, Put) and op.validate) for op in step.ops or ()
        )
    )
    if not problems:
        return planned
    told = (*planned.plan.problems, *problems)
    return attrs.evolve(
        planned, plan=attrs.evolve(planned.plan, steps=(), barriers=(), problems=told)
    )


def all_tags(evaluated: Evaluated) -> frozenset[str]:
    """All that `--tags` may name on a host."""
    return frozenset(_tags(evaluated))


def _tags(evaluated: Evaluated) -> Iterator[str]:
    for resource in evaluated.graph.resources:
        yield from resource.tags
    for component in evaluated.components:
        yield component.partition(":")[2]


def request_of(
    host: Host[Any],
    evaluated: Evaluated,
    identity: Identity,
    machine_id: str | None,
    tags: frozenset[str],
) -> Request:
    """What a plan of `host` is made from, but for its record."""
    inside: Mapping[str, tuple[str, ...]] = evaluated.components
    position = evaluated.graph.position
    inside_tags = (i for tag in tags for i in inside.get(f"component:{tag}", ()))
    named = {position[i] for i in inside_tags if i in position}

    def selected(resource: Resource) -> bool:
        in_component = position.get(resource.identity) in named  # what is dropped is in none
        return not tags or in_component or not tags.isdisjoint(resource.tags)

    return Request(
        host=host.name,
        graph=evaluated.graph,
        components=inside,
        identity=identity,
        machine_id=machine_id,
        selected=selected,
    )
