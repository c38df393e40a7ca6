"""A graph as text: each resource in the order of its application, and what it waits for."""

from collections.abc import Iterator, Mapping

import attrs

from cfgdsl.cli.render.groups import gathered, host_title
from cfgdsl.cli.text import Line, Span, counted, line, padded, width_of
from cfgdsl.cli.view import View
from cfgdsl.core.edges import Edge
from cfgdsl.core.foreign import ForeignEdge
from cfgdsl.core.graph import Graph

_WIDEST = 48


@attrs.frozen
class Node:
    """A resource, or many for which many wait: there a picture has a point where lines meet."""

    name: str
    """The identity; of a point what it stands for."""
    where: str
    """The source line."""
    is_point: bool = False


@attrs.frozen
class Picture:
    """What is drawn of a graph; equal for hosts that have the same resources and edges."""

    nodes: tuple[Node, ...]
    """First those of other hosts that something here waits for, then what the host has, in the
    order of application."""
    edges: tuple[tuple[int, int, str], ...]
    """Positions in `nodes` of the first and the second, and why."""
    others: int = 0
    """How many of the nodes are on other hosts."""


def picture(graph: Graph, view: View) -> Picture:
    """A graph as it is drawn."""
    others = dict.fromkeys(Node(e.address, view.where(e.origin)) for e in graph.foreign)
    there = {node.name: number for number, node in enumerate(others)}
    place = {node: number for number, node in enumerate(graph.walk, len(others))}
    here = [_node(graph, node, view) for node in graph.walk]
    edges = {(place[e.before], place[e.after], reason(e)) for e in graph.edges}
    edges |= {(there[e.address], place[e.after], reason(e)) for e in graph.foreign}
    return Picture((*others, *here), tuple(sorted(edges)), len(others))


def _node(graph: Graph, node: int, view: View) -> Node:
    if node < len(graph.resources):
        resource = graph.resources[node]
        return Node(resource.identity, view.where(resource.origin))
    return Node(graph.barriers[node - len(graph.resources)], "", is_point=True)


def reason(edge: Edge | ForeignEdge) -> str:
    """Why there is an edge: ``declared by after=``, ``inferred through path:/etc/nginx``."""
    if edge.kind == "declared":
        return f"declared by {edge.why}="
    if edge.kind == "reference":
        return f"its output is used as {edge.why}="
    return f"inferred through {edge.why}"


def pictures(graphs: Mapping[str, Graph], view: View) -> dict[tuple[str, ...], Picture]:
    """One picture for each set of hosts that have the same graph."""
    by_host = {name: [picture(graph, view)] for name, graph in graphs.items()}
    return {hosts: found[0] for hosts, found in gathered(by_host.items()).items()}


def graph_lines(graphs: Mapping[str, Graph], view: View) -> Iterator[Line]:
    """Every graph as text."""
    for hosts, found in pictures(graphs, view).items():
        own = found.nodes[found.others :]
        resources = sum(not node.is_point for node in own)
        counts = f"{counted(resources, 'resource')}, {counted(len(found.edges), 'edge')}"
        yield line(*host_title(hosts, view), Span(f"  {counts}", "dim"))
        yield from _listing(found)
        yield ()


def _listing(found: Picture) -> Iterator[Line]:
    waits: dict[int, list[tuple[int, str]]] = {}
    for before, after, why in found.edges:
        waits.setdefault(after, []).append((before, why))
    names = [node.name for node in found.nodes]
    column = min(_WIDEST, max(map(width_of, names[found.others :]), default=0))
    for number, node in enumerate(found.nodes[found.others :], found.others):
        yield line("  ", padded(node.name, column), Span(f"  {node.where}", "dim"))
        for before, why in waits.get(number, ()):
            word, reasons = ("", "") if node.is_point else ("after ", f"  {why}")
            yield line("    ", Span(word, "dim"), names[before], Span(reasons, "dim"))
