"""A step: one change as it will be executed, and how people read it in JSON."""

from collections.abc import Mapping
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.diff import CREATE, DELETE, UPDATE, FieldChange
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
