"""A graph as text: each resource in the order of its application, and what it waits for."""

from collections.abc import Iterator, Mapping

import attrs

from cfgdsl.cli.render.groups import gathered, host_title
from cfgdsl.cli.text import Line, Span, counted, line, padded, width_of
from cfgdsl.cli.view import View
from cfgdsl.core.graph import Edge, Graph

_WIDEST = 48


@attrs.frozen
class Picture:
    """What is drawn of a graph; equal for hosts that have the same resources and edges."""

    nodes: tuple[tuple[str, str], ...]
    """Identity and source line, in the order of application."""
    edges: tuple[tuple[int, int, str], ...]
    """Positions in `nodes` of the first and the second, and why."""


def picture(graph: Graph, view: View) -> Picture:
    """A graph as it is drawn."""
    place = {position: number for number, position in enumerate(graph.order)}
    nodes = [(graph.resources[i].identity, view.where(graph.resources[i].origin)) for i in place]
    edges = {(place[e.before], place[e.after], reason(e)) for e in graph.edges}
    return Picture(tuple(nodes), tuple(sorted(edges)))


def reason(edge: Edge) -> str:
    """Why there is an edge: ``declared by after=``, ``inferred through path:/etc/nginx``."""
    if edge.kind == "declared":
        return f"declared by {edge.why}="
    if edge.kind == "reference":
        return f"its output is used as {edge.why}="
    return f"inferred through {edge.why}"


def pictures(graphs: Mapping[str, Graph], view: View) -> dict[tuple[str, ...], Picture]:
    """One picture for each set of hosts that have the same graph."""
    by_host = {name: [picture(graph, view)] for name, graph in graphs.items()}
    return {hosts: found[0] for hosts, found in gathered(by_host).items()}


def graph_lines(graphs: Mapping[str, Graph], view: View) -> Iterator[Line]:
    """Every graph as text."""
    for hosts, found in pictures(graphs, view).items():
        counts = f"{counted(len(found.nodes), 'resource')}, {counted(len(found.edges), 'edge')}"
        yield line(*host_title(hosts, view), Span(f"  {counts}", "dim"))
        yield from _listing(found)
        yield ()


def _listing(found: Picture) -> Iterator[Line]:
    waits: dict[int, list[tuple[int, str]]] = {}
    for before, after, why in found.edges:
        waits.setdefault(after, []).append((before, why))
    names = [identity for identity, _ in found.nodes]
    column = min(_WIDEST, max(map(width_of, names), default=0))
    for number, (identity, where) in enumerate(found.nodes):
        yield line("  ", padded(identity, column), Span(f"  {where}", "dim"))
        for before, why in waits.get(number, ()):
            yield line("    ", Span("after ", "dim"), names[before], Span(f"  {why}", "dim"))
