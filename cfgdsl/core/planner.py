"""From a graph and a host's answers to that host's plan: one pure walk over the predicted world."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.decide import decide, digest_of, is_known
from cfgdsl.core.diff import UPDATE, Change, compare
from cfgdsl.core.errors import Diagnostic, ImpossibleError
from cfgdsl.core.graph import Graph, resolve, with_awaits
from cfgdsl.core.output import Output
from cfgdsl.core.plan import HostPlan, Skip, Step, reason_for
from cfgdsl.core.predict import Identity, World
from cfgdsl.core.probes import Answer, Answers, Probe, Query, Unknown, is_error
from cfgdsl.core.resource import Resource, state_fields
from cfgdsl.core.tasks import TaskSteps


@attrs.frozen(kw_only=True)
class Request:
    """What a host's plan is made from, besides its answers."""

    host: str
    graph: Graph
    components: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """The identities in each component."""
    identity: Identity = attrs.field(factory=Identity)
    machine_id: str | None = None
    selected: Callable[[Resource], bool] = lambda _: True
    """Which resources may change in this plan (`--tags`); others are left as they are."""


@attrs.frozen
class Planned:
    """A host's plan, and the resource behind each step for what is decided during the run."""

    plan: HostPlan
    resources: Mapping[int, Resource]


def questions(resources: Iterable[Resource]) -> tuple[Probe, ...]:
    """Every probe that planning `resources` needs, each once."""
    found: dict[Probe, None] = {}
    for resource in resources:
        found.update(dict.fromkeys(resource.probes()))
        found.update((probe, None) for _, probe in resource.footprint().awaits)
        if resource.only_if is not None:
            found[resource.only_if.probe] = None
    return tuple(found)


def plan_host(request: Request, answers: Mapping[Probe, Answer]) -> Planned:
    """The plan that brings a host from its `answers` to what is declared."""
    return _Planner(request, answers).run()


