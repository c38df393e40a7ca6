"""What the record on a host says, as values, and what is noted in it about a resource.

`ownership` and `state` are JSON that the host keeps as it is, so neither holds a secret.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.diff import DELETE, Change
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.ops import Op, Remove
from cfgdsl.core.ops import from_json as op_from_json
from cfgdsl.core.origin import Origin
from cfgdsl.core.probes import Answer, Probe
from cfgdsl.core.probes import from_json as probe_from_json
from cfgdsl.core.resource import Resource, is_absent, state_fields
from cfgdsl.core.step import origin_to_json, shown


@attrs.frozen
class Standing:
    """What the record says of a declared resource."""

    created: bool
    """Whether it was not there before; else it was adopted."""
    current: bool
    """Whether what was applied last is what is declared now."""


@attrs.frozen(kw_only=True)
class Left:
    """What is owned and no longer declared; how to take it away needs no class."""

    identity: str
    created: bool
    probes: tuple[Probe, ...] = ()
    answers: tuple[Answer, ...] = ()
    """Those to `probes`; all None: it is gone."""
    ops: tuple[Op, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    reads_under: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    default: str = "forget"
    """What its type does with what it created."""
    on_drop: str | None = None
    protect: bool = False
    origin: Origin = attrs.field(factory=lambda: Origin("<unknown>", 0))
    kind: str = ""
    keys: Mapping[str, Any] = attrs.field(factory=dict)
    original: Mapping[str, Any] | None = None
    """How it was before it was changed first; None: not there, or not known."""
    lost: bool = False
    """Whether the host has no copy of a content that it had then."""

    @property
    def action(self) -> str:
        """`delete`, `restore` or `forget`.

        As it was means to delete what was not there, and only that: what was adopted and never
        changed is still as it was.
        """
        chosen = self.on_drop or (self.default if self.created else "restore")
        if chosen == "restore" and self.original is None:
            return "delete" if self.created else "forget"
        return "forget" if chosen == "restore" and self.on_drop is None and self.lost else chosen

    @property
    def is_gone(self) -> bool:
        """Whether nothing is there any more."""
        return bool(self.probes) and all(answer is None for answer in self.answers)


@attrs.frozen(kw_only=True)
class Owed:
    """A refresh that an earlier run owes."""

    run: str
    causes: tuple[str, ...]
    paid: bool = False
    """Whether it has come by itself: the unit was started after the last cause took effect."""


@attrs.frozen(kw_only=True)
class HostRecord:
    """The record of a project on one host, held against what is declared."""

    standing: Mapping[str, Standing] = attrs.field(factory=dict)
    left: tuple[Left, ...] = ()
    owed: Mapping[str, Owed] = attrs.field(factory=dict)
    foreign: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)
    """Project and identity of what other projects own, by key."""
    pending: Mapping[str, str] = attrs.field(factory=dict)
    """Steps that were begun and have no outcome, and the runs that were killed there."""
    outputs: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    """The values that resources brought when they were last applied."""
    renamed: Mapping[str, tuple[str, tuple[str, ...]]] = attrs.field(factory=dict)
    """Old identities that the record has, what they are called now, and their keys."""
    problem: str = ""
    """Why it cannot be read; then nothing is known."""
    damaged: int = 0
    """How many of its lines are spoilt."""


_STANDING = {
    "-": None,
    "c": Standing(created=True, current=True),
    "C": Standing(created=True, current=False),
    "a": Standing(created=False, current=True),
    "A": Standing(created=False, current=False),
}


def read_record(raw: Mapping[str, Any], declared: Sequence[str]) -> HostRecord:
    """The record in a host's answer; raises `ValueError` or `KeyError` for anything else.

    >>> read_record({"declared": "c"}, ["file:/etc/motd"]).standing
    {'file:/etc/motd': Standing(created=True, current=True)}
    """
    words = str(raw.get("declared", ""))
    if len(words) != len(declared):
        raise ValueError(f"{len(declared)} declared, and {len(words)} answers")
    found = zip(declared, (_STANDING[word] for word in words), strict=True)
    return HostRecord(
        standing={name: standing for name, standing in found if standing is not None},
        left=tuple(_left(name, entry) for name, entry in _pairs(raw, "others")),
        owed={
            name: Owed(
                run=str(debt["run"]), causes=_texts(debt["causes"]), paid=debt["paid"] is True
            )
            for name, debt in _pairs(raw, "debts")
        },
        foreign={key: (str(p), str(name)) for key, (p, name) in _pairs(raw, "foreign")},
        pending={name: str(run) for name, run in _pairs(raw, "pending")},
        outputs={name: dict(values) for name, values in _pairs(raw, "outputs")},
        renamed={old: (str(new), _texts(keys)) for old, (new, keys) in _pairs(raw, "renamed")},
        problem=str(raw.get("problem", "")),
        damaged=int(raw.get("damaged", 0)),
    )


def _pairs(raw: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    return dict(raw.get(name) or {}).items()


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())


def _left(identity: str, entry: Mapping[str, Any]) -> Left:
    drop = entry["drop"]
    origin = entry.get("origin") or {}
    return Left(
        identity=identity,
        created=entry["created"] is True,
        probes=tuple(probe_from_json(probe) for probe in drop["probes"]),
        answers=tuple(entry["answers"]),
        ops=tuple(op_from_json(op) for op in drop["ops"]),
        writes=_texts(drop["writes"]),
        reads=_texts(drop.get("reads")),
        reads_under=_texts(drop.get("reads_under")),
        locks=_texts(drop.get("locks")),
        default=str(entry.get("dropping", "forget")),
        on_drop=entry.get("on_drop"),
        protect=entry.get("protect") is True,
        origin=Origin(str(origin.get("file", "<unknown>")), int(origin.get("line", 0))),
        kind=str(entry.get("kind", "")),
        keys=dict(entry.get("keys") or {}),
        original=entry.get("original"),
        lost=entry.get("lost") is True,
    )


def applied_digest(resource: Resource) -> str:
    """A digest of what is declared of a resource, its end included; hosts keep it under a key."""
    values = [getattr(resource, slot.name) for slot in state_fields(type(resource))]
    told = [v.sha256 if isinstance(v, Content) else v for v in values]
    told += [resource.protect, resource.on_drop]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


def ownership(declared: Resource) -> dict[str, Any]:
    """What the record keeps of a resource (`cfgdsl.runner.wire.OWN`)."""
    resource = declared.recorded()
    cls = type(resource)
    found: dict[str, Any] = {
        "kind": resource.kind,
        "keys": {name: shown(getattr(resource, name)) for name in cls.fields_.keys},
        "values": state(resource) or {},
        "drop": _removal(resource),
        "dropping": cls.dropping,
        "origin": origin_to_json(resource.origin),
    }
    if is_absent(resource):
        found["gone"] = True
    if resource.protect:
        found["protect"] = True
    if resource.on_drop is not None:
        found["on_drop"] = resource.on_drop
    if declared.footprint().edits:  # others own it: nothing of it is this project's to take away
        found |= {"drop": {"probes": [], "ops": [], "writes": []}, "on_drop": "forget"}
    return found


def past(resource: Resource) -> dict[str, Any]:
    """What the record tells of what is changed and not owned: enough to find the way back."""
    found = {
        "kind": resource.kind,
        "keys": {name: shown(getattr(resource, name)) for name in type(resource).fields_.keys},
        "values": state(resource) or {},
        "origin": origin_to_json(resource.origin),
    }
    return {**found, "gone": True} if is_absent(resource) else found


def state(resource: Resource | None) -> dict[str, Any] | None:
    """The state of a resource as JSON; None: there is nothing. Contents are named by digest."""
    if resource is None or is_absent(resource):
        return None
    values = {s.name: getattr(resource, s.name) for s in state_fields(type(resource))}
    values.pop("absent", None)
    return {name: _kept(value) for name, value in values.items() if value is not None}


def _kept(value: Any) -> Any:
    """As people may see it, but for a text, which the backups have."""
    if isinstance(value, Content) and not value.secret:
        return {"sha256": value.sha256, "size": value.size}
    return shown(value)


def _removal(resource: Resource) -> dict[str, Any]:
    """How to take a resource away: questions that all answer None once it is gone, and ops."""
    removal = resource.removal()
    footprint = resource.footprint()
    found: dict[str, Any] = {"probes": [], "ops": [], "writes": list(footprint.writes)}
    if removal is None:
        return found
    try:
        needed = removal.ops(Change(removal, resource, DELETE))
    except ImpossibleError:
        return found
    found["probes"] = [probe.to_json() for probe in removal.probes()]
    secret = any(isinstance(v, Content) and v.secret for v in vars(resource).values())
    found["ops"] = [
        attrs.evolve(op, secret=True).to_json()
        if secret and isinstance(op, Remove)
        else op.to_json()
        for op in needed
    ]
    for name in ("reads", "reads_under", "locks"):
        if getattr(footprint, name):
            found[name] = list(getattr(footprint, name))
    return found
