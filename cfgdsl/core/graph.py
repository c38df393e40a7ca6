"""The graph of one target: which resource comes before which, and why.

Edges are *declared* (`after=`), *by reference* (an `Output` used as input), or *inferred* (one
writes a key that another reads). All through one dict of keys: linear in resources and edges.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.footprint import Footprint, parents
from cfgdsl.core.merge import merge_equal, needed_but_absent, writers_of
from cfgdsl.core.order import cycles_in, knots, reached_from, topological_order
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource, is_absent, outputs_in, references

EdgeKind = Literal["declared", "reference", "inferred"]


@attrs.frozen
class Edge:
    """`before` is applied before `after` (positions in the graph)."""

    before: int
    after: int
    kind: EdgeKind
    why: str
    """The key or the argument that makes the edge."""


@attrs.frozen
class Graph:
    """Resources of one target in declaration order, their edges, and an order respecting them."""

    resources: tuple[Resource, ...]
    edges: tuple[Edge, ...] = attrs.field(repr=False)
    order: tuple[int, ...] = attrs.field(repr=False)
    """Positions, so that each resource comes after those before it; else in declaration order."""
    position: Mapping[str, int] = attrs.field(repr=False)
    """By identity."""
    footprints: tuple[Footprint, ...] = attrs.field(repr=False)
    """By position: what `Resource.footprint` says, asked once."""

    def predecessors(self) -> list[list[int]]:
        """For each resource, what must come before it."""
        found: list[list[int]] = [[] for _ in self.resources]
        for edge in self.edges:
            found[edge.after].append(edge.before)
        return found

    def successors(self) -> list[list[int]]:
        """For each resource, what comes after it."""
        return _successors(len(self.resources), self.edges)


def build(resources: Iterable[Resource], components: Mapping[str, Sequence[str]]) -> Graph:
    """The graph of what one target should have.

    `components` maps each component to the identities inside. Raises `ConfigurationError` with
    every duplicate, conflict and unknown reference, or with every cycle; each names all lines
    involved.

    >>> build([], {}).order
    ()
    """
    unique, problems = merge_equal(resources)
    position = {resource.identity: index for index, resource in enumerate(unique)}
    footprints = tuple(resource.footprint() for resource in unique)
    writers, conflicts = writers_of(unique, footprints)
    problems += [*conflicts, *needed_but_absent(unique, footprints, writers)]
    edges: list[Edge] = []
    for index, resource in enumerate(unique):
        for argument, value in _references(resource):
            targets, unknown = resolve(value, position, components, resource)
            problems += unknown
            kind: EdgeKind = "reference" if isinstance(value, Output) else "declared"
            edges += [Edge(target, index, kind, argument) for target in targets if target != index]
            if targets == [index]:
                problems.append(_waits_for_itself(resource, argument))
    if problems:
        raise ConfigurationError(*problems)
    edges += _inferred(unique, footprints, writers)
    return _ordered(Graph(unique, tuple(edges), (), position, footprints))


def with_awaits(graph: Graph, missing: Iterable[tuple[int, str]]) -> Graph:
    """The graph with edges from resources that may bring something to those that need a key which
    neither exists nor is declared (`missing`: position and key).

    Whatever may itself come only after such a need is not waited for by others alike: two
    components that each await their folder and then run a command would wait for each other.
    """
    waiting: dict[int, str] = {}
    for index, key in missing:
        waiting.setdefault(index, key)
    if not waiting:
        return graph
    depth = _depths(graph, waiting)
    bringing = [index for index, footprint in enumerate(graph.footprints) if footprint.brings]
    known = {(edge.before, edge.after) for edge in graph.edges}
    extra = [
        Edge(source, index, "inferred", key)
        for index, key in waiting.items()
        for source in bringing
        if depth[source] < depth[index] and (source, index) not in known
    ]
    return _ordered(attrs.evolve(graph, edges=(*graph.edges, *extra))) if extra else graph


def resolve(
    value: Any,
    position: Mapping[str, int],
    components: Mapping[str, Sequence[str]],
    user: Resource,
) -> tuple[list[int], list[Diagnostic]]:
    """Positions that a reference of `user` stands for, and what is wrong with it."""
    if isinstance(value, Output):
        value = value.source
    identity = value if isinstance(value, str) else str(getattr(value, "identity", repr(value)))
    if identity in position:
        return [position[identity]], []
    if identity in components:
        return [position[i] for i in components[identity] if i in position], []
    return [], [
        Diagnostic(
            summary=f"refers to {identity}, which is not declared on this host",
            hint=_nearest(identity, [*position, *components]),
            address=user.identity,
            origins=(user.origin, *([value.origin] if isinstance(value, Resource) else [])),
        )
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else 'References look like "package:nginx".'


def _references(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Every (argument, referred thing) of a resource."""
    for name in ("after", "restart_on", "reload_on", "on_change"):
        for value in references(getattr(resource, name, None)):
            yield name, value
    yield from outputs_in(resource)


def _waits_for_itself(resource: Resource, argument: str) -> Diagnostic:
    return Diagnostic(
        summary=f"waits for itself by {argument}=",
        hint="Remove it there.",
        address=resource.identity,
        origins=(resource.origin,),
    )


