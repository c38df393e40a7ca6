"""Barriers of a plan: one id for many steps, where many steps wait for them.

The plan's counterpart of the barriers in `cfgdsl.core.edges`: a fan of n x m steps has n + m ids.
"""

from collections.abc import Iterable, Mapping, Sequence

from cfgdsl.core.edges import FEW
from cfgdsl.core.host_plan import Barrier
from cfgdsl.core.step import Step

MANY = 20
"""How many causes a step names; more would be a list that nobody reads."""


class Barriers:
    """The barriers of one plan, while it is made from `steps`, which grow meanwhile."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._made: dict[int, Barrier] = {}
        self._by_steps: dict[frozenset[int], frozenset[int]] = {}
        self._latest: dict[int, int] = {}
        self._possible: dict[int, bool] = {}
        self._first: dict[int, tuple[int, ...]] = {}

    def joined(self, ids: frozenset[int]) -> frozenset[int]:
        """What stands for the steps and barriers `ids`: one barrier where they are many."""
        if len(ids) <= FEW:
            return ids
        if ids not in self._by_steps:
            made = Barrier(id=-len(self._made) - 1, steps=tuple(sorted(ids)))
            self._latest[made.id] = max(map(self.latest, ids))
            self._possible[made.id] = all(map(self.is_possible, ids))
            self._first[made.id] = self.first(ids)
            self._made[made.id] = made
            self._by_steps[ids] = frozenset((made.id,))
        return self._by_steps[ids]

    def latest(self, step: int) -> int:
        """The last step that a step or barrier stands for."""
        return self._latest.get(step, step)

    def is_possible(self, step: int) -> bool:
        """Whether all that a step or barrier stands for may turn out to be unneeded."""
        return self._possible[step] if step < 0 else self._steps[step].possible

    def first(self, ids: Iterable[int]) -> tuple[int, ...]:
        """The first steps, `MANY` at most, that `ids` stand for."""
        found = {step for each in ids for step in self._first.get(each, (each,))}
        return tuple(sorted(found)[:MANY])

    def members(self, ids: Iterable[int]) -> frozenset[int]:
        """All steps that `ids` stand for."""
        return members_of(ids, self._made)

    @property
    def made(self) -> Mapping[int, Barrier]:
        """All that there are, by their numbers."""
        return self._made

    def used(self, steps: Iterable[Step]) -> tuple[Barrier, ...]:
        """The barriers that `steps` wait for, also through others."""
        todo = {i for step in steps for i in (*step.after, *step.triggers) if i < 0}
        found: dict[int, Barrier] = {}
        while todo:
            barrier = self._made[todo.pop()]
            found[barrier.id] = barrier
            todo.update(i for i in barrier.steps if i < 0 and i not in found)
        return tuple(found[i] for i in sorted(found, reverse=True))


def members_of(ids: Iterable[int], barriers: Mapping[int, Barrier]) -> frozenset[int]:
    """All steps that `ids`, steps and barriers, stand for.

    >>> sorted(members_of([7, -1], {-1: Barrier(id=-1, steps=(3, 4))}))
    [3, 4, 7]
    """
    todo, found = [*ids], set()
    while todo:
        each = todo.pop()
        if each < 0:
            todo += barriers[each].steps
        else:
            found.add(each)
    return frozenset(found)
