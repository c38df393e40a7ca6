"""The steps behind `Task`s: shared work before a step, refreshes owed after changes of others."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from cfgdsl.core.barriers import MANY, Barriers
from cfgdsl.core.diff import DELETE, Change
from cfgdsl.core.footprint import Footprint, parents
from cfgdsl.core.ops import Run
from cfgdsl.core.plan import Step
from cfgdsl.core.predict import World
from cfgdsl.core.probes import Probe, Unknown
from cfgdsl.core.record import Owed
from cfgdsl.core.refresh import Task
from cfgdsl.core.resource import Resource


class Planning(Protocol):
    """What of the planner is needed here."""

    barriers: Barriers
    steps: list[Step]
    world: World

    @property
    def owed(self) -> Mapping[str, Owed]:
        """Refreshes that earlier runs owe, by the name of their step."""

    def add_step(self, resource: Resource, **values: Any) -> Step:
        """Append a step."""

    def footprint(self, resource: Resource) -> Footprint:
        """What a resource reads and writes."""

    def changes(self, value: Any, resource: Resource) -> frozenset[int]:
        """The steps that change what a reference stands for."""


class TaskSteps:
    """Finds which tasks are due, merges equal ones, and places them."""

    def __init__(self, planner: Planning) -> None:
        self._planner = planner
        self._by_key: dict[str, set[int]] = {}
        """Changing steps by each key they write, and by every folder above a path."""
        self._removed: dict[str, set[int]] = {}
        """Deleting steps by each key they write: all below a removed path changes too."""
        self._shared: dict[tuple[Any, ...], list[int]] = {}
        """The steps of each shared task, in order."""
        self._merged: dict[int, set[int]] = {}
        """The triggers of each shared step that serves several; empty: it is due without any."""

    def note(self, step: Step, resource: Resource) -> None:
        """Remember what the change of a resource writes; its tasks write nothing of it."""
        if step.identity != resource.identity or step.refresh or step.always:
            return
        for key in self._planner.footprint(resource).writes:
            above = parents(key.removeprefix("path:")) if key.startswith("path:") else ()
            for each in (key, *above):
                self._by_key.setdefault(each, set()).add(step.id)
            if step.action == DELETE:
                self._removed.setdefault(key, set()).add(step.id)

    def before(
        self, resource: Resource, change: Change[Any], waits: frozenset[int]
    ) -> tuple[frozenset[int], dict[Probe, Any]]:
        """Place what must happen before the step of `resource`; the steps to wait for, and what
        they make of the answers."""
        found: set[int] = set()
        effects: dict[Probe, Any] = {}
        for task in resource.tasks(change):
            placed = self._place(task, resource, waits) if task.first else None
            if placed is not None:
                found.add(placed)
                effects.update(self._effects(task, placed))
        return frozenset(found), effects

    def after(
        self, resource: Resource, change: Change[Any], waits: frozenset[int], own: frozenset[int]
    ) -> frozenset[int]:
        """Place what is owed after the step of `resource` and after its causes."""
        found: set[int] = set()
        for task in resource.tasks(change):
            placed = None if task.first else self._place(task, resource, waits | own | found)
            if placed is not None:
                found.add(placed)
                effects = tuple(self._effects(task, placed).items())
                self._planner.world.apply(Run((task.name,), effects=effects))
        return frozenset(found)

    def owes(self, resource: Resource, change: Change[Any]) -> bool:
        """Whether changes of others oblige `resource` to something after them."""
        return any(self._triggers(t, resource) for t in resource.tasks(change) if not t.first)

    def _effects(self, task: Task, placed: int) -> dict[Probe, Any]:
        """What a placed task makes of the answers; a possible one leaves that open."""
        told = {p: a for op in task.ops if isinstance(op, Run) for p, a in op.effects}
        if self._planner.steps[placed].possible:
            return dict.fromkeys(told, Unknown("an earlier step decides it"))
        return told

    def _place(self, task: Task, resource: Resource, waits: frozenset[int]) -> int | None:
        """The step of `task`, new or shared; None: it is not due."""
        triggers = self._triggers(task, resource)
        conditional = bool(task.causes or task.cause_keys)
        placed = self._shared.get(_sharing(task), []) if task.shared else []
        identity = _identity(task, resource, len(placed))
        owed = None if task.shared else self._planner.owed.get(identity)
        if conditional and not triggers and owed is None:
            return None
        # One that stands after all of these causes serves them too; an earlier one would have to
        # wait for what may itself wait for it.
        latest = self._planner.barriers.latest
        if placed and all(latest(trigger) < placed[-1] for trigger in triggers):
            return self._merge(placed[-1], triggers)
        step = self._planner.add_step(
            resource,
            identity=identity,
            action=task.name.rpartition("-")[2] if task.shared else task.name,
            probes=task.proof,
            ops=task.ops,
            after=tuple(sorted(waits | triggers)),
            refresh=bool(task.proof),
            debt=conditional and not task.shared,
            since=task.since,
            **self._because(triggers, owed, sure=task.sure),
        )
        if task.shared:
            self._shared.setdefault(_sharing(task), []).append(step.id)
        return step.id

    def _merge(self, known: int, triggers: frozenset[int]) -> int:
        """A shared step that is placed already serves one more cause; without any it is due."""
        step = self._planner.steps[known]
        if not step.triggers:
            return known
        merged = self._merged.setdefault(known, set(step.triggers))
        merged |= triggers
        if not triggers:
            self._name_causes(known, frozenset())
            del self._merged[known]
        elif step.possible and not all(map(self._planner.barriers.is_possible, triggers)):
            self._name_causes(known, frozenset(merged))
        return known

    def settle(self) -> None:
        """Let each shared step name all that it serves: at the end, or many would be quadratic."""
        for known, triggers in self._merged.items():
            self._name_causes(known, frozenset(triggers))

    def _name_causes(self, known: int, triggers: frozenset[int]) -> None:
        step = self._planner.steps[known]
        self._planner.steps[known] = attrs.evolve(
            step,
            after=tuple(sorted({*step.after, *self._merged[known]})),
            **self._because(triggers),
        )

    def _because(
        self, triggers: frozenset[int], owed: Owed | None = None, *, sure: bool = True
    ) -> dict[str, Any]:
        """What a step says of its causes; what is `owed` already is due whatever they do."""
        if owed is not None:
            return {
                "triggers": tuple(sorted(triggers)),
                "reason": f"owed since run {owed.run}: {_changed(owed.causes)}",
                "causes": (*self._chain(triggers), *owed.causes),
                "possible": False,
            }
        return {
            "triggers": tuple(sorted(triggers)),
            "reason": self._reason(triggers),
            "causes": self._chain(triggers),
            "possible": not sure
            or (bool(triggers) and all(map(self._planner.barriers.is_possible, triggers))),
        }

    def _triggers(self, task: Task, resource: Resource) -> frozenset[int]:
        found: set[int] = set()
        for cause in task.causes:
            found |= self._planner.changes(cause, resource)
        for key in task.cause_keys:
            found |= self._joined(self._by_key, key)
            for above in parents(key.removeprefix("path:")) if key.startswith("path:") else ():
                found |= self._joined(self._removed, above)
        return frozenset(found)

    def _joined(self, known: dict[str, set[int]], key: str) -> set[int]:
        """The steps of a key; from now on, where they are many, as one barrier."""
        if key not in known:
            return set()
        joined = self._planner.barriers.joined(frozenset(known[key]))
        known[key] = set(joined)
        return known[key]

    def _reason(self, triggers: frozenset[int]) -> str:
        if not triggers:
            return "needed by the steps after it"
        names = [self._planner.steps[i].identity for i in self._planner.barriers.first(triggers)]
        if min(triggers) < 0:
            return f"{', '.join(names[:3])} and more change"
        return f"{_listed(names, len(triggers))} {'changes' if len(triggers) == 1 else 'change'}"

    def _chain(self, triggers: frozenset[int]) -> tuple[str, ...]:
        """The causes, and what caused these, nearest first; of very many the first."""
        steps, first = self._planner.steps, self._planner.barriers.first
        seen: set[int] = set()
        chain: list[str] = []
        level = first(triggers)
        while level and len(chain) < MANY:
            chain += (steps[i].identity for i in level)
            seen.update(level)
            above = first({t for i in level for t in steps[i].triggers[:MANY]} - seen)
            level = tuple(i for i in above if i not in seen)
        return tuple(chain[:MANY])


def _listed(names: Sequence[str], count: int) -> str:
    more = f" and {count - 3} more" if count > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _changed(names: Sequence[str]) -> str:
    return f"{_listed(names, len(names))} changed"


def _sharing(task: Task) -> tuple[Any, ...]:
    """Shared tasks that are equal in these are one; their effects are of those who ask."""
    return (task.name, task.first)


def _identity(task: Task, resource: Resource, before: int) -> str:
    """`before`: how many of the same shared task are placed already."""
    if task.shared:
        return f"task:{task.name}#{before + 1}" if before else f"task:{task.name}"
    if task.name == type(resource).creating:
        return resource.identity
    return f"{resource.identity}#{task.name}"
