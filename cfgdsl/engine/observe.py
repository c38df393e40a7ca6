"""Observation: asks one host all that its plan needs, in one message, and makes the plan."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from cfgdsl.core.dropped import Drops, drops, within_limit
from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.facts import basic_facts
from cfgdsl.core.graph import build
from cfgdsl.core.host import Host
from cfgdsl.core.ops import Put, Run
from cfgdsl.core.plan import HostPlan
from cfgdsl.core.predict import Identity
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import Answer, Probe
from cfgdsl.core.record import HostRecord, applied_digest
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.core.resource import Resource
from cfgdsl.core.rollback import WayBack, changes_of, way_back
from cfgdsl.core.secret import Secret
from cfgdsl.engine.across import Links
from cfgdsl.engine.asking import ask, plan_asking
from cfgdsl.engine.evaluate import Evaluated
from cfgdsl.engine.unseal import needed_secrets
from cfgdsl.engine.values import Awaited, awaited_by
from cfgdsl.targets.session import Session


@attrs.frozen(kw_only=True)
class Wishes:
    """What a plan is to be about, besides what is declared."""

    project: str | None = None
    tags: frozenset[str] = frozenset()
    """Only these, if there are any."""
    allow_drops: int = 0
    """So many may be dropped at once, even if that looks like a mistake."""
    destroy: bool = False
    """Take away all that is owned."""
    undo: str | None = None
    """The run that is to be undone, instead of what is declared."""


@attrs.frozen
class Observed:
    """The plan of a host as it was found, as whom it was looked at, and all tags there are."""

    planned: Planned
    request: Request
    """What the plan was made from."""
    identity: Identity
    tags: frozenset[str]
    knows_run: bool = True
    """Whether the host remembers the run that is to be undone."""

    @property
    def awaited(self) -> frozenset[Awaited]:
        """The resources whose outputs its steps wait for."""
        return awaited_by(self.planned.resources.values())

    def secrets(self, host: Host[Any]) -> dict[Secret, Diagnostic]:
        """Every secret that executing the plan takes, and where it is first needed."""
        return needed_secrets([self.prepared(host)])

    def is_of(self, plan: HostPlan) -> bool:
        """Whether `plan` is the one that this is about."""
        return self.planned.plan is plan

    def prepared(self, host: Host[Any]) -> Prepared:
        """What executing the plan takes."""
        return Prepared(host, self.planned, self.identity, self.request)


def observe_host(
    host: Host[Any], session: Session, evaluated: Evaluated, wishes: Wishes, links: Links
) -> Observed:
    """The plan that brings `host` to what was evaluated for it, or back to before a run."""
    basics = basic_facts(session.basics)
    identity = Identity(basics.user, basics.group or basics.user)
    back = WayBack() if wishes.undo is None else _way_back(session, wishes, wishes.undo)
    found = links.across.found.get(host.name) or _found(session, evaluated, wishes, back)
    if host.name in links.across.waiting:
        links.across.found[host.name] = found  # a knot is planned several times
    graph, record = evaluated.graph, found.record
    if found.drops.resources or back.resources:
        declared = (*back.among(graph.resources), *found.drops.resources)
        graph = build(declared, evaluated.components, graph.parts, host=host.name)
    request = request_of(host, evaluated, identity, basics.machine_id, wishes.tags)
    if wishes.undo is not None:
        request = attrs.evolve(request, selected=back.concerns)
    request = attrs.evolve(
        request,
        graph=graph,
        asked=questions(evaluated.graph.resources),
        record=record,
        recorded_outputs=record.outputs,
        owns=wishes.project is not None and wishes.undo is None,
        drops=found.drops,
        foreign=links.across.foreign,
        prepare=links.prepare,
        exporting=links.across.exporting or links.is_outside,
        selected=(lambda _: False) if links.is_outside else request.selected,
    )
    ask(session, questions(graph.resources), found.answers)
    planned = _without_programs(host, plan_asking(session, request, found.answers))
    return Observed(planned, request, identity, all_tags(evaluated), knows_run=back.is_known)


def _way_back(session: Session, wishes: Wishes, run: str) -> WayBack:
    """What undoes a run, from what the host has kept of it; raises `TargetError`."""
    told = session.history(wishes.project, run)
    if run not in told["runs"]:
        return WayBack(is_known=False)
    try:
        return way_back(tuple(changes_of(told["entries"])), set(told["kept"]))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TargetError(
            Diagnostic(summary=f"what the record says of run {run} makes no sense: {error}")
        ) from None


@attrs.frozen
class _Found:
    """What a host has answered."""

    answers: dict[Probe, Answer]
    record: HostRecord
    drops: Drops


def _found(session: Session, evaluated: Evaluated, wishes: Wishes, back: WayBack) -> _Found:
    resources = evaluated.graph.resources
    asked = questions(resources)
    found, record = session.observe(
        [probe.to_json() for probe in asked], about_record(resources, evaluated, wishes)
    )
    answers = dict(zip(asked, found, strict=True))
    for left in record.left:
        answers.update(zip(left.probes, left.answers, strict=True))
    if wishes.undo is not None:
        return _Found(answers, record, back.drops(wishes.undo, resources))
    dropped = drops(record, resources) if wishes.project is not None else Drops()
    return _Found(answers, record, within_limit(dropped, record, wishes.allow_drops))


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


@attrs.frozen
class Selection:
    """Which resources `--tags` names; all, without any."""

    tags: frozenset[str]
    inside: frozenset[str]
    """The identities in the components of these names; what is dropped is in none."""

    def __call__(self, resource: Resource) -> bool:
        """Whether it may change."""
        named = resource.identity in self.inside or not self.tags.isdisjoint(resource.tags)
        return not self.tags or named


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
    selected = Selection(tags, frozenset(i for i, node in position.items() if node in named))
    return Request(
        host=host.name,
        graph=evaluated.graph,
        components=inside,
        identity=identity,
        machine_id=machine_id,
        selected=selected,
    )
