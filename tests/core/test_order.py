"""Orders over adjacency lists, against what networkx and plain definitions say."""

from itertools import pairwise

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.core.order import cycles_in, knots, reached_from, shortest_path, topological_order


@st.composite
def adjacencies(draw: st.DrawFn, *, acyclic: bool = False) -> list[list[int]]:
    size = draw(st.integers(1, 12))
    nodes = st.integers(0, size - 1)
    pairs = draw(st.sets(st.tuples(nodes, nodes).filter(lambda p: p[0] != p[1]), max_size=30))
    rank = draw(st.permutations(range(size)))
    kept = [(a, b) for a, b in pairs if not acyclic or rank[a] < rank[b]]
    return [sorted(b for a, b in kept if a == node) for node in range(size)]


def digraph(successors: list[list[int]]) -> "nx.DiGraph[int]":
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(successors)))
    graph.add_edges_from((a, b) for a, targets in enumerate(successors) for b in targets)
    return graph


@given(adjacencies(acyclic=True))
def test_every_node_comes_after_those_before_it(successors: list[list[int]]) -> None:
    order = topological_order(successors)
    assert sorted(order) == list(range(len(successors)))
    place = {node: i for i, node in enumerate(order)}
    assert all(place[a] < place[b] for a, targets in enumerate(successors) for b in targets)


@given(adjacencies())
def test_only_cycles_and_what_they_lead_to_are_missing_from_the_order(
    successors: list[list[int]],
) -> None:
    missing = set(range(len(successors))) - set(topological_order(successors))
    tied = set().union(*knots(successors))
    assert missing == tied.union(*(reached_from(successors, node) for node in tied))


@given(adjacencies())
def test_each_knot_gives_one_cycle_from_its_lowest_node(successors: list[list[int]]) -> None:
    cycles = cycles_in(successors)
    assert len(cycles) == len(knots(successors))
    for cycle in cycles:
        assert len(cycle) == len(set(cycle)) > 1
        assert all(b in successors[a] for a, b in pairwise([*cycle, cycle[0]]))
        assert any(cycle[0] == min(knot) and knot.issuperset(cycle) for knot in knots(successors))


@given(adjacencies(), st.integers(0, 11), st.integers(0, 11))
def test_a_path_is_a_shortest_one(successors: list[list[int]], a: int, b: int) -> None:
    a, b = a % len(successors), b % len(successors)
    found = shortest_path(successors, a, b)
    graph = digraph(successors)
    if not nx.has_path(graph, a, b):
        assert found == []
    else:
        assert (found[0], found[-1]) == (a, b)
        assert all(y in successors[x] for x, y in pairwise(found))
        assert len(found) == len(nx.shortest_path(graph, a, b))
