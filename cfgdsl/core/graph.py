"""The graph of one target: which resource comes before which, and why.

Edges are *declared* (`after=`), *by reference* (an `Output` used as input), or *inferred* (one writes
a key that another reads). All through one dict of keys: linear in resources and edges.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.footprint import parents
from cfgdsl.core.order import cycle_in, reaches, topological_order
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource, references, state_fields

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
    """Resources of one target in declaration order, their edges, and an order that respects them."""

    resources: tuple[Resource, ...]
    edges: tuple[Edge, ...]
    order: tuple[int, ...]
    position: Mapping[str, int] = attrs.field(repr=False)
    """By identity."""

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
    every duplicate, conflict, unknown reference, or cycle, naming all lines involved.
    """
    unique, problems = _merge_equal(resources)
    position = {r.identity: i for i, r in enumerate(unique)}
    writers, conflicts = _writers(unique)
    problems += conflicts
    edges: list[Edge] = []
    for index, resource in enumerate(unique):
        for argument, value in _references(resource):
            targets, unknown = resolve(value, position, components, resource)
            problems += unknown
            kind: EdgeKind = "reference" if isinstance(value, Output) else "declared"
            edges += [Edge(t, index, kind, argument) for t in targets if t != index]
    if problems:
        raise ConfigurationError(*problems)
    edges += _inferred(unique, writers, _writers_under(unique))
    return _ordered(unique, edges, position)


def with_awaits(graph: Graph, missing: Iterable[tuple[int, str]]) -> Graph:
    """The graph with edges from every resource that may bring something to those that need a key
    which neither exists nor is declared (`missing`: position and key)."""
    bringing = [i for i, r in enumerate(graph.resources) if r.footprint().brings]
    brings = set(bringing)
    extra = [
        Edge(source, index, "inferred", key)
        for index, key in missing
        if index not in brings
        for source in bringing
    ]
    if not extra:
        return graph
    known = {(e.before, e.after) for e in graph.edges}
    new = [e for e in extra if (e.before, e.after) not in known]
    return _ordered(graph.resources, [*graph.edges, *new], graph.position)


def resolve(
    value: Any,
    position: Mapping[str, int],
    components: Mapping[str, Sequence[str]],
    user: Resource,
) -> tuple[list[int], list[Diagnostic]]:
    """Positions that a reference stands for, and what is wrong with it."""
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


def _references(resource: Resource) -> Iterable[tuple[str, Any]]:
    """Every (argument, referred thing) of a resource."""
    for value in references(resource.after):
        yield "after", value
    for name in ("restart_on", "reload_on", "on_change"):
        for value in references(getattr(resource, name, None)):
            yield name, value
    for slot in state_fields(type(resource)):
        value = getattr(resource, slot.name)
        if isinstance(value, Output):
            yield slot.name, value


def _merge_equal(resources: Iterable[Resource]) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    """One of each identity; the same thing declared twice alike is one resource."""
    first: dict[str, Resource] = {}
    problems = []
    for resource in resources:
        known = first.setdefault(resource.identity, resource)
        if known is not resource and not _alike(known, resource):
            problems.append(
                Diagnostic(
                    summary="declared twice, differently",
                    hint="Keep one of them, or give one another id=.",
                    address=resource.identity,
                    origins=(known.origin, resource.origin),
                )
            )
    return tuple(first.values()), problems


def _alike(one: Resource, other: Resource) -> bool:
    return one == other and all(
        getattr(one, s.name) == getattr(other, s.name) for s in type(one).slots_ if s.spec.how
    )


def _writers(resources: Sequence[Resource]) -> tuple[dict[str, int], list[Diagnostic]]:
    writers: dict[str, int] = {}
    problems = []
    for index, resource in enumerate(resources):
        for key in resource.footprint().writes:
            known = writers.setdefault(key, index)
            if known != index:
                other = resources[known]
                problems.append(
                    Diagnostic(
                        summary=f"two resources write {key}: {other.identity} and {resource.identity}",
                        hint="Keep one owner of each thing.",
                        origins=(other.origin, resource.origin),
                    )
                )
    return writers, problems


def _writers_under(resources: Sequence[Resource]) -> dict[str, list[int]]:
    """For each folder that somebody reads as a whole: who writes something inside."""
    folders = {key for r in resources for key in r.footprint().reads_under}
    found: dict[str, list[int]] = {key: [] for key in folders}
    if folders:
        for index, resource in enumerate(resources):
            for key in resource.footprint().writes:
                inside = folders.intersection(parents(key.removeprefix("path:")))
                for folder in inside if key.startswith("path:") else ():
                    found[folder].append(index)
    return found


def _inferred(
    resources: Sequence[Resource], writers: Mapping[str, int], under: Mapping[str, list[int]]
) -> Iterable[Edge]:
    """A writer comes before its readers; what removes a key comes after what uses it."""
    for index, resource in enumerate(resources):
        footprint = resource.footprint()
        read = [(key, writers[key]) for key in footprint.reads if key in writers]
        read += [(key, writer) for key in footprint.reads_under for writer in under[key]]
        seen = {index}
        for key, writer in read:
            if writer in seen:
                continue
            seen.add(writer)
            if getattr(resources[writer], "absent", False):
                yield Edge(index, writer, "inferred", key)
            else:
                yield Edge(writer, index, "inferred", key)


def _successors(size: int, edges: Iterable[Edge]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(size)]
    for edge in edges:
        found[edge.before].append(edge.after)
    return found


def _ordered(
    resources: tuple[Resource, ...], edges: list[Edge], position: Mapping[str, int]
) -> Graph:
    size = len(resources)
    order = topological_order(_successors(size, edges))
    if len(order) < size:
        edges = _without_contradicted(size, edges, settled=set(order))
        order = topological_order(_successors(size, edges))
    if len(order) < size:
        raise ConfigurationError(_cycle_diagnostic(resources, edges))
    return Graph(resources, tuple(edges), tuple(order), position)


def _without_contradicted(size: int, edges: list[Edge], settled: set[int]) -> list[Edge]:
    """Leave out an inferred edge exactly when declared edges lead the other way.

    Only edges among the nodes that could not be ordered can be such ones.
    """
    declared = _successors(size, (e for e in edges if e.kind != "inferred"))
    return [
        e
        for e in edges
        if e.kind != "inferred" or e.before in settled or not reaches(declared, e.after, e.before)
    ]


def _cycle_diagnostic(resources: Sequence[Resource], edges: Sequence[Edge]) -> Diagnostic:
    cycle = cycle_in(_successors(len(resources), edges))
    reasons = {(e.before, e.after): e for e in edges}
    lines = []
    for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        edge = reasons[before, after]
        why = f"{edge.why}=" if edge.kind == "declared" else edge.why
        lines.append(
            f"{resources[before].identity} before {resources[after].identity} ({edge.kind}: {why})"
        )
    return Diagnostic(
        summary="these resources wait for each other in a cycle",
        detail="\n".join(lines),
        hint="Remove one of the declared edges.",
        origins=tuple(resources[i].origin for i in cycle),
    )
