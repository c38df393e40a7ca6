"""Orders over adjacency lists: each pass linear, nothing recursive, the same for the same input."""

import heapq
from collections import deque
from collections.abc import Container, Sequence

Adjacency = Sequence[Sequence[int]]
"""For each node, those that come after it."""


def topological_order(successors: Adjacency, barriers: int | None = None) -> list[int]:
    """Nodes so that each comes after those before it, the lowest number first, but nodes from the
    number `barriers` on as soon as they can; the nodes of cycles, and what only they lead to, are
    missing.

    >>> topological_order([[1], [], [0]])
    [2, 0, 1]
    """
    size = len(successors)
    first = size if barriers is None else barriers
    waiting = [0] * size
    for targets in successors:
        for target in targets:
            waiting[target] += 1
    # Below zero what cannot wait; a remainder makes the number again.
    ready = [node if node < first else node - size for node in range(size) if waiting[node] == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        node = heapq.heappop(ready) % size
        order.append(node)
        for target in successors[node]:
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, target if target < first else target - size)
    return order


def reached_from(successors: Adjacency, start: int) -> set[int]:
    """Every node that a path from `start` leads to, `start` included.

    >>> reached_from([[1], [2], [], [0]], 0)
    {0, 1, 2}
    """
    seen = {start}
    stack = [start]
    while stack:
        for target in successors[stack.pop()]:
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return seen


def shortest_path(successors: Adjacency, start: int, goal: int) -> list[int]:
    """The nodes of a shortest path, both ends included; empty when there is none.

    >>> shortest_path([[1, 2], [2], []], 0, 2)
    [0, 2]
    """
    return [start] if start == goal else _shortest_walk(successors, start, goal)


def cycles_in(successors: Adjacency) -> list[list[int]]:
    """A short cycle, from its lowest node on, of each knot of nodes that wait for each other.

    >>> cycles_in([[1], [2], [0, 1], [4], [3]])
    [[0, 1, 2], [3, 4]]
    """
    cycles = []
    for knot in knots(successors):
        start = min(knot)
        cycles.append(_shortest_walk(successors, start, start, inside=knot)[:-1])
    return sorted(cycles)


def knots(successors: Adjacency) -> list[set[int]]:
    """The strongly connected components of more than one node: whatever takes part in a cycle.

    >>> knots([[1], [0], [1]])
    [{0, 1}]
    """
    import networkx as nx  # noqa: PLC0415 - slow to load, and only mistakes need it

    digraph: nx.DiGraph[int] = nx.DiGraph()
    digraph.add_edges_from((node, t) for node, targets in enumerate(successors) for t in targets)
    return [set(part) for part in nx.strongly_connected_components(digraph) if len(part) > 1]


def _shortest_walk(
    successors: Adjacency, start: int, goal: int, inside: Container[int] | None = None
) -> list[int]:
    """A shortest way of at least one edge, so that `start` may be `goal`."""
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in successors[node]:
            if target in came_from or (inside is not None and target not in inside):
                continue
            came_from[target] = node
            if target == goal:
                return _trail(came_from, start, goal)
            queue.append(target)
    return []


def _trail(came_from: dict[int, int], start: int, goal: int) -> list[int]:
    trail = [goal, came_from[goal]]
    while trail[-1] != start:
        trail.append(came_from[trail[-1]])
    return trail[::-1]


def in_rounds(
    order: Sequence[int], predecessors: Sequence[Sequence[int]], late: Sequence[bool]
) -> list[int]:
    """The same nodes, in another order that respects the edges: in each round first those that are
    not `late`, then all `late` ones that can come. So one thing that these share serves many.

    >>> in_rounds([0, 1, 2, 3], [[], [0], [], [2]], [False, True, False, True])
    [0, 2, 1, 3]
    """
    rounds = [0] * len(predecessors)
    for node in order:
        rounds[node] = max((rounds[p] + late[p] for p in predecessors[node]), default=0)
    return sorted(order, key=lambda node: (rounds[node], late[node]))
