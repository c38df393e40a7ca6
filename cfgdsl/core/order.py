"""Orders over adjacency lists: each pass linear, nothing recursive, the same for the same input."""

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx

Adjacency = Sequence[Sequence[int]]
"""For each node, those that come after it."""


def topological_order(successors: Adjacency) -> list[int]:
    """Nodes so that each comes after those before it, the lowest number first; the nodes of cycles,
    and what only they lead to, are missing.

    >>> topological_order([[1], [], [0]])
    [2, 0, 1]
    """
    waiting = [0] * len(successors)
    for targets in successors:
        for target in targets:
            waiting[target] += 1
    ready = [node for node, count in enumerate(waiting) if count == 0]
    order = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for target in successors[node]:
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, target)
    return order


def reaches(successors: Adjacency, start: int, goal: int) -> bool:
    """Whether a path leads from `start` to `goal`.

    >>> reaches([[1], [2], []], 0, 2)
    True
    """
    seen = {start}
    stack = [start]
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        for target in successors[node]:
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return False


def shortest_path(successors: Adjacency, start: int, goal: int) -> list[int]:
    """The nodes of a shortest path, both ends included; empty when there is none.

    >>> shortest_path([[1, 2], [2], []], 0, 2)
    [0, 2]
    """
    import networkx

    try:
        return list(networkx.shortest_path(_digraph(successors), start, goal))
    except networkx.NetworkXNoPath:
        return []


def cycle_in(successors: Adjacency) -> list[int]:
    """The nodes of a short cycle, from its lowest on; empty without a cycle.

    >>> cycle_in([[1], [2], [0, 1]])
    [0, 1, 2]
    """
    import networkx

    digraph = _digraph(successors)
    for component in networkx.strongly_connected_components(digraph):
        if len(component) > 1:
            inside = digraph.subgraph(component)
            start = min(component)
            best = min(
                (networkx.shortest_path(inside, after, start) for after in inside[start]), key=len
            )
            return [start, *best[:-1]]
    return []


def _digraph(successors: Adjacency) -> "networkx.DiGraph[int]":
    """For what is asked rarely (cycles, paths): networkx, loaded then."""
    import networkx

    digraph: networkx.DiGraph[int] = networkx.DiGraph()
    digraph.add_nodes_from(range(len(successors)))
    digraph.add_edges_from((node, t) for node, ts in enumerate(successors) for t in ts)
    return digraph
