"""The steps behind `Task`s: shared work before a step, refreshes owed after the changes of others."""

from typing import Any, Protocol

import attrs

from cfgdsl.core.diff import Change
from cfgdsl.core.footprint import parents
from cfgdsl.core.plan import Step
from cfgdsl.core.refresh import Task
from cfgdsl.core.resource import Resource


class Planning(Protocol):
    """What of the planner is needed here."""

    own: list[frozenset[int]]
    steps: list[Step]

    def add_step(self, resource: Resource, **values: Any) -> Step:
        """Append a step."""

    def positions(self, value: Any, resource: Resource) -> list[int]:
        """The resources that a reference stands for."""


class TaskSteps:
    """Finds which tasks are due, merges equal ones, and places them."""

    def __init__(self, planner: Planning) -> None:
        self._planner = planner
        self._by_key: dict[str, list[int]] = {}
        """Changing steps by each key they write, and by every folder above a path."""
        self._shared: dict[str, int] = {}

    def note(self, step: Step, resource: Resource) -> None:
        """Remember what a new step writes."""
        if step.refresh or step.always or "#" in step.identity:
            return
        for key in resource.footprint().writes:
            above = parents(key.removeprefix("path:")) if key.startswith("path:") else ()
            for each in (key, *above):
                self._by_key.setdefault(each, []).append(step.id)

    def before(
        self, resource: Resource, change: Change[Any], waits: frozenset[int]
    ) -> frozenset[int]:
        """Place what must happen before the step of `resource`; the steps to wait for."""
        found = set()
        for task in resource.tasks(change):
            if task.first:
                found |= self._place(task, resource, waits)
        return frozenset(found)

    def after(
        self, resource: Resource, change: Change[Any], waits: frozenset[int], own: frozenset[int]
    ) -> frozenset[int]:
        """Place what is owed after the step of `resource` and after its causes."""
        found: set[int] = set()
        for task in resource.tasks(change):
            if not task.first:
                found |= self._place(task, resource, waits | own | found)
        return frozenset(found)

    def _place(self, task: Task, resource: Resource, waits: frozenset[int]) -> set[int]:
        triggers = self._triggers(task, resource)
        conditional = bool(task.causes or task.cause_keys)
        if conditional and not triggers:
            return set()
        known = self._shared.get(task.name) if task.shared else None
        if known is not None and all(t < known for t in triggers):
            return {self._merge(known, triggers)}
        step = self._planner.add_step(
            resource,
            identity=_identity(task, resource),
            action=task.name.rpartition("-")[2] if task.shared else task.name,
            reason=self._reason(triggers),
            causes=self._chain(triggers),
            probes=task.proof,
            ops=task.ops,
            after=tuple(sorted(waits | triggers)),
            triggers=tuple(sorted(triggers)),
            refresh=bool(task.proof),
            possible=bool(triggers) and all(self._planner.steps[i].possible for i in triggers),
        )
        if task.shared:
            self._shared[task.name] = step.id
        return {step.id}

    def _merge(self, known: int, triggers: frozenset[int]) -> int:
        """A shared step that is placed already serves one more cause."""
        step = self._planner.steps[known]
        if step.triggers and triggers:
            self._planner.steps[known] = attrs.evolve(
                step,
                triggers=tuple(sorted({*step.triggers, *triggers})),
                after=tuple(sorted({*step.after, *triggers})),
            )
        return known

    def _triggers(self, task: Task, resource: Resource) -> frozenset[int]:
        found: set[int] = set()
        for cause in task.causes:
            for position in self._planner.positions(cause, resource):
                steps = self._planner.own[position]
                found |= {i for i in steps if not self._planner.steps[i].always}
        for key in task.cause_keys:
            found |= set(self._by_key.get(key, ()))
        return frozenset(found)

    def _reason(self, triggers: frozenset[int]) -> str:
        if not triggers:
            return "needed by the steps after it"
        names = [self._planner.steps[i].identity for i in sorted(triggers)]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{', '.join(names[:3])}{more} {'changes' if len(names) == 1 else 'change'}"

    def _chain(self, triggers: frozenset[int]) -> tuple[str, ...]:
        """The causes, and what caused these, nearest first."""
        chain: dict[str, None] = {}
        level = sorted(triggers)
        while level:
            chain.update((self._planner.steps[i].identity, None) for i in level)
            level = sorted({t for i in level for t in self._planner.steps[i].triggers})
        return tuple(chain)


def _identity(task: Task, resource: Resource) -> str:
    if task.shared:
        return f"task:{task.name}"
    if task.name == type(resource).creating:
        return resource.identity
    return f"{resource.identity}#{task.name}"
