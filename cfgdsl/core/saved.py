"""The second document of a plan file: what executing the plan takes beyond what people approve.

How hosts are reached; for each step the answers that it expects, and the resource that decides or
judges it during the run; by digest, what the plan was made from.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.decide import digest_of
from cfgdsl.core.errors import Diagnostic, raise_all
from cfgdsl.core.expected import Expected
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.plan import HostPlan, Step
from cfgdsl.core.planner import Planned
from cfgdsl.core.predict import Identity
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import Answer, Probe, Unknown
from cfgdsl.core.reading import all_of, entries, get, refusing_what_does_not_fit, typed
from cfgdsl.core.resource import Resource, ResourceType, contents_in
from cfgdsl.core.saved_host import host_from_json, host_to_json
from cfgdsl.core.saved_values import (
    NotSavableError,
    Stored,
    content_from_json,
    content_to_json,
    fields_to_json,
    resource_from_json,
    seal,
)
from cfgdsl.core.step import Note
from cfgdsl.runner.wire import canonical

NameOf = Callable[[Resource], str]
"""The name under which a resource's type is found again; raises `NotSavableError`."""
TypeOf = Callable[[str], ResourceType]
"""The type with such a name; raises `ConfigurationError`."""


@attrs.frozen(kw_only=True)
class MadeFrom:
    """What a plan was made from and with: by digest, for the record of what is approved."""

    tool: str
    """Version and digest of cfgdsl."""
    commit: str = ""
    """That of the configuration's folder, where it has one."""
    code: Mapping[str, str] = attrs.field(factory=dict)
    """The files of the configuration, relative to its folder."""
    facts: Mapping[str, str] = attrs.field(factory=dict)
    """By host, the facts that the configuration read."""
    packages: Mapping[str, str] = attrs.field(factory=dict)
    """By top-level package, the distribution that has the resource types, and its code."""
    store: Mapping[str, str] = attrs.field(factory=dict)
    """References behind the names of ``project(secrets=...)``."""


def contents_of(prepared: Sequence[Prepared]) -> dict[str, Content]:
    """Every content that executing may need, without secret ones; by sha256, in that order."""
    found: dict[str, Content] = {}
    for each in prepared:
        for step in each.planned.plan.steps:
            held = contents_in(each.planned.resources[step.id]) if step.is_open else ()
            for content in (*_written(step.ops or ()), *held):
                if not content.secret and not content.is_kept:
                    found[content.sha256] = content
    return dict(sorted(found.items()))


def _written(ops: Sequence[Op]) -> Iterator[Content]:
    return (op.content for op in ops if isinstance(op, Put))


def execution_hosts(prepared: Sequence[Prepared], name_of: NameOf) -> str:
    """The hosts of the document, one on a line.

    Raises `ConfigurationError` with every step that cannot be saved, and why.
    """
    problems: list[Diagnostic] = []
    hosts = ",\n".join(canonical(_host_to_json(each, name_of, problems)) for each in prepared)
    raise_all(problems)
    return hosts


def execution_document(hosts: str, made_from: MadeFrom) -> str:
    """The document, from what `execution_hosts` made."""
    head = canonical(attrs.asdict(made_from))
    return f'{{"made_from":{head},"hosts":[\n{hosts}\n]}}'


def _host_to_json(
    prepared: Prepared, name_of: NameOf, problems: list[Diagnostic]
) -> dict[str, Any]:
    plan = prepared.planned.plan
    if plan.bootstrap:
        problems.append(
            Diagnostic(
                summary="has no Python yet: what comes after its bootstrap is not planned",
                hint="Apply without a file, or leave it out with --limit.",
                address=plan.host,
                origins=(prepared.host.origin,),
            )
        )
    steps = {}
    for step in plan.steps:
        try:
            steps[str(step.id)] = _step_to_json(step, prepared.planned, name_of)
        except NotSavableError as error:
            problems.append(
                Diagnostic(
                    summary=f"cannot be saved: its {error}",
                    detail="The step is decided or judged during the run, by its type.",
                    hint="Apply without a file, or move what it uses into an installed package.",
                    address=step.address,
                    origins=(step.origin,),
                )
            )
    identity = prepared.identity
    return {
        "host": host_to_json(prepared.host),
        "user": identity.user,
        "group": identity.group,
        "steps": steps,
        "adopt": {name: _note_to_json(note) for name, note in plan.adopt.items()},
        "forget": list(plan.forget),
        "rename": dict(plan.rename),
    }


