"""What one host needs: each change as it will be executed, and how people read it in JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.diff import CREATE, DELETE, UPDATE, FieldChange
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output
from cfgdsl.core.probes import Probe, Unknown
from cfgdsl.core.secret import redact


@attrs.frozen
class Part:
    """One of the declarations that a step carries out together.

    >>> Part("line:/etc/motd:hello", Origin("infra.py", 9)).identity
    'line:/etc/motd:hello'
    """

    identity: str
    origin: Origin


@attrs.frozen(kw_only=True)
class Note:
    """What is noted of a resource in the record of its host."""

    own: Mapping[str, Any]
    """What it is, and how it can be taken away."""
    applied: str
    """A digest of what is declared of it."""
    was: Mapping[str, Any] | None = None
    """How it was before this change; None: not there."""
    owns: bool = True
    """Whether the project owns it from then on; else it is told only what was done to what."""

    def to_wire(self) -> dict[str, Any]:
        """As the runner takes it."""
        if not self.owns:
            return {"past": self.own, "was": self.was}
        return {"own": self.own, "applied": self.applied, "was": self.was}


@attrs.frozen(kw_only=True)
class Step:
    """One change as it will be executed.

    >>> step = Step(
    ...     id=0,
    ...     host="web1",
    ...     identity="file:/etc/motd",
    ...     action="create",
    ...     reason="the file is not there",
    ...     origin=Origin("infra.py", 7),
    ... )
    >>> step.address, step.is_open
    ('web1/file:/etc/motd', False)
    """

    id: int
    """Its number within the host's plan."""
    host: str
    identity: str
    """``file:/etc/motd``; of a refresh ``service:nginx.service#restart``."""
    action: str
    """`create`, `update`, `delete`, `run`, `restart`, `reload`, ..."""
    reason: str
    """Why it changes, in words."""
    causes: tuple[str, ...] = ()
    """The changes that lead to this one, nearest first, by identity; of very many the first."""
    fields: tuple[FieldChange, ...] = ()
    probes: tuple[Probe, ...] = ()
    ops: tuple[Op, ...] | None = ()
    """What is done; None: an open step, decided during the run from what is found then."""
    before: str | None = attrs.field(default=None, repr=False)
    """Digest of the answers that the ops were planned from; None: any."""
    want: str | None = attrs.field(default=None, repr=False)
    """Digest of the answers afterwards; None: judged by observing."""
    after: tuple[int, ...] = ()
    """Steps that must have ended well before; below zero `Barrier`s."""
    gates: tuple[str, ...] = ()
    """Resources of other hosts, by address, that must be as declared before."""
    triggers: tuple[int, ...] = ()
    """For a refresh: due when one of these changed; below zero `Barrier`s."""
    locks: tuple[str, ...] = ()
    retries: int = 0
    timeout: float | None = None
    possible: bool = False
    """Whether it may turn out to be unneeded."""
    always: bool = False
    """A command that runs each time; listed, but no change."""
    refresh: bool = False
    debt: bool = False
    """Whether it is owed, to later runs too, from before its first cause until it ended well."""
    since: str | None = None
    """The field in the answer to its first probe that says when what it refreshes was started."""
    corrective: bool = False
    """Whether the host drifted from what was applied last; else the declaration moved."""
    record: Note | None = attrs.field(default=None, repr=False, eq=False)
    """What the host's record will say of the resource; None for an open step and for tasks."""
    release: bool = False
    """Whether the resource is owned no longer afterwards."""
    secret: bool = False
    """Whether its answers tell of a content that holds a secret: then no digest leaves memory."""
    origin: Origin
    component: str = ""
    tags: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    """Of a file of which several declarations say something: these, in order."""

    @property
    def address(self) -> str:
        """``web1/file:/etc/motd``."""
        return f"{self.host}/{self.identity}"

    @property
    def is_open(self) -> bool:
        """Whether it hangs on something that only the run brings."""
        return self.ops is None

    def to_json(self) -> dict[str, Any]:
        """The step as JSON: secrets by reference, and no digest that one could be guessed from."""
        secret = self.holds_secret
        return {
            "id": self.id,
            "identity": self.identity,
            "action": self.action,
            "reason": self.reason,
            "causes": list(self.causes),
            "changes": [
                {"field": c.name, "before": shown(c.before), "after": shown(c.after)}
                for c in self.fields
            ],
            "probes": [_guarded(probe.to_json(), secret=secret) for probe in self.probes],
            "ops": None
            if self.ops is None
            else [_guarded(op.to_json(), secret=secret) for op in self.ops],
            "planned_from": None if secret else self.before,
            "wanted": None if secret else self.want,
            "after": list(self.after),
            "gates": list(self.gates),
            "triggers": list(self.triggers),
            "locks": list(self.locks),
            "retries": self.retries,
            "timeout": self.timeout,
            "possible": self.possible,
            "always": self.always,
            "refresh": self.refresh,
            "debt": self.debt,
            "since": self.since,
            "corrective": self.corrective,
            "release": self.release,
            "secret": self.holds_secret,
            "origin": origin_to_json(self.origin),
            "component": self.component,
            "tags": list(self.tags),
            "parts": [
                {"identity": part.identity, "origin": origin_to_json(part.origin)}
                for part in self.parts
            ],
        }

    def in_brief(self) -> "Step":
        """What is told of it once it ended well: not how it was done, nor what has changed."""
        return attrs.evolve(
            self,
            fields=(),
            probes=(),
            ops=None if self.ops is None else (),
            before=None,
            want=None,
            locks=(),
            record=None,
        )

    @property
    def holds_secret(self) -> bool:
        """Whether anything about it could be used to guess a secret."""
        if self.secret:
            return True
        values = [value for c in self.fields for value in (c.before, c.after)]
        values += [op.content for op in self.ops or () if isinstance(op, Put)]
        return any(isinstance(value, Content) and value.secret for value in values)


def _guarded(data: dict[str, Any], *, secret: bool) -> dict[str, Any]:
    """A probe or an op without the digests that stand for a secret content."""
    if not secret:
        return data
    return {k: v for k, v in data.items() if k not in {"sha256", "size", "unless"}}


def shown(value: Any) -> Any:
    """A field value as JSON that people may see.

    >>> shown(("adm", "sudo"))
    ['adm', 'sudo']
    """
    match value:
        case None | bool() | int() | float():
            found: Any = value
        case Content(secret=True):
            found = {"secret": True}
        case Content():
            found = {"sha256": value.sha256, "size": value.size, "text": value.text}
        case Output() | Unknown():
            found = {"known": "after apply"}
        case tuple():
            found = [shown(item) for item in value]
        case _:
            found = redact(str(value))
    return found


def origin_to_json(origin: Origin) -> dict[str, Any]:
    """A line of the user's code as JSON."""
    return {"file": origin.file, "line": origin.line, "function": origin.function}


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


def reason_for(
    action: str, fields: tuple[FieldChange, ...], kind: str, *, always: bool = False
) -> str:
    """Why a change is needed, in words."""
    if always:
        return "runs each time"
    if action == CREATE:
        return f"the {kind} is not there"
    if action == DELETE:
        return "declared absent"
    if action == UPDATE or fields:
        awaited = [c.name for c in fields if isinstance(c.after, Output | Unknown)]
        names = [c.name for c in fields if c.name not in awaited]
        if not names:
            return f"{', '.join(awaited)} {'is' if len(awaited) == 1 else 'are'} known after apply"
        return f"{', '.join(names)} {'differs' if len(names) == 1 else 'differ'}"
    return "its guard does not hold"