def _inferred(
    resources: Sequence[Resource], footprints: Sequence[Footprint], writers: Mapping[str, int]
) -> Iterator[Edge]:
    """A writer comes before its readers; what removes a key comes after what uses it.

    Who reads a whole folder reads also what is no more in it, and so comes after removals too.
    """
    under = _writers_under(resources, footprints, writers)
    makers = _makers(footprints)
    for index, footprint in enumerate(footprints):
        seen = {index}
        for key in (*footprint.writes, *footprint.reads):
            maker = makers.get(key, index)
            if maker not in seen and not _needs(footprints[maker], key, writers):
                seen.add(maker)
                yield Edge(maker, index, "inferred", key)
        for key in footprint.reads_under:
            for writer in under[key]:
                if writer not in seen:
                    seen.add(writer)
                    yield Edge(writer, index, "inferred", key)
        for key in footprint.reads:
            writer = writers.get(key, index)
            if writer not in seen:
                seen.add(writer)
                gone = is_absent(resources[writer])
                ends = (index, writer) if gone else (writer, index)
                yield Edge(*ends, "inferred", key)


def _makers(footprints: Sequence[Footprint]) -> dict[str, int]:
    """For each key, who makes it on the way: the first that does, which is enough to wait for."""
    makers: dict[str, int] = {}
    for index, footprint in enumerate(footprints):
        for key in footprint.makes:
            makers.setdefault(key, index)
    return makers


def _needs(maker: Footprint, key: str, writers: Mapping[str, int]) -> bool:
    """Whether `maker` makes the key only where nobody writes it, and somebody does."""
    return key in writers and key in maker.reads


def _writers_under(
    resources: Sequence[Resource], footprints: Sequence[Footprint], writers: Mapping[str, int]
) -> dict[str, list[int]]:
    """For each folder that somebody reads as a whole: who writes it or something inside, or removes
    it with a folder above."""
    found: dict[str, list[int]] = {key: [] for f in footprints for key in f.reads_under}
    for folder, writing in found.items():
        above = (writers[key] for key in parents(folder.removeprefix("path:")) if key in writers)
        writing.extend(writer for writer in above if is_absent(resources[writer]))
    for index, footprint in enumerate(footprints) if found else ():
        for key in footprint.writes:
            kind, _, name = key.partition(":")
            for folder in (key, f"{kind}:", *(parents(name) if kind == "path" else ())):
                if folder in found:
                    found[folder].append(index)
    return found


def _depths(graph: Graph, waiting: Mapping[int, str]) -> list[int]:
    """For each resource, how many of `waiting` come one after the other up to it, itself included.

    Edges from lower to higher depth only can close no cycle.
    """
    depth = [0] * len(graph.resources)
    predecessors = graph.predecessors()
    for index in graph.order:
        above = max((depth[p] for p in predecessors[index]), default=0)
        depth[index] = above + (index in waiting)
    return depth


def _successors(size: int, edges: Iterable[Edge]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(size)]
    for edge in edges:
        found[edge.before].append(edge.after)
    return found


def _ordered(graph: Graph) -> Graph:
    """The graph with its order; raises `ConfigurationError` with every cycle."""
    size = len(graph.resources)
    edges = graph.edges
    order = topological_order(_successors(size, edges))
    if len(order) < size:
        edges = tuple(_without_contradicted(size, edges))
        order = topological_order(_successors(size, edges))
    if len(order) < size:
        cycles = cycles_in(_successors(size, edges))
        raise ConfigurationError(*(_cycle(cycle, graph.resources, edges) for cycle in cycles))
    return attrs.evolve(graph, edges=edges, order=tuple(order))


def _without_contradicted(size: int, edges: Sequence[Edge]) -> Iterator[Edge]:
    """Leave out an inferred edge exactly when declared edges lead the other way.

    Such an edge closes a cycle, so only edges inside a knot are looked at.
    """
    knot_of = {node: i for i, knot in enumerate(knots(_successors(size, edges))) for node in knot}
    backwards: list[list[int]] = [[] for _ in range(size)]
    for edge in edges:
        if edge.kind != "inferred":
            backwards[edge.after].append(edge.before)
    leading_to: dict[int, set[int]] = {}
    for edge in edges:
        inside = edge.before in knot_of and knot_of[edge.before] == knot_of.get(edge.after)
        if edge.kind == "inferred" and inside:
            if edge.before not in leading_to:
                leading_to[edge.before] = reached_from(backwards, edge.before)
            if edge.after in leading_to[edge.before]:
                continue
        yield edge


def _cycle(
    cycle: Sequence[int], resources: Sequence[Resource], edges: Sequence[Edge]
) -> Diagnostic:
    reasons: dict[tuple[int, int], Edge] = {}
    for edge in edges:
        reasons.setdefault((edge.before, edge.after), edge)  # declared edges stand first
    lines = []
    for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        edge = reasons[before, after]
        why = edge.why if edge.kind == "inferred" else f"{edge.why}="
        lines.append(
            f"{resources[before].identity} before {resources[after].identity} ({edge.kind}: {why})"
        )
    return Diagnostic(
        summary="these resources wait for each other in a cycle",
        detail="\n".join(lines),
        hint="Remove one of the declared edges.",
        origins=tuple(resources[index].origin for index in cycle),
    )
