"""What one host needs: its steps, and what else is to be known of it."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.origin import Origin
from cfgdsl.core.secret import redact
from cfgdsl.core.step import Note, Step, origin_to_json


@attrs.frozen(kw_only=True)
class Skip:
    """A resource that is left alone because its condition is false."""

    identity: str
    condition: str
    origin: Origin


@attrs.frozen(kw_only=True)
class Barrier:
    """Stands for many steps where many wait for them; nothing happens in it.

    It ends when all of them have, well if all did, and has changed if one of them has.
    """

    id: int
    """Below zero, where no step has its number."""
    steps: tuple[int, ...]
    """Steps, and earlier barriers."""


@attrs.frozen(kw_only=True)
class HostPlan:
    """What one host needs.

    >>> plan = HostPlan(host="web1", unchanged=3)
    >>> plan.is_empty, "file:/etc/motd" in plan
    (True, False)
    """

    host: str
    machine_id: str | None = None
    steps: tuple[Step, ...] = ()
    """In an order that respects their edges."""
    barriers: tuple[Barrier, ...] = ()
    """What the numbers below zero in `Step.after` and `Step.triggers` stand for."""
    unchanged: int = 0
    skipped: tuple[Skip, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    """What the user should know: unknown versions, commands that may change more."""
    adopt: Mapping[str, Note] = attrs.field(factory=dict, eq=False, repr=False)
    """What is as declared already, and managed from now on: noted, no change."""
    forget: tuple[str, ...] = ()
    """Names of what is owned or owed no longer, without a step."""
    rename: Mapping[str, str] = attrs.field(factory=dict)
    """Identities that the record has under an old name."""
    interrupted: bool = attrs.field(default=False, eq=False)
    """Whether an earlier run was killed there: what it left is tidied up, whatever changes."""
    bootstrap: bool = False
    """Whether these steps only bring a Python; after them, the host is planned anew."""
    problems: tuple[Diagnostic, ...] = ()
    """Why this host cannot be planned; then it has no steps."""
    _by_identity: Mapping[str, Step] = attrs.field(init=False, repr=False, eq=False)

    @_by_identity.default
    def _index(self) -> dict[str, Step]:
        by_part = {part.identity: step for step in self.steps for part in step.parts}
        return by_part | {step.identity: step for step in reversed(self.steps)}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed; `always` commands are no change."""
        return not self.problems and all(step.always for step in self.steps)

    @property
    def is_noted(self) -> bool:
        """Whether the host's record already says all that it should when nothing changes."""
        return not (self.adopt or self.forget or self.rename or self.interrupted)

    def __getitem__(self, identity: str) -> Step:
        return self._by_identity[identity]

    def __contains__(self, identity: object) -> bool:
        return identity in self._by_identity

    def expanded(self, ids: Iterable[int]) -> frozenset[int]:
        """The steps that `ids`, a step's `after` or `triggers`, stand for."""
        barriers = {barrier.id: barrier for barrier in self.barriers}
        todo, found = [*ids], set[int]()
        while todo:
            each = todo.pop()
            if each >= 0:
                found.add(each)
            elif each in barriers:
                todo += barriers.pop(each).steps
        return frozenset(found)

    def to_json(self) -> dict[str, Any]:
        """The host's part of the plan's document."""
        return {**self.head_to_json(), "steps": [step.to_json() for step in self.steps]}

    def head_to_json(self) -> dict[str, Any]:
        """All but the steps."""
        return {
            "host": self.host,
            "machine_id": self.machine_id,
            "barriers": [{"id": b.id, "steps": list(b.steps)} for b in self.barriers],
            "unchanged": self.unchanged,
            "bootstrap": self.bootstrap,
            "skipped": [
                {
                    "identity": skip.identity,
                    "condition": redact(skip.condition),
                    "origin": origin_to_json(skip.origin),
                }
                for skip in self.skipped
            ],
            "notes": [diagnostic_to_json(d) for d in self.notes],
            "problems": [diagnostic_to_json(d) for d in self.problems],
        }


def diagnostic_to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON."""
    return {
        "summary": redact(diagnostic.summary),
        "detail": redact(diagnostic.detail),
        "hint": redact(diagnostic.hint),
        "address": redact(diagnostic.address),
        "origins": [origin_to_json(origin) for origin in diagnostic.origins],
    }
