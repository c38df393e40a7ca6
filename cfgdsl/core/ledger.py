"""What a plan has to do with the record: who owns what, what is owed, and what is noted anew."""

from collections.abc import Container, Iterator, Mapping
from typing import Any

import attrs

from cfgdsl.core.diff import DELETE, Change
from cfgdsl.core.dropped import Drops
from cfgdsl.core.errors import Diagnostic, ImpossibleError
from cfgdsl.core.graph import Graph
from cfgdsl.core.inputs import may_wait
from cfgdsl.core.record import HostRecord, Owed, applied_digest, ownership, past, state
from cfgdsl.core.resource import Resource, registry
from cfgdsl.core.step import Note


def note_of(resource: Resource, before: Resource | None) -> Note:
    """What is noted of a resource that becomes as declared."""
    was = resource.recorded() if before is resource else before
    return Note(own=ownership(resource), applied=applied_digest(resource), was=state(was))


def past_note_of(resource: Resource, before: Resource | None) -> Note | None:
    """What is noted of a change of what is not owned, or no longer; None: it has no way back."""
    known, found = resource.recorded(), None if before is None else before.recorded()
    if known.kind not in registry:
        return None
    was = HELD_A_SECRET if resource.held_secret else state(found)
    return Note(own=past(known), applied="", was=was, owns=False)


HELD_A_SECRET = {"held": {"secret": True}}
"""The state of what held a secret: no record has that."""


class Ledger:
    """The record of one host while its plan is made."""

    def __init__(self, record: HostRecord, drops: Drops, *, owns: bool) -> None:
        self._record = record
        self._drops = drops
        self._owns = owns
        self._kept: list[Diagnostic] = []
        self.adopt: dict[str, Note] = {}
        self.rename: Mapping[str, str] = {old: new for old, (new, _) in record.renamed.items()}
        self.owed: Mapping[str, Owed] = {n: o for n, o in record.owed.items() if not o.paid}
        self.planned: set[str] = set()
        """The resources of which it is known what this plan does about them."""
        self._as_it_was: list[str] = []

    def conflicts(self, host: str, graph: Graph) -> Iterator[Diagnostic]:
        """What is declared here and owned by another project, or moved to another thing."""
        foreign = self._record.foreign
        for resource, footprint in zip(graph.resources, graph.footprints, strict=True):
            key = (
                next((key for key in footprint.writes if key in foreign), None) if foreign else None
            )
            if key is not None:
                project, name = foreign[key]
                yield Diagnostic(
                    summary=f"belongs to the project {project!r}, which declares it as {name}",
                    hint="Declare it in one of the two projects only.",
                    address=f"{host}/{resource.identity}",
                    origins=(resource.origin,),
                )
        for old, (new, keys) in self._record.renamed.items():
            position = graph.position.get(new)
            if position is not None and set(keys) != set(graph.footprints[position].writes):
                yield Diagnostic(
                    summary=f"moved({old!r}, {new!r}) leads from one thing to another",
                    detail=f"The record knows {old} as {', '.join(keys)}.",
                    hint="moved() is for a new name of the same thing. To replace a thing by "
                    "another, just declare the new one: the old one is then dropped.",
                    address=f"{host}/{new}",
                    origins=(graph.resources[position].origin,),
                )
        yield from (_at(host, problem) for problem in self._drops.problems)

    def is_corrective(self, resource: Resource) -> bool:
        """Whether a change of it means that the host drifted from what was applied last."""
        standing = self._record.standing.get(resource.identity)
        return standing is not None and standing.current

    def note(self, resource: Resource, change: Change[Any]) -> Note | None:
        """What is noted of its change."""
        if not self._owns or resource.identity in self._drops.actions:
            return past_note_of(resource, change.before)
        return note_of(resource, change.before)

    def unchanged(self, resource: Resource) -> None:
        """It is as declared; so that is noted, if it is not yet."""
        identity = resource.identity
        if identity in self._drops.actions:
            self._as_it_was.append(identity)
        elif self._owns and not self.is_corrective(resource) and not self._is_noted(resource):
            self.adopt[identity] = note_of(resource, resource)

    def _is_noted(self, resource: Resource) -> bool:
        """Whether all is noted that can be told apart: of an output, only the run knows the value,
        and so the record cannot say whether it is the same as before."""
        return may_wait(resource) and resource.identity in self._record.standing

    def refuse_protected(self, resource: Resource, change: Change[Any]) -> None:
        """Raises `ImpossibleError` for the deletion of what is protected."""
        if resource.protect and change.action == DELETE:
            raise ImpossibleError(
                "is protected, and would be deleted", hint="Say protect=False first."
            )

    def keep(self, resource: Resource, why: str) -> bool:
        """Whether what cannot be done is to take away what is no longer declared: then it stays,
        unless it is in the way."""
        drops = self._drops
        if resource.identity not in drops.actions or resource.identity in drops.displaced:
            return False
        self._kept.append(
            Diagnostic(
                summary=f"is no longer declared, and kept: {why}",
                address=resource.identity,
                origins=(resource.origin,),
            )
        )
        return True

    def forget(self, declared: Container[str], placed: Container[str]) -> tuple[str, ...]:
        """Names that the record need not know any more: nothing is owned or owed under them.

        A debt of a resource that this plan leaves alone (not selected, skipped) stays. Twice the
        same name stands for both a debt and what owes it.
        """
        moot = {
            name
            for name, owed in self._record.owed.items()
            if name not in placed and (owed.paid or self._is_moot(name, declared))
        }
        forgotten = {left.identity for left in self._drops.forgotten}
        return tuple(sorted([*moot, *(forgotten | set(self._as_it_was))]))

    def _is_moot(self, name: str, declared: Container[str]) -> bool:
        """Whether a refresh would be in this plan if it were still wanted."""
        identity = name.rpartition("#")[0] or name
        return identity not in declared or identity in self.planned

    def notes(self, host: str) -> tuple[Diagnostic, ...]:
        """What the user should know of the record."""
        record = self._record
        found = [*self._drops.notes, *self._kept]
        found += [
            Diagnostic(
                summary="is no longer declared, and left as it is",
                address=left.identity,
                origins=(left.origin,),
            )
            for left in self._drops.forgotten
        ]
        found += [
            Diagnostic(summary=f"was interrupted in run {run}", address=name)
            for name, run in record.pending.items()
        ]
        if record.problem:
            found.append(Diagnostic(summary=f"no record: {record.problem}"))
        if record.damaged:
            lines = "line" if record.damaged == 1 else "lines"
            found.append(
                Diagnostic(
                    summary=f"{record.damaged} {lines} of the record cannot be read",
                    detail="What they said is unknown; all else is.",
                )
            )
        return tuple(_at(host, note) for note in found)


def _at(host: str, about: Diagnostic) -> Diagnostic:
    return attrs.evolve(about, address=f"{host}/{about.address}".rstrip("/"))
