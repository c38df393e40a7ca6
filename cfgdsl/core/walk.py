"""What is known of each node of the graph by the time that a walk over it gets there."""

from collections.abc import Iterable, Mapping
from typing import Any

from cfgdsl.core.barriers import Barriers
from cfgdsl.core.graph import Graph, with_awaits
from cfgdsl.core.probes import Answer, Probe
from cfgdsl.core.resource import Resource, is_absent
from cfgdsl.core.step import Step

NOTHING, ONLY_AGAIN, ANEW = range(3)
"""Whether a node may bring what nobody declares; `ONLY_AGAIN`: by a command that runs each time."""


class Walk:
    """The state of a walk: what each node brings about, and what it inherits from those before."""

    def __init__(self, graph: Graph, answers: Mapping[Probe, Answer]) -> None:
        self.base = answers
        missing = tuple(self._missing(graph))
        self.graph = with_awaits(graph, missing)
        self.awaiting = {index for index, _ in missing}
        self.predecessors = self.graph.predecessors()
        self.steps: list[Step] = []
        self.barriers = Barriers(self.steps)
        size = self.graph.size
        self.provided: list[frozenset[int]] = [frozenset()] * size
        """For each node, the steps after which it is as declared."""
        self.own: list[frozenset[int]] = [frozenset()] * size
        """For each node, its own steps: its change, and its refreshes."""
        self._changes: dict[int, frozenset[int]] = {}
        self.bringing = [NOTHING] * size
        """For each node, whether it may bring what nobody declares."""
        self.uncertain = [False] * size
        """Whether something unknown may have appeared on the host before it is applied."""
        self.broken = [False] * size
        """Whether it, or something that it waits for, cannot be planned."""

    def _missing(self, graph: Graph) -> Iterable[tuple[int, str]]:
        writer = {key: i for i, f in enumerate(graph.footprints) for key in (*f.makes, *f.writes)}
        for index, footprint in enumerate(graph.footprints):
            for key, probe in footprint.awaits:
                if writer.get(key, index) == index and self.base.get(probe) is None:
                    yield index, key
            if is_absent(graph.resources[index]):  # also when something else brings it anew
                yield from ((index, key) for key in footprint.writes if key.startswith("path:"))

    def inherited(self, node: int) -> frozenset[int]:
        """The steps to wait for, and what its predecessors say of what can be known."""
        sets: set[frozenset[int]] = set()
        for p in self.predecessors[node]:
            if self.provided[p]:
                sets.add(self.barriers.joined(self.provided[p]))
            if self.uncertain[p] or self._brings_something(p, node):
                self.uncertain[node] = True
            if self.broken[p]:
                self.broken[node] = True
        if len(sets) == 1:
            return next(iter(sets))  # shared: chains and fans stay linear in memory
        return frozenset().union(*sets)

    def brings(self, node: int) -> int:
        """What of `NOTHING`, `ONLY_AGAIN` and `ANEW` holds for a node, planned as it is."""
        if node >= len(self.graph.resources):
            return max(self.bringing[p] for p in self.predecessors[node])
        if not self.own[node] or not self.graph.footprints[node].brings:
            return NOTHING
        return ONLY_AGAIN if all(self.steps[i].always for i in self.own[node]) else ANEW

    def _brings_something(self, earlier: int, node: int) -> bool:
        """Whether what is absent now may be there after `earlier`, as far as `node` cares.

        A command that runs each time counts only for those who await something, or no plan that
        has one would ever be empty.
        """
        if self.bringing[earlier] == ONLY_AGAIN:
            return node in self.awaiting and not is_absent(self.graph.resources[node])
        return self.bringing[earlier] == ANEW

    def changes(self, value: Any, resource: Resource) -> frozenset[int]:
        """The steps that change what a reference of `resource` stands for."""
        nodes = self.graph.references.nodes(value, resource)
        return frozenset().union(*map(self._changes_of, nodes))

    def _changes_of(self, node: int) -> frozenset[int]:
        """The steps that change a node: those of a barrier, its members', are joined once."""
        if node < len(self.graph.resources):
            return frozenset(i for i in self.own[node] if not self.steps[i].always)
        if node not in self._changes:
            found = frozenset[int]().union(*map(self._changes_of, self.predecessors[node]))
            self._changes[node] = self.barriers.joined(found)
        return self._changes[node]