def _step_to_json(step: Step, planned: Planned, name_of: NameOf) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if step.record is not None:
        data["record"] = _note_to_json(step.record, secret=step.holds_secret)
    expected = planned.expected.get(step.id)
    if expected is not None:
        if step.holds_secret:
            expected = expected.mask(secret_contents(step.ops or ()))
        data["expected"] = _expected_to_json(expected)
    if step.holds_secret:
        data["puts"] = {
            str(index): content_to_json(op.content)
            for index, op in enumerate(step.ops or ())
            if isinstance(op, Put)
        }
    if step.is_open or (step.probes and not step.refresh):
        try:
            data["resource"] = _resource_to_json(planned.resources[step.id], name_of)
        except NotSavableError:
            if step.is_open or expected is None or not _all_known(expected.after):
                raise
    return data


def _note_to_json(note: Note, *, secret: bool = False) -> dict[str, Any]:
    """What goes into the record of the host; what is applied has no digest beside a secret."""
    secret = secret or {"secret": True} in note.own.get("values", {}).values()
    if not secret:
        return note.to_wire()
    was = note.was and {
        name: {"secret": True} if isinstance(value, dict) and "sha256" in value else value
        for name, value in note.was.items()
    }
    return {"own": note.own, "applied": "", "was": was}


def _note(data: Mapping[str, Any]) -> Note:
    return Note(
        own=get(data, "own", dict),
        applied=get(data, "applied", str),
        was=get(data, "was", dict, None),
    )


def secret_contents(ops: Sequence[Op]) -> tuple[Content | None, ...]:
    """For each op the secret content that it writes."""
    return tuple(op.content if isinstance(op, Put) and op.content.secret else None for op in ops)


def _all_known(answers: Sequence[Answer | Unknown]) -> bool:
    return not any(isinstance(answer, Unknown) for answer in answers)


def _expected_to_json(expected: Expected) -> dict[str, Any]:
    after = [
        {"unknown": answer.why} if isinstance(answer, Unknown) else {"answer": answer}
        for answer in expected.after
    ]
    return {"before": list(expected.before), "after": after, "masked": expected.masked}


def _resource_to_json(resource: Resource, name_of: NameOf) -> dict[str, Any]:
    return {"type": name_of(resource), "fields": fields_to_json(seal(resource))}


def read_made_from(text: str) -> tuple[MadeFrom, list[Any]]:
    """What the plan was made from, and its hosts, to be read by `read_prepared`."""
    with refusing_what_does_not_fit():
        document = typed(json.loads(text), dict, "the document")
        data = get(document, "made_from", dict)
        texts = {"code", "facts", "packages", "store"}
        found = {name: _texts(data, name) for name in texts}
        tool, commit = get(data, "tool", str), get(data, "commit", str)
        return MadeFrom(tool=tool, commit=commit, **found), entries(document, "hosts")


def _texts(data: Mapping[str, Any], name: str) -> dict[str, str]:
    return {key: typed(value, str, name) for key, value in get(data, name, dict).items()}


def read_prepared(
    hosts: Sequence[Any], plans: Sequence[HostPlan], stored: Stored, type_of: TypeOf
) -> tuple[Prepared, ...]:
    """What `execution_document` wrote, beside the plans of the same hosts.

    Raises `ConfigurationError` where both do not fit together.
    """
    with refusing_what_does_not_fit():
        if len(hosts) != len(plans):
            raise ValueError(f"{len(plans)} hosts are planned, {len(hosts)} described")
        return tuple(
            _Reader(typed(data, dict), plan, stored, type_of).prepared()
            for data, plan in zip(hosts, plans, strict=True)
        )


