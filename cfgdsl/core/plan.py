"""The plan: every change that a run will make, as immutable data. What is approved is what runs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.diff import CREATE, DELETE, UPDATE, FieldChange
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.ops import Op
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output
from cfgdsl.core.probes import Probe

FORMAT = 1
"""The version of the plan's JSON form; the schema is docs/plan.schema.json."""

REFRESHES = ("restart", "reload", "run-task")


@attrs.frozen(kw_only=True)
class Step:
    """One change as it will be executed."""

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
    """The changes that lead to this one, nearest first, by identity."""
    fields: tuple[FieldChange, ...] = ()
    probes: tuple[Probe, ...] = ()
    ops: tuple[Op, ...] | None = ()
    """What is done; None: an open step, decided during the run from what is found then."""
    before: str | None = None
    """Digest of the answers that the ops were planned from; None: any."""
    want: str | None = None
    """Digest of the answers afterwards; None: judged by observing."""
    after: tuple[int, ...] = ()
    """Steps that must have ended well before."""
    triggers: tuple[int, ...] = ()
    """For a refresh: due when one of these changed."""
    locks: tuple[str, ...] = ()
    retries: int = 0
    timeout: float | None = None
    possible: bool = False
    """Whether it may turn out to be unneeded."""
    always: bool = False
    """A command that runs each time; listed, but no change."""
    refresh: bool = False
    origin: Origin
    component: str = ""
    tags: tuple[str, ...] = ()

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
        secret = any(isinstance(c.after, Content) and c.after.secret for c in self.fields)
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
            "probes": [_without_digest(p.to_json(), secret) for p in self.probes],
            "ops": None
            if self.ops is None
            else [_without_digest(op.to_json(), secret) for op in self.ops],
            "planned_from": None if secret else self.before,
            "wanted": None if secret else self.want,
            "after": list(self.after),
            "triggers": list(self.triggers),
            "possible": self.possible,
            "always": self.always,
            "refresh": self.refresh,
            "origin": {"file": self.origin.file, "line": self.origin.line},
            "component": self.component,
            "tags": list(self.tags),
        }


def _without_digest(data: dict[str, Any], secret: bool) -> dict[str, Any]:
    if not secret:
        return data
    return {k: v for k, v in data.items() if k not in {"sha256", "size", "unless"}}


def shown(value: Any) -> Any:
    """A field value as JSON that people may see."""
    match value:
        case Content(secret=True):
            return {"secret": True}
        case Content():
            return {"sha256": value.sha256, "size": value.size, "text": value.text}
        case Output():
            return {"known": "after apply"}
        case tuple():
            return [shown(v) for v in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)


@attrs.frozen(kw_only=True)
class Skip:
    """A resource that is left alone because its condition is false."""

    identity: str
    condition: str
    origin: Origin


@attrs.frozen(kw_only=True)
class HostPlan:
    """What one host needs."""

    host: str
    machine_id: str | None = None
    steps: tuple[Step, ...] = ()
    """In an order that respects their edges."""
    unchanged: int = 0
    skipped: tuple[Skip, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    """What the user should know: unknown versions, commands that may change more."""
    bootstrap: bool = False
    """Whether these steps only bring a Python; after them, the host is planned anew."""
    problems: tuple[Diagnostic, ...] = ()
    """Why this host cannot be planned; then it has no steps."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed; `always` commands are no change."""
        return not self.problems and all(step.always for step in self.steps)

    def __getitem__(self, identity: str) -> Step:
        for step in self.steps:
            if step.identity == identity:
                return step
        raise KeyError(identity)

    def __contains__(self, identity: object) -> bool:
        return any(step.identity == identity for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """The host's part of the plan's document."""
        return {
            "host": self.host,
            "machine_id": self.machine_id,
            "steps": [step.to_json() for step in self.steps],
            "unchanged": self.unchanged,
            "bootstrap": self.bootstrap,
            "skipped": [{"identity": s.identity, "condition": s.condition} for s in self.skipped],
            "notes": [diagnostic_to_json(d) for d in self.notes],
            "problems": [diagnostic_to_json(d) for d in self.problems],
        }


@attrs.frozen(kw_only=True)
class Plan:
    """What a run will do, on all hosts; immutable, and the same for the same input."""

    project: str | None
    hosts: tuple[HostPlan, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, host after host."""
        return tuple(step for host in self.hosts for step in host.steps)

    @property
    def is_empty(self) -> bool:
        """Whether every host was planned and nothing is to be changed."""
        return all(host.is_empty for host in self.hosts)

    @property
    def ok(self) -> bool:
        """Whether every host could be planned."""
        return not any(host.problems for host in self.hosts)

    def __iter__(self) -> Iterator[HostPlan]:
        return iter(self.hosts)

    def __getitem__(self, address: str) -> Step:
        """The step of ``host/kind:key``; without the host when there is only one."""
        name, _, identity = address.partition("/")
        for host in self.hosts:
            if host.host == name and ":" in identity:
                return host[identity]
        if len(self.hosts) == 1:
            return self.hosts[0][address]
        raise KeyError(address)

    def counts(self) -> Mapping[str, int]:
        """How many steps of each action; `always` and `possible` ones under these words."""
        found: dict[str, int] = {}
        for step in self.steps:
            word = "always" if step.always else "possible" if step.possible else step.action
            found[word] = found.get(word, 0) + 1
        return found

    def to_json(self) -> str:
        """One JSON document, byte for byte the same for the same plan."""
        document = {
            "format": FORMAT,
            "project": self.project,
            "hosts": [host.to_json() for host in self.hosts],
        }
        return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True)


def diagnostic_to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON."""
    return {
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "address": diagnostic.address,
        "origins": [{"file": o.file, "line": o.line} for o in diagnostic.origins],
    }


def reason_for(action: str, fields: tuple[FieldChange, ...], kind: str) -> str:
    """Why a change is needed, in words."""
    if action == CREATE:
        return f"the {kind} is not there"
    if action == DELETE:
        return "declared absent"
    if action == UPDATE or fields:
        names = [change.name for change in fields]
        return f"{', '.join(names)} {'differs' if len(names) == 1 else 'differ'}"
    return "its guard does not hold"
