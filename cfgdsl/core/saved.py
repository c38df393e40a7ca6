"""The second document of a plan file: what executing the plan takes beyond what people approve.

How hosts are reached; for each step the answers that it expects, and the resource that decides or
judges it during the run; by digest, what the plan was made from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.errors import Diagnostic, raise_all
from cfgdsl.core.expected import Expected
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.plan import Step
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import Answer, Unknown
from cfgdsl.core.request import Planned
from cfgdsl.core.resource import Resource, contents_in
from cfgdsl.core.saved_host import host_to_json
from cfgdsl.core.saved_values import NotSavableError, content_to_json, fields_to_json, seal
from cfgdsl.core.step import Note
from cfgdsl.runner.wire import canonical

NameOf = Callable[[Resource], str]
"""The name under which a resource's type is found again; raises `NotSavableError`."""


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


def contents_of(prepared: Iterable[Prepared]) -> dict[str, Content]:
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


def execution_hosts(prepared: Iterable[Prepared], name_of: NameOf) -> str:
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
        "interrupted": plan.interrupted,
    }


def _step_to_json(step: Step, planned: Planned, name_of: NameOf) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if step.gates:
        raise NotSavableError(f"order waits for {step.gates[0]}, on another host")
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
    known = _without_digests(note.to_wire())
    return {**known, "applied": ""} if note.owns else known


def _without_digests(data: Any) -> Any:
    """What a record has about something that held a secret, whatever its type told of it."""
    match data:
        case {"sha256": _} if "kind" not in data:
            return {"secret": True}
        case dict():
            return {k: _without_digests(v) for k, v in data.items() if k != "unless"}
        case list() | tuple():
            return [_without_digests(item) for item in data]
    return data


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
