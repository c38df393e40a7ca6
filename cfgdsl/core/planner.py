"""From a graph and a host's answers to that host's plan: one pure walk over the predicted world."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.decide import decide, digest_of
from cfgdsl.core.diff import DELETE, UPDATE, Change
from cfgdsl.core.errors import Diagnostic, ImpossibleError
from cfgdsl.core.exchange import Exchange, Exports, refuse_unknown
from cfgdsl.core.expected import Expected
from cfgdsl.core.footprint import Footprint
from cfgdsl.core.inputs import outputs_in
from cfgdsl.core.ledger import Ledger
from cfgdsl.core.notes import notes_on
from cfgdsl.core.order import in_rounds
from cfgdsl.core.plan import HostPlan, Part, Skip, Step, reason_for
from cfgdsl.core.predict import World
from cfgdsl.core.probes import Answer, Probe, Run, Unknown, is_error, is_known
from cfgdsl.core.record import Owed
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.core.resource import Resource, contents_in, is_absent
from cfgdsl.core.secret import redact, secrets_in
from cfgdsl.core.taken import conflicts
from cfgdsl.core.tasks import TaskSteps
from cfgdsl.core.view import View, foresee, look, sealed_in
from cfgdsl.core.walk import ANEW, Walk


def plan_host(request: Request, answers: Mapping[Probe, Answer]) -> Planned:
    """The plan that brings a host from its `answers` to what is declared."""
    return _Planner(request, answers).run()


class _Planner(Walk):
    """One walk; its state is what the walk has seen so far."""

    def __init__(self, request: Request, answers: Mapping[Probe, Answer]) -> None:
        super().__init__(request.graph, answers)
        self.request = request
        self.world = World(answers, request.identity)
        self.resources: dict[int, Resource] = {}
        self.expected: dict[int, Expected] = {}
        self.skipped: list[Skip] = []
        self.notes: list[Diagnostic] = []
        self.problems: list[Diagnostic] = []
        self.unchanged = 0
        self.ledger = Ledger(request.record, request.drops, owns=request.owns)
        self.taken: dict[str, Resource] = {}
        """By key: what takes it away."""
        self.tasks = TaskSteps(self)
        self.host = request.host
        self.foreign = request.foreign
        self.prepare = request.prepare
        self.recorded = request.recorded_outputs
        self.exchange = Exchange(self, everything=request.exporting)
        self.unasked: dict[Probe, None] = {}
        self.component_of = {
            identity: name for name, inside in request.components.items() for identity in inside
        }

    def run(self) -> Planned:
        self.problems += self.ledger.conflicts(self.request.host, self.graph)
        shares = [type(r).tasks is not Resource.tasks for r in self.graph.resources]
        shares += [False] * len(self.graph.barriers)
        for node in in_rounds(self.graph.walk, self.predecessors, shares):
            self.provided[node] = self.inherited(node)
            self.exchange.inherit(node, self.predecessors[node])
            if node < len(self.graph.resources):
                self._visit(node)
            self.bringing[node] = self.brings(node)
        self.tasks.settle()
        if ANEW not in self.bringing:  # else another may bring what one takes away
            self.problems += self._conflicts()
        steps = () if self.problems else tuple(self.steps)
        plan = HostPlan(
            host=self.request.host,
            machine_id=self.request.machine_id,
            steps=steps,
            barriers=self.barriers.used(steps),
            unchanged=self.unchanged,
            skipped=tuple(self.skipped),
            notes=(*self.ledger.notes(self.request.host), *self.notes),
            problems=tuple(self.problems),
            adopt=self.ledger.adopt,
            forget=self.ledger.forget(self.graph.position, {s.identity for s in self.steps}),
            rename=self.ledger.rename,
            interrupted=bool(self.request.record.pending),
        )
        return Planned(
            plan,
            self.resources,
            expected=self.expected,
            graph=self.graph,
            export=Exports() if self.problems else self.exchange.exports(),
            unasked=tuple(self.unasked),
        )

    def _conflicts(self) -> Iterable[Diagnostic]:
        request = self.request
        for found in conflicts(self.taken, self.graph, self.base, request.identity):
            yield attrs.evolve(found, address=f"{request.host}/{found.address}")

    def _visit(self, index: int) -> None:
        resource = self.graph.resources[index]
        before = self.provided[index]
        if self.broken[index]:
            return
        if not self.request.selected(resource):
            self._refresh(index, resource, before)
            self.exchange.note(index, resource)
            return
        try:
            resource = self._with_values(resource)
            holds = self._condition_holds(index, resource)
            if holds is False:
                self._skip(resource)
            else:
                self._plan(index, resource, before, certain=holds is True)
            if holds is not None:
                self.exchange.note(index, resource)
        except ImpossibleError as error:
            if not self.ledger.keep(resource, error.summary):
                self.broken[index] = True
                self._problem(resource, error)

    def _with_values(self, resource: Resource) -> Resource:
        """The resource with the outputs that are known; they may bring new questions."""
        filled = self.exchange.fill(resource)
        if filled is not resource:
            self.unasked.update((p, None) for p in questions([filled]) if p not in self.base)
        return filled

    def _condition_holds(self, index: int, resource: Resource) -> bool | None:
        """Whether the condition is true; None: only the run can tell."""
        condition = resource.only_if
        if condition is None:
            return True
        uncertain = self.uncertain[index]
        answer = foresee(condition.probe, self.world, uncertain=uncertain)
        if not is_known(answer) or (uncertain and isinstance(condition.probe, Run)):
            return None
        if is_error(answer):
            raise ImpossibleError(f"only_if={condition} cannot be answered: {answer['error']}")
        return condition.holds(answer)

    def _skip(self, resource: Resource) -> None:
        self.skipped.append(
            Skip(
                identity=resource.identity,
                condition=str(resource.only_if),
                origin=resource.origin,
            )
        )

    def _plan(
        self, index: int, resource: Resource, before: frozenset[int], *, certain: bool
    ) -> None:
        self.world.tell({})
        view = look(resource, self.world, self.base, uncertain=self.uncertain[index])
        changes = [view.change]
        first, effects = self.tasks.before(resource, view.change, before)
        if effects:
            self.world.tell(effects)
            view = look(resource, self.world, self.base, uncertain=self.uncertain[index])
            changes.append(view.change)
        if view.change.is_needed or not view.known:
            step = self._step(resource, view, before | first, certain=certain)
            self.own[index] = self.provided[index] = frozenset((step.id,))
            self.exchange.pass_gates(index)
        else:
            self.ledger.unchanged(resource)
        if is_absent(resource) and view.change.is_needed:
            self.taken.update(dict.fromkeys(resource.takes(view.change), resource))
        later = self.tasks.after(resource, view.change, before | first, self.provided[index])
        self.own[index] |= later
        self.provided[index] |= later
        self.ledger.planned.add(resource.identity)
        if self.own[index]:
            self.notes += notes_on(resource, changes, self.request.host)
        elif resource.identity not in self.request.drops.actions:
            self.unchanged += 1

    def _refresh(self, index: int, resource: Resource, before: frozenset[int]) -> None:
        """Of what is not selected: what it owes to selected changes, or a daemon would go on with
        what it read before. Whatever cannot be said of it is not asked here."""
        if type(resource).tasks is Resource.tasks:
            return
        self.world.tell({})
        try:
            if self._condition_holds(index, resource) is False:
                return
            change = look(resource, self.world, self.base, uncertain=self.uncertain[index]).change
            if self.tasks.owes(resource, change):
                first, _ = self.tasks.before(resource, change, before)
                self.own[index] = self.tasks.after(resource, change, before | first, frozenset())
                self.provided[index] |= self.own[index]
                self.notes += notes_on(resource, [change], self.request.host)
        except ImpossibleError:
            return

    def _step(
        self, resource: Resource, view: View, waits: frozenset[int], *, certain: bool
    ) -> Step:
        change = view.change
        closed = view.known and certain and not self._awaits(resource)
        probes = tuple(view.answers) if closed else tuple(dict.fromkeys(resource.probes()))
        ops, want, before = None, None, None
        if closed:
            decision = decide(change, self.world, probes)
            ops, want, before = decision.ops, decision.want, digest_of(view.answers.values())
            found = Expected.of(view.answers.values(), decision.answers)
            self.expected[len(self.steps)] = found
        else:
            self._foresee(change, probes)
            self._note_secrets(resource)
        if not certain and resource.only_if is not None:
            probes = tuple(dict.fromkeys((*probes, resource.only_if.probe)))
        self.ledger.refuse_protected(resource, change)
        dropped = self.request.drops.actions.get(resource.identity)
        action = change.action if change.is_needed else DELETE if is_absent(resource) else UPDATE
        return self.add_step(
            change.desired if closed else resource,  # an open one is refined anew in the run
            action=dropped or action,
            reason=self.request.drops.reason if dropped else _reason(resource, view),
            corrective=self.ledger.is_corrective(resource),
            record=self.ledger.note(resource, change) if closed else None,
            release=dropped is not None,
            fields=change.fields,
            probes=probes,
            ops=ops,
            before=before,
            want=want,
            after=tuple(sorted(waits)),
            possible=not (certain and view.is_promised),
            always=_is_always(resource),
        )

    def _note_secrets(self, resource: Resource) -> None:
        """Say which secrets were not available; the plan works without."""
        for content in sealed_in(resource):
            names = ", ".join(redact(str(s)) for s in secrets_in(content.shown or ""))
            self.notes.append(
                Diagnostic(
                    summary="holds a secret that is not available now",
                    detail=f"It is compared during the run, which needs it: {names}.",
                    address=f"{self.request.host}/{resource.identity}",
                    origins=(resource.origin,),
                )
            )

    def _awaits(self, resource: Resource) -> bool:
        """Whether what it needs neither is there nor is declared, but may come before it."""
        index = self.graph.position[resource.identity]
        waits = index in self.awaiting and self.uncertain[index]
        return waits and not is_absent(resource)

    def _foresee(self, change: Change[Resource], probes: tuple[Probe, ...]) -> None:
        """The world after an open step: as declared where that can be said, else unknown."""
        try:
            awaited = next(outputs_in(change.desired), None) is not None or any(
                isinstance(c.after, Unknown) for c in change.fields
            )
            for op in change.desired.ops(change) if change.is_needed and not awaited else ():
                self.world.apply(op)
        except ImpossibleError:
            awaited = True
        if awaited:
            names = {key.partition(":")[2] for key in self.footprint(change.desired).writes}
            self.world.blur(p for p in probes if not names.isdisjoint(_subjects(p)))

    def add_step(self, resource: Resource, **values: Any) -> Step:
        """Append a step that `resource` is behind."""
        refuse_unknown(resource, values.get("ops"))
        identity = values.pop("identity", resource.identity)
        parts = self.graph.parts.get(identity, ())
        named = (resource.identity, *(part.identity for part in parts))
        step = Step(
            id=len(self.steps),
            host=self.request.host,
            identity=identity,
            locks=self.footprint(resource).locks,
            gates=self._gates(identity, resource),
            retries=resource.retries,
            timeout=resource.timeout,
            secret=any(content.secret for content in contents_in(resource)),
            origin=resource.origin,
            component=next((c for i in named if (c := self.component_of.get(i))), ""),
            parts=tuple(Part(part.identity, part.origin) for part in parts),
            tags=resource.tags,
            **values,
        )
        self.steps.append(step)
        self.resources[step.id] = resource
        self.tasks.note(step, resource)
        return step

    @property
    def owed(self) -> Mapping[str, Owed]:
        """Refreshes that earlier runs owe, and nothing has paid since."""
        return self.ledger.owed

    def _gates(self, identity: str, resource: Resource) -> tuple[str, ...]:
        """The gates of a step; work that is shared waits for nobody's."""
        if not self.graph.foreign or not identity.startswith(resource.identity):
            return ()
        return tuple(sorted(self.exchange.gates[self.graph.position[resource.identity]]))

    def footprint(self, resource: Resource) -> Footprint:
        """What `resource` reads and writes, as the graph has it."""
        return self.graph.footprints[self.graph.position[resource.identity]]

    def _problem(self, resource: Resource, error: ImpossibleError) -> None:
        heir = self.request.drops.displaced.get(resource.identity)
        why = "" if heir is None else f"is in the way of {heir.identity}, and cannot go: "
        lines = (resource.origin,) if heir is None else (resource.origin, heir.origin)
        self.problems.append(
            Diagnostic(
                summary=f"{why}{error.summary}",
                hint=error.hint,
                address=f"{self.request.host}/{resource.identity}",
                origins=error.origins or lines,
            )
        )


def _reason(resource: Resource, view: View) -> str:
    """Why a resource has a step, in words."""
    change = view.change
    if not change.is_needed:
        return "hangs on what an earlier step brings"
    if not view.is_promised and sealed_in(resource):
        return "hangs on a secret that is not available now"
    own = change.desired.reason(change)
    if own:
        return own
    always = _is_always(resource)
    return reason_for(change.action, change.fields, change.desired.kind, always=always)


def _is_always(resource: Resource) -> bool:
    """Whether it changes something each time; most types have no such field."""
    return bool(resource.__dict__.get("always", False))


def _subjects(probe: Probe) -> tuple[str, ...]:
    return tuple(getattr(probe, name) for name in ("path", "name", "item") if hasattr(probe, name))
