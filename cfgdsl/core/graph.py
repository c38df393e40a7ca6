"""The graph of one target: which resource comes before which, and why.

Edges are *declared* (`after=`), *by reference* (an `Output` used as input), or *inferred* (one
writes a key that another reads). All through one dict of keys: linear in resources and edges.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.edges import Edge, Edges, References
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.fold import FoldedResources, fold
from cfgdsl.core.footprint import Footprint, parents
from cfgdsl.core.foreign import ForeignEdge, foreign_edge, not_across_hosts, other_host
from cfgdsl.core.inputs import outputs_in
from cfgdsl.core.merge import merge_equal, needed_but_absent, writers_of
from cfgdsl.core.order import cycles_in, knots, reached_from, topological_order
from cfgdsl.core.output import Output
from cfgdsl.core.references import references
from cfgdsl.core.resource import Resource, is_absent
from cfgdsl.core.slots import REFERENCES


@attrs.frozen
class Graph:
    """Resources of one target in declaration order, their edges, and an order respecting them.

    Its nodes are the positions of the resources and, from there on, those of the barriers.
    """

    resources: tuple[Resource, ...]
    edges: tuple[Edge, ...] = attrs.field(repr=False)
    walk: tuple[int, ...] = attrs.field(repr=False)
    """All nodes, so that each comes after those before it; else in declaration order."""
    position: Mapping[str, int] = attrs.field(repr=False)
    """By identity; also of what was folded into another resource."""
    footprints: tuple[Footprint, ...] = attrs.field(repr=False)
    """By position: what `Resource.footprint` says, asked once."""
    references: References = attrs.field(repr=False, eq=False)
    """What references stand for."""
    barriers: tuple[str, ...] = ()
    """What each barrier stands for, in words: ``all in component:web``."""
    parts: Mapping[str, tuple[Resource, ...]] = attrs.field(factory=dict, repr=False)
    """By identity of a file that edits were folded into: what was declared of it, in order."""
    foreign: tuple[ForeignEdge, ...] = attrs.field(default=(), repr=False)
    """What its resources wait for on other hosts."""

    @property
    def size(self) -> int:
        """How many nodes there are."""
        return len(self.resources) + len(self.barriers)

    @property
    def order(self) -> tuple[int, ...]:
        """The positions of the resources in the order of `walk`."""
        return tuple(node for node in self.walk if node < len(self.resources))

    def predecessors(self) -> list[list[int]]:
        """For each node, what must come before it."""
        found: list[list[int]] = [[] for _ in range(self.size)]
        for edge in self.edges:
            found[edge.after].append(edge.before)
        return found

    def successors(self) -> list[list[int]]:
        """For each node, what comes after it."""
        return _successors(self.size, self.edges)


def build(
    resources: Iterable[Resource],
    components: Mapping[str, Sequence[str]],
    parts: Mapping[str, tuple[Resource, ...]] | None = None,
    *,
    host: str | None = None,
) -> Graph:
    """The graph of what one target, called `host`, should have.

    `components` maps each component to the identities inside. `parts`: those of a graph whose
    resources come again, folded already, or others in their places. Raises `ConfigurationError`
    with every duplicate, conflict and unknown reference, or with every cycle; each names all lines
    involved.

    >>> build([], {}).order
    ()
    """
    different, problems = merge_equal(resources)
    folded = fold(different, components) if parts is None else FoldedResources(different, parts)
    unique = folded.resources
    problems += folded.problems
    position = {resource.identity: index for index, resource in enumerate(unique)}
    for identity, inside in folded.parts.items():
        position |= {part.identity: position[identity] for part in inside}
    footprints = tuple(resource.footprint() for resource in unique)
    writers, conflicts = writers_of(unique, footprints)
    problems += [*conflicts, *needed_but_absent(unique, footprints, writers)]
    edges = Edges(len(unique))
    known = References(position, components)
    foreign: dict[ForeignEdge, None] = {}
    for index, resource in enumerate(unique):
        for user in folded.parts.get(resource.identity, (resource,)):
            for argument, value in _references(user):
                other = other_host(value, host)
                if other is None:
                    if user is resource or not known.is_within(value, user):
                        problems += known.wire(value, user, edges, argument)
                elif wrong := not_across_hosts(argument, value, other, user):
                    problems += wrong
                else:
                    foreign[foreign_edge(argument, value, other, index)] = None
    if problems:
        raise ConfigurationError(*problems)
    _infer(edges, unique, footprints, writers)
    _infer_edits(edges, footprints, writers)
    across = tuple(foreign)
    graph = Graph(unique, (), (), position, footprints, known, parts=folded.parts, foreign=across)
    return _ordered(graph, edges)


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
    bringing: dict[int, list[int]] = {}
    for index, footprint in enumerate(graph.footprints):
        if footprint.brings:
            bringing.setdefault(depth[index], []).append(index)
    edges = Edges(len(graph.resources), graph.barriers)
    known = {(edge.before, edge.after) for edge in graph.edges}
    sources: Collection[int] = ()
    level = 0
    for index in sorted(waiting, key=lambda index: depth[index]):
        more = [source for d in range(level, depth[index]) for source in bringing.get(d, ())]
        sources = edges.joined((*sources, *more), "inferred", "all that may bring something")
        level = depth[index]
        fresh = [source for source in sources if (source, index) not in known]
        edges.add(fresh, index, "inferred", waiting[index])
    return _ordered(graph, edges) if edges.found else graph


def _references(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Every (argument, referred thing) of a resource."""
    for name in REFERENCES:
        for value in references(resource.__dict__.get(name)):
            if isinstance(value, Output):
                yield from ((name, source) for source in value.sources)
            else:
                yield name, value
    for name, output in outputs_in(resource):
        yield from ((name, source) for source in output.sources)


