"""The graphs of several hosts as one: paths and cycles that none of them can see alone."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from cfgdsl.core.edges import Edge
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.foreign import ForeignEdge
from cfgdsl.core.graph import Graph, reason_of
from cfgdsl.core.order import cycles_in, topological_order
from cfgdsl.core.resource import Resource


@attrs.frozen
class Joined:
    """Resources of several hosts, numbered, and all edges between them."""

    graphs: Mapping[str, Graph] = attrs.field(repr=False)
    nodes: tuple[tuple[str, int], ...] = attrs.field(repr=False)
    """Host and position in its graph, by number."""
    edges: Mapping[tuple[int, int], Edge | ForeignEdge] = attrs.field(repr=False)
    """By the numbers of both ends; where there are several, the user's own word."""
    successors: Sequence[Sequence[int]] = attrs.field(repr=False)

    def is_resource(self, number: int) -> bool:
        """Whether it is one, and no barrier."""
        host, index = self.nodes[number]
        return index < len(self.graphs[host].resources)

    def resource(self, number: int) -> Resource:
        """The resource with a number."""
        host, index = self.nodes[number]
        return self.graphs[host].resources[index]

    def address(self, number: int) -> str:
        """Its host and identity."""
        return f"{self.nodes[number][0]}/{self.resource(number).identity}"

    def number(self, host: str, identity: str) -> int:
        """The number of a resource; raises `KeyError`."""
        return self.nodes.index((host, self.graphs[host].position[identity]))


def join(graphs: Mapping[str, Graph]) -> Joined:
    """The graphs of hosts, by name, as one.

    >>> join({}).nodes
    ()
    """
    start: dict[str, int] = {}
    nodes: list[tuple[str, int]] = []
    for host, graph in graphs.items():
        start[host] = len(nodes)
        nodes += [(host, index) for index in range(graph.size)]
    edges: dict[tuple[int, int], Edge | ForeignEdge] = {}
    for host, graph in graphs.items():
        for edge in graph.edges:
            edges.setdefault((start[host] + edge.before, start[host] + edge.after), edge)
        for across in graph.foreign:
            source = graphs.get(across.host)
            if source is not None and across.identity in source.position:
                before = start[across.host] + source.position[across.identity]
                edges.setdefault((before, start[host] + across.after), across)
    successors: list[list[int]] = [[] for _ in nodes]
    for before, after in edges:
        successors[before].append(after)
    return Joined(graphs, tuple(nodes), edges, successors)


def cycles_across(graphs: Mapping[str, Graph]) -> list[Diagnostic]:
    """A problem for each knot of resources of several hosts that wait for each other.

    >>> cycles_across({})
    []
    """
    joined = join(graphs)
    if len(topological_order(joined.successors)) == len(joined.nodes):
        return []
    return [_cycle(cycle, joined) for cycle in cycles_in(joined.successors)]


def _cycle(cycle: list[int], joined: Joined) -> Diagnostic:
    leading_to = {after: joined.edges[before, after] for before, after in _around(cycle)}
    named = [number for number in cycle if joined.is_resource(number)]
    lines = [
        f"{joined.address(before)} before {joined.address(after)} ({reason_of(leading_to[after])})"
        for before, after in _around(named)
    ]
    return Diagnostic(
        summary="these resources wait for each other in a cycle over several hosts",
        detail="\n".join(lines),
        hint="Remove one of the declared edges, or one of the outputs.",
        origins=tuple(joined.resource(number).origin for number in named),
    )


def _around(cycle: list[int]) -> Iterator[tuple[int, int]]:
    return pairwise([*cycle, cycle[0]])
