"""The edges of a graph, and the nodes that keep them few.

Where many wait for many, a *barrier* stands between: one node that comes after all of the first and
before all of the second, so that n + m edges do, not n x m. People never see one: whatever shows a
graph shows what the barrier stands for.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource

EdgeKind = Literal["declared", "reference", "inferred"]

FEW = 8
"""So many edges, or ids, for each that waits cost no more than a barrier would."""

_LOOKS_LIKE = 'References look like "package:nginx".'
_MOST_HINTS = 20
"""How many unknown names are compared with all known ones."""


@attrs.frozen
class Edge:
    """`before` is applied before `after` (nodes of the graph)."""

    before: int
    after: int
    kind: EdgeKind
    why: str
    """The key or the argument that makes the edge; of an edge into a barrier its name."""


class Edges:
    """The edges of a graph while it is built, with the barriers that they need."""

    def __init__(self, size: int, barriers: Sequence[str] = ()) -> None:
        self.found: list[Edge] = []
        self.barriers = [*barriers]
        """What each stands for, in words."""
        self._size = size

    def add(self, befores: Iterable[int], after: int, kind: EdgeKind, why: str) -> None:
        """All of `befores` come before `after`."""
        self.found += [Edge(before, after, kind, why) for before in befores]

    def joined(self, nodes: Collection[int], kind: EdgeKind, name: str) -> Collection[int]:
        """What stands for `nodes`: one barrier where they are many."""
        if len(nodes) <= FEW:
            return nodes
        barrier = self._size + len(self.barriers)
        self.barriers.append(name)
        self.add(nodes, barrier, kind, name)
        return (barrier,)


class References:
    """What each reference stands for: a resource, or all that is in a component."""

    def __init__(
        self, position: Mapping[str, int], components: Mapping[str, Sequence[str]]
    ) -> None:
        self._position = position
        self._inside = {
            name: dict.fromkeys(position[i] for i in identities if i in position)
            for name, identities in components.items()
        }
        self._joined: dict[str, Collection[int]] = {}
        self._from_inside: dict[str, int] = {}
        self._hints: dict[str, str] = {}

    def wire(self, value: Any, user: Resource, edges: Edges, argument: str) -> list[Diagnostic]:
        """Make the edges of a reference of `user`; what is wrong with it."""
        identity, index = _identity(value), self._position[user.identity]
        if identity not in self._position and identity not in self._inside:
            return [self._unknown(identity, value, user)]
        if identity in self._inside and identity not in self._joined:
            members = self._inside[identity]
            self._joined[identity] = edges.joined(members, "declared", f"all in {identity}")
        nodes = self.nodes(value, user)
        if list(nodes) == [index]:
            return [_waits_for_itself(user, argument)]
        if index in nodes:
            inside = self._from_inside[identity] = self._from_inside.get(identity, 0) + 1
            if inside > 2:  # two who wait for each other already are an error
                return []
        kind: EdgeKind = "reference" if isinstance(value, Output) else "declared"
        edges.add((node for node in nodes if node != index), index, kind, argument)
        return []

    def nodes(self, value: Any, user: Resource) -> Collection[int]:
        """The nodes that a reference of `user` stands for; none for an unknown one."""
        identity = _identity(value)
        if identity in self._position:
            return (self._position[identity],)
        inside = self._inside.get(identity, {})
        if self._position[user.identity] in inside:  # it does not come after all of them
            return inside
        return self._joined.get(identity, inside)

    def is_within(self, value: Any, user: Resource) -> bool:
        """Whether a reference of `user` leads nowhere but to where it is itself: parts of one file
        may come after each other."""
        return set(self.nodes(value, user)) == {self._position[user.identity]}

    def _unknown(self, identity: str, value: Any, user: Resource) -> Diagnostic:
        source = value.source if isinstance(value, Output) else value
        origins = [source.origin] if isinstance(source, Resource) else []
        return Diagnostic(
            summary=f"refers to {identity}, which is not declared on this host",
            hint=self._nearest(identity),
            address=user.identity,
            origins=(user.origin, *origins),
        )

    def _nearest(self, identity: str) -> str:
        if identity not in self._hints and len(self._hints) < _MOST_HINTS:
            known = [*self._position, *self._inside]
            near = difflib.get_close_matches(identity, known, n=1)
            self._hints[identity] = f"Did you mean {near[0]!r}?" if near else _LOOKS_LIKE
        return self._hints.get(identity, _LOOKS_LIKE)


def _identity(value: Any) -> str:
    if isinstance(value, Output):
        value = value.source
    if isinstance(value, str):
        return value
    return str(value.identity) if hasattr(value, "identity") else repr(value)


def _waits_for_itself(resource: Resource, argument: str) -> Diagnostic:
    return Diagnostic(
        summary=f"waits for itself by {argument}=",
        hint="Remove it there.",
        address=resource.identity,
        origins=(resource.origin,),
    )