def _infer(
    edges: Edges,
    resources: Sequence[Resource],
    footprints: Sequence[Footprint],
    writers: Mapping[str, int],
) -> None:
    """A writer comes before its readers; what removes a key comes after what uses it.

    Who reads a whole folder reads also what is no more in it, and so comes after removals too.
    """
    under = _writers_under(resources, footprints, writers)
    joined = {key: edges.joined(w, "inferred", f"all in {key}") for key, w in under.items()}
    makers = _makers(footprints)
    for index, footprint in enumerate(footprints):
        seen = {index}
        for key in (*footprint.writes, *footprint.reads) if makers else ():
            maker = makers.get(key, index)
            if maker not in seen and not _needs(footprints[maker], footprint, key, writers):
                seen.add(maker)
                edges.add((maker,), index, "inferred", key)
        for key in footprint.reads_under:
            nodes = under[key] if index in under[key] else joined[key]
            edges.add((node for node in nodes if node not in seen), index, "inferred", key)
            seen.update(nodes)
        for key in footprint.reads:
            writer = writers.get(key, index)
            if writer not in seen and not any(writer in under[k] for k in footprint.reads_under):
                seen.add(writer)
                gone = is_absent(resources[writer])
                ends = (index, writer) if gone else (writer, index)
                edges.add(ends[:1], ends[1], "inferred", key)


def _infer_edits(edges: Edges, footprints: Sequence[Footprint], writers: Mapping[str, int]) -> None:
    """What makes a key comes before what edits it, which is the writer then."""
    for index, footprint in enumerate(footprints):
        for key in footprint.writes:
            if writers[key] != index:
                edges.add((index,), writers[key], "inferred", key)


def _makers(footprints: Sequence[Footprint]) -> dict[str, int]:
    """For each key, who makes it on the way: the first that does, which is enough to wait for."""
    makers: dict[str, int] = {}
    for index, footprint in enumerate(footprints):
        for key in footprint.makes:
            makers.setdefault(key, index)
    return makers


def _needs(maker: Footprint, other: Footprint, key: str, writers: Mapping[str, int]) -> bool:
    """Whether `maker` makes the key only where nobody writes it, and somebody does; or waits for
    what the other writes anyway."""
    return key in maker.reads and (key in writers or any(k in maker.reads for k in other.writes))