class _Planner:
    """One walk; its state is what the walk has seen so far."""

    def __init__(self, request: Request, answers: Mapping[Probe, Answer]) -> None:
        self.request = request
        self.base = answers
        self.world = World(answers, request.identity)
        self.graph = with_awaits(request.graph, self._missing(request.graph))
        self.predecessors = self.graph.predecessors()
        self.steps: list[Step] = []
        self.resources: dict[int, Resource] = {}
        self.skipped: list[Skip] = []
        self.problems: list[Diagnostic] = []
        self.unchanged = 0
        size = len(self.graph.resources)
        self.provided: list[frozenset[int]] = [frozenset()] * size
        """For each resource, the steps after which it is as declared."""
        self.own: list[frozenset[int]] = [frozenset()] * size
        """For each resource, its own steps: its change, and its refreshes."""
        self.uncertain = [False] * size
        """Whether something unknown may have appeared on the host before it is applied."""
        self.tasks = TaskSteps(self)
        self.component_of = {
            identity: name for name, inside in request.components.items() for identity in inside
        }

    def run(self) -> Planned:
        for index in self.graph.order:
            self._visit(index)
        steps = () if self.problems else tuple(self.steps)
        plan = HostPlan(
            host=self.request.host,
            machine_id=self.request.machine_id,
            steps=steps,
            unchanged=self.unchanged,
            skipped=tuple(self.skipped),
            problems=tuple(self.problems),
        )
        return Planned(plan, self.resources)

    def _missing(self, graph: Graph) -> Iterable[tuple[int, str]]:
        written = {key for r in graph.resources for key in r.footprint().writes}
        for index, resource in enumerate(graph.resources):
            for key, probe in resource.footprint().awaits:
                if key not in written and self.base.get(probe) is None:
                    yield index, key

    def _visit(self, index: int) -> None:
        resource = self.graph.resources[index]
        before = self._inherited(index)
        self.provided[index] = before
        if not self.request.selected(resource) or not self._condition_holds(resource):
            return
        try:
            self._plan(index, resource, before)
        except ImpossibleError as error:
            self._problem(resource, error.summary, error.hint)

    def _inherited(self, index: int) -> frozenset[int]:
        """The steps to wait for, and whether what is absent may have come by then."""
        sets = []
        for p in self.predecessors[index]:
            if self.provided[p] and self.provided[p] not in sets:
                sets.append(self.provided[p])
            brought = self.graph.resources[p].footprint().brings and self.provided[p]
            if self.uncertain[p] or brought:
                self.uncertain[index] = True
        return sets[0] if len(sets) == 1 else frozenset().union(*sets)

    def _condition_holds(self, resource: Resource) -> bool:
        condition = resource.only_if
        if condition is None:
            return True
        answer = self.world.answer(condition.probe)
        if isinstance(answer, Unknown):
            answer = self.base[condition.probe]
        if isinstance(answer, dict) and is_error(answer):
            self._problem(resource, f"only_if={condition} cannot be answered: {answer['error']}")
            return False
        if condition.holds(answer):
            return True
        self.skipped.append(
            Skip(identity=resource.identity, condition=str(condition), origin=resource.origin)
        )
        return False

    def _plan(self, index: int, resource: Resource, before: frozenset[int]) -> None:
        probes = resource.probes()
        answers = {p: self._answer(p, uncertain=self.uncertain[index]) for p in probes}
        for probe, answer in answers.items():
            if is_error(answer):
                what = getattr(probe, "path", None) or getattr(probe, "item", None) or probe.kind
                raise ImpossibleError(f"cannot look at {what}: {answer['error']}")
        known = all(map(is_known, answers.values())) and not _awaits_output(resource)
        change = self._compare(resource, answers, known=known)
        first = self.tasks.before(resource, change, before)
        if change.is_needed or not known:
            step = self._step(resource, change, before | first, answers, known=known)
            self.own[index] = self.provided[index] = frozenset((step.id,))
        later = self.tasks.after(resource, change, before, self.provided[index])
        self.own[index] |= later
        self.provided[index] |= later
        if not self.own[index]:
            self.unchanged += 1

    def _answer(self, probe: Probe, *, uncertain: bool) -> Answer | Unknown:
        answer = self.world.answer(probe)
        if answer is not None or not uncertain or not self.world.is_base(probe):
            return answer
        if isinstance(probe, Query) and probe.when is not None:
            if self._answer(probe.when, uncertain=True) is not None:
                return answer  # it was not asked, and will not be
        return Unknown("an earlier step may bring it")

    def _compare(
        self, resource: Resource, answers: Mapping[Probe, Any], *, known: bool
    ) -> Change[Resource]:
        """What differs; where an answer is unknown, seen from how the host is now."""
        if known:
            return compare(resource, resource.observe(Answers(answers)))
        now = {p: a if is_known(a) else self.base.get(p) for p, a in answers.items()}
        try:
            return compare(resource, resource.observe(Answers(now)))
        except ImpossibleError:
            return compare(resource, None)

    def _step(
        self,
        resource: Resource,
        change: Change[Resource],
        waits: frozenset[int],
        answers: Mapping[Probe, Any],
        *,
        known: bool,
    ) -> Step:
        ops, want = None, None
        if known:
            decision = decide(change, self.world, tuple(answers))
            ops, want = decision.ops, decision.want
        else:
            self._foresee(change, tuple(answers))
        return self.add_step(
            resource,
            action=change.action if change.is_needed else UPDATE,
            reason=reason_for(change.action, change.fields, resource.kind)
            if change.is_needed
            else "hangs on what an earlier step brings",
            fields=change.fields,
            probes=tuple(answers),
            ops=ops,
            before=digest_of(answers.values()) if known else None,
            want=want,
            after=tuple(sorted(waits)),
            possible=not change.is_needed,
            always=bool(getattr(resource, "always", False)),
        )

    def _foresee(self, change: Change[Resource], probes: tuple[Probe, ...]) -> None:
        """The world after an open step: as declared where that can be said, else unknown."""
        try:
            for op in change.desired.ops(change) if change.is_needed else ():
                self.world.apply(op)
        except ImpossibleError:
            names = {key.partition(":")[2] for key in change.desired.footprint().writes}
            self.world.blur(p for p in probes if not names.isdisjoint(_subjects(p)))

    def add_step(self, resource: Resource, **values: Any) -> Step:
        """Append a step that `resource` is behind."""
        identity = values.pop("identity", resource.identity)
        step = Step(
            id=len(self.steps),
            host=self.request.host,
            identity=identity,
            locks=resource.footprint().locks,
            retries=resource.retries,
            timeout=resource.timeout,
            origin=resource.origin,
            component=self.component_of.get(resource.identity, ""),
            tags=resource.tags,
            **values,
        )
        self.steps.append(step)
        self.resources[step.id] = resource
        self.tasks.note(step, resource)
        return step

    def positions(self, value: Any, resource: Resource) -> list[int]:
        """The resources that a reference of `resource` stands for."""
        return resolve(value, self.graph.position, self.request.components, resource)[0]

    def _problem(self, resource: Resource, summary: str, hint: str = "") -> None:
        self.problems.append(
            Diagnostic(
                summary=summary,
                hint=hint,
                address=f"{self.request.host}/{resource.identity}",
                origins=(resource.origin,),
            )
        )


def _awaits_output(resource: Resource) -> bool:
    return any(
        isinstance(getattr(resource, slot.name), Output) for slot in state_fields(type(resource))
    )


def _subjects(probe: Probe) -> tuple[str, ...]:
    return tuple(getattr(probe, name) for name in ("path", "name", "item") if hasattr(probe, name))
