"""Why one resource comes before another: the shortest way between them, edge by edge."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import attrs

from cfgdsl.cli.render.graph import reason
from cfgdsl.cli.render.groups import gathered, host_title
from cfgdsl.cli.text import Line, Span, line, padded, width_of
from cfgdsl.cli.view import View
from cfgdsl.core.edges import Edge
from cfgdsl.core.graph import Graph
from cfgdsl.core.joined import Joined
from cfgdsl.core.order import shortest_path


@attrs.frozen
class Explanation:
    """The way from one resource to another on one host; no edges: neither waits for the other."""

    first: str
    second: str
    reversed: bool = False
    """The way leads from the second one to the first one."""
    way: tuple[tuple[str, str, str, str], ...] = ()
    """Identity, its source line, and kind and reason of the edge to the next."""
    together: str = ""
    """The file that both are parts of."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON value."""
        names = ("identity", "origin", "kind", "why")
        return {
            "ordered": bool(self.way),
            "together": self.together or None,
            "first": self.second if self.reversed else self.first,
            "second": self.first if self.reversed else self.second,
            "way": [dict(zip(names, each, strict=True)) for each in self.way],
        }


def explain(graph: Graph, first: str, second: str, view: View) -> Explanation:
    """Why `first` comes before `second` (identities), or the reverse."""
    successors = graph.successors()
    a, b = graph.position[first], graph.position[second]
    if a == b and first != second:
        return Explanation(first, second, together=graph.resources[a].identity)
    for start, end, turned in ((a, b, False), (b, a, True)):
        nodes = shortest_path(successors, start, end)
        if nodes:
            return Explanation(first, second, turned, tuple(_way(graph, nodes, view)))
    return Explanation(first, second)


def explain_across(joined: Joined, first: int, second: int, view: View) -> Explanation:
    """Why one resource comes before one of another host (their numbers), or the reverse."""
    a, b = joined.address(first), joined.address(second)
    for start, end, turned in ((first, second, False), (second, first, True)):
        nodes = shortest_path(joined.successors, start, end)
        if nodes:
            way = []
            leading_to = {after: joined.edges[before, after] for before, after in pairwise(nodes)}
            named = [number for number in nodes if joined.is_resource(number)]
            for number, following in zip(named, [*named[1:], None], strict=True):
                edge = None if following is None else leading_to[following]
                kind, why = ("", "") if edge is None else (edge.kind, reason(edge))
                where = view.where(joined.resource(number).origin)
                way.append((joined.address(number), where, kind, why))
            return Explanation(a, b, turned, tuple(way))
    return Explanation(a, b)


def _way(graph: Graph, nodes: list[int], view: View) -> Iterator[tuple[str, str, str, str]]:
    rank = {"declared": 0, "reference": 1, "inferred": 2}
    edges: dict[tuple[int, int], Edge] = {}
    for edge in sorted(graph.edges, key=lambda e: -rank[e.kind]):
        edges[edge.before, edge.after] = edge  # the user's own word for it wins
    leading_to = {after: edges[before, after] for before, after in pairwise(nodes)}
    named = [node for node in nodes if node < len(graph.resources)]  # a barrier is no stop
    for node, following in zip(named, [*named[1:], None], strict=True):
        resource = graph.resources[node]
        kind, why = ("", "") if following is None else _named(leading_to[following])
        yield resource.identity, view.where(resource.origin), kind, why


def _named(edge: Edge) -> tuple[str, str]:
    return edge.kind, reason(edge)


def why_lines(explanations: Mapping[str, Explanation], view: View) -> Iterator[Line]:
    """The explanations, hosts with the same one together."""
    groups = gathered((host, [found]) for host, found in explanations.items())
    for hosts, (found, *_) in groups.items():
        yield host_title(hosts, view)
        yield from _explanation(found)
        yield ()


def _explanation(found: Explanation) -> Iterator[Line]:
    first, second = found.first, found.second
    if found.together:
        yield line(f"  {first} and {second} are one write of {found.together}.")
        return
    if not found.way:
        yield line(f"  Neither of {first} and {second} waits for the other.")
        return
    if found.reversed:
        first, second = second, first
    turned = " (the other way round)" if found.reversed else ""
    yield line(f"  {first} comes before {second}{turned}:")
    column = max(width_of(identity) for identity, *_ in found.way)
    for number, (identity, where, kind, why) in enumerate(found.way):
        arrow = "→ " if number else "  "
        yield line("  ", arrow, padded(identity, column), Span(f"  {where}", "dim"))
        if kind:
            yield line("      ", Span(why, "dim"))