@attrs.frozen
class _Reader:
    """Reads what belongs to one host."""

    data: Mapping[str, Any]
    plan: HostPlan
    stored: Stored
    type_of: TypeOf

    def prepared(self) -> Prepared:
        host = host_from_json(get(self.data, "host", dict))
        if host.name != self.plan.host:
            raise ValueError(f"{host.name} is described where {self.plan.host} is planned")
        by_id = get(self.data, "steps", dict)
        steps, resources, expected = [], {}, {}
        for step in self.plan.steps:
            data = get(by_id, str(step.id), dict)
            if "expected" in data:
                expected[step.id] = _expected(get(data, "expected", dict), step)
            elif step.before is not None:
                raise ValueError(f"{step.identity} expects answers that are not there")
            if "resource" in data:
                resources[step.id] = self._resource(get(data, "resource", dict), step)
            if "record" in data:
                step = attrs.evolve(step, record=_note(get(data, "record", dict)))  # noqa: PLW2901
            steps.append(self._complete(step, data, resources.get(step.id)))
        identity = Identity(get(self.data, "user", str), get(self.data, "group", str))
        adopt = get(self.data, "adopt", dict)
        plan = attrs.evolve(
            self.plan,
            steps=tuple(steps),
            adopt={name: _note(typed(note, dict)) for name, note in adopt.items()},
            forget=all_of(self.data, "forget", str),
            rename=_texts(self.data, "rename"),
        )
        return Prepared(host, Planned(plan, resources, expected), identity)

    def _resource(self, data: Mapping[str, Any], step: Step) -> Resource:
        cls = self.type_of(get(data, "type", str))
        fields = get(data, "fields", dict)
        stored = self.stored if step.is_open else Content  # a closed one writes what its ops say
        resource = resource_from_json(cls, fields, step.origin, stored)
        own = own_probes(resource)
        if _shown(step, own) != _shown(step, step.probes[: len(own)]):
            raise ValueError(f"{step.identity} asks something else than its type")
        return resource

    def _complete(self, step: Step, data: Mapping[str, Any], resource: Resource | None) -> Step:
        """With the contents of its ops, and its questions as its type has them."""
        if resource is not None:
            own = own_probes(resource)
            step = attrs.evolve(step, probes=(*own, *step.probes[len(own) :]))
        if step.ops is None:
            if resource is None:
                raise ValueError(f"{step.identity} is open, and its resource is not there")
            return step
        puts = get(data, "puts", dict) if step.holds_secret else {}
        ops = tuple(self._op(op, puts.get(str(index))) for index, op in enumerate(step.ops))
        return attrs.evolve(step, ops=ops)

    def _op(self, op: Op, put: Any) -> Op:
        if not isinstance(op, Put):
            return op
        if put is not None:
            content = content_from_json(typed(put, dict), self.stored)
        else:
            content = self.stored(op.content.sha256, op.content.size)
        return attrs.evolve(op, content=content)


def own_probes(resource: Resource) -> tuple[Probe, ...]:
    """What is asked about a resource, each question once; a step may have its condition behind."""
    return tuple(dict.fromkeys(resource.probes()))


def _shown(step: Step, probes: Sequence[Probe]) -> Any:
    """Questions as the plan shows them: without the digests of secrets."""
    return attrs.evolve(step, probes=tuple(probes)).to_json()["probes"]


def _expected(data: Mapping[str, Any], step: Step) -> Expected:
    masked = get(data, "masked", bool)
    after = tuple(
        Unknown(get(item, "unknown", str)) if "unknown" in item else item["answer"]
        for item in (typed(each, dict) for each in entries(data, "after"))
    )
    found = Expected(tuple(entries(data, "before")), after, masked)
    if not len(found.before) == len(found.after) == len(step.probes):
        raise ValueError(f"{step.identity} does not expect one answer to each question")
    if masked is not step.holds_secret or (not masked and digest_of(found.before) != step.before):
        raise ValueError(f"{step.identity} expects other answers than it was planned from")
    return found
