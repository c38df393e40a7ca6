"""The way back from a run: declarations of how everything was before it, from a host's record."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.dropped import Drops, declaration
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.origin import Origin
from cfgdsl.core.record import applied_digest
from cfgdsl.core.resource import Resource, is_absent, state_fields


@attrs.frozen(kw_only=True)
class Undone:
    """What one run did to one thing."""

    identity: str
    kind: str = ""
    keys: Mapping[str, Any] = attrs.field(factory=dict)
    was: Mapping[str, Any] | None = None
    """Its state before; None: it was not there."""
    origin: Origin


@attrs.frozen(kw_only=True)
class WayBack:
    """What a rollback declares."""

    resources: tuple[Resource, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    """What cannot be undone, and why."""
    is_known: bool = True
    """Whether the host remembers the run."""
    _identities: frozenset[str] = attrs.field(init=False, repr=False)

    @_identities.default
    def _index(self) -> frozenset[str]:
        return frozenset(resource.identity for resource in self.resources)

    def among(self, declared: Iterable[Resource]) -> tuple[Resource, ...]:
        """These in the place of what is declared now under their names, then those that are not
        declared any more."""
        back = {resource.identity: resource for resource in self.resources}
        return (*(back.pop(r.identity, r) for r in declared), *back.values())

    def concerns(self, resource: Resource) -> bool:
        """Whether it is one of these: all others are left as they are."""
        return resource.identity in self._identities

    def drops(self, run: str, declared: Iterable[Resource] = ()) -> Drops:
        """What the run created is owned no longer once it is gone; with a word of warning where
        the next apply would do it all again."""
        gone = {r.identity: "delete" for r in self.resources if is_absent(r)}
        notes = (*self.notes, *self._newer(declared))
        return Drops(actions=gone, reason=f"was not there before run {run}", notes=notes)

    def _newer(self, declared: Iterable[Resource]) -> Iterator[Diagnostic]:
        now = {resource.identity: resource for resource in declared}
        again = [
            now[r.identity]
            for r in self.resources
            if r.identity in now and applied_digest(r) != applied_digest(now[r.identity])
        ]
        if again:
            yield Diagnostic(
                summary=f"the code still declares the newer state of {len(again)} of these",
                hint="Take the change out of the code too, or the next apply makes it again.",
                origins=tuple(resource.origin for resource in again[:3]),
            )


def changes_of(entries: Iterable[Mapping[str, Any]]) -> Iterator[Undone]:
    """What the entries of a run say that it changed, in its order."""
    intents: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if entry.get("event") == "intent":
            intents.update((str(step["name"]), step) for step in entry["steps"])
        elif entry.get("event") == "done" and entry.get("outcome") in _TOUCHED:
            step = intents.get(str(entry["step"]), {})
            own = step.get("own") or step.get("past") or {}
            told = own.get("origin") or {}
            yield Undone(
                identity=str(entry["step"]),
                kind=str(own.get("kind", "")),
                keys=dict(own.get("keys") or {}),
                was=step.get("was"),
                origin=Origin(str(told.get("file", "<unknown>")), int(told.get("line", 0))),
            )


_TOUCHED = ("changed", "failed", "unproven")


def way_back(changes: Sequence[Undone], kept: Container[str]) -> WayBack:
    """How to undo `changes`, the last one first; `kept`: the contents that the host still has."""
    resources: list[Resource] = []
    notes: list[Diagnostic] = []
    for change in reversed(changes):
        if "#" in change.identity or change.identity.startswith("task:"):
            continue  # a refresh changes nothing that could be put back
        resource, why = _before(change, kept)
        if resource is None:
            notes.append(_cannot(change, why))
        else:
            resources.append(resource)
    return WayBack(resources=tuple(resources), notes=tuple(notes))


def _before(change: Undone, kept: Container[str]) -> tuple[Resource | None, str]:
    """The declaration of how it was, or why there is none."""
    if not change.kind:
        return None, "the record does not say how it was"
    try:
        resource = declaration(
            change.kind, change.keys, change.was, change.origin, identity=change.identity
        )
    except ConfigurationError as error:
        return None, error.diagnostics[0].summary
    if resource is None:
        return None, f"a {change.kind} has no way back, or held a secret"
    values = (getattr(resource, slot.name) for slot in state_fields(type(resource)))
    lost = [v for v in values if isinstance(v, Content) and v.is_kept and v.sha256 not in kept]
    if lost:
        return None, f"its old content ({lost[0].size} bytes) was not kept"
    return resource, ""


def _cannot(change: Undone, why: str) -> Diagnostic:
    return Diagnostic(
        summary=f"cannot be undone: {why}", address=change.identity, origins=(change.origin,)
    )