def _writers_under(
    resources: Sequence[Resource], footprints: Sequence[Footprint], writers: Mapping[str, int]
) -> dict[str, dict[int, None]]:
    """For each folder that somebody reads as a whole: who writes it or something inside, or removes
    it with a folder above."""
    found: dict[str, dict[int, None]] = {key: {} for f in footprints for key in f.reads_under}
    for folder, writing in found.items():
        above = (writers[key] for key in parents(folder.removeprefix("path:")) if key in writers)
        writing.update((writer, None) for writer in above if is_absent(resources[writer]))
    for index, footprint in enumerate(footprints) if found else ():
        for key in footprint.writes:
            kind, _, name = key.partition(":")
            for folder in (key, f"{kind}:", *(parents(name) if kind == "path" else ())):
                if folder in found:
                    found[folder][index] = None
    return found


def _depths(graph: Graph, waiting: Mapping[int, str]) -> list[int]:
    """For each node, how many of `waiting` come one after the other up to it, itself included.

    Edges from lower to higher depth only can close no cycle.
    """
    depth = [0] * graph.size
    predecessors = graph.predecessors()
    for index in graph.walk:
        above = max((depth[p] for p in predecessors[index]), default=0)
        depth[index] = above + (index in waiting)
    return depth


def _successors(size: int, edges: Iterable[Edge]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(size)]
    for edge in edges:
        found[edge.before].append(edge.after)
    return found


def _ordered(graph: Graph, more: Edges) -> Graph:
    """The graph with `more` edges, and its order; raises `ConfigurationError` with every cycle."""
    edges = (*graph.edges, *more.found)
    late = len(graph.resources)
    size = late + len(more.barriers)
    order = topological_order(_successors(size, edges), late)
    if len(order) < size:
        edges = tuple(_without_contradicted(size, _taken_apart(edges, late, size)))
        order = topological_order(_successors(size, edges), late)
    if len(order) < size:
        cycles = cycles_in(_successors(size, edges))
        raise ConfigurationError(*(_cycle(cycle, graph.resources, edges) for cycle in cycles))
    barriers = tuple(more.barriers)
    return attrs.evolve(graph, edges=edges, walk=tuple(order), barriers=barriers)


def _taken_apart(edges: Sequence[Edge], late: int, size: int) -> list[Edge]:
    """The edges with none from a barrier (`late` and higher) that could be left out only in part:
    inferred, and within a knot."""
    knot_of = _knots_by_node(size, edges)
    members: dict[int, list[int]] = {}
    for edge in edges:
        if edge.after >= late:
            members.setdefault(edge.after, []).append(edge.before)
    found: list[Edge] = []
    for edge in edges:
        knot = knot_of.get(edge.before)
        if edge.before < late or edge.kind != "inferred" or knot is None:
            found.append(edge)
        elif knot == knot_of.get(edge.after):
            found += [attrs.evolve(edge, before=member) for member in members[edge.before]]
    return found


def _knots_by_node(size: int, edges: Iterable[Edge]) -> dict[int, int]:
    found = knots(_successors(size, edges))
    return {node: number for number, knot in enumerate(found) for node in knot}


def _without_contradicted(size: int, edges: Sequence[Edge]) -> Iterator[Edge]:
    """Leave out an inferred edge exactly when declared edges lead the other way.

    Such an edge closes a cycle, so only edges inside a knot are looked at.
    """
    knot_of = _knots_by_node(size, edges)
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


def reason_of(edge: Edge | ForeignEdge) -> str:
    """Why there is an edge, as cycles show it.

    >>> reason_of(Edge(0, 1, "declared", "after"))
    'declared: after='
    """
    why = edge.why if edge.kind == "inferred" else f"{edge.why}="
    return f"{edge.kind}: {why}"


def _cycle(
    cycle: Sequence[int], resources: Sequence[Resource], edges: Sequence[Edge]
) -> Diagnostic:
    reasons: dict[tuple[int, int], Edge] = {}
    for edge in edges:
        reasons.setdefault((edge.before, edge.after), edge)  # declared edges stand first
    named = [node for node in cycle if node < len(resources)]  # a barrier stands for others
    place = {node: number for number, node in enumerate(cycle)}
    lines = []
    for before, after in zip(named, [*named[1:], named[0]], strict=True):
        edge = reasons[cycle[place[after] - 1], after]
        lines.append(
            f"{resources[before].identity} before {resources[after].identity} ({reason_of(edge)})"
        )
    return Diagnostic(
        summary="these resources wait for each other in a cycle",
        detail="\n".join(lines),
        hint="Remove one of the declared edges.",
        origins=tuple(resources[index].origin for index in named),
    )
