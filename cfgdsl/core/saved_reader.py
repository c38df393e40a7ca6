"""Reads what `cfgdsl.core.saved` writes, checked as it is read, and against the plan beside it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.decide import digest_of
from cfgdsl.core.expected import Expected
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.plan import HostPlan, Step
from cfgdsl.core.predict import Identity
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import Probe, Unknown
from cfgdsl.core.reading import all_of, entries, get, refusing_what_does_not_fit, typed
from cfgdsl.core.request import Planned
from cfgdsl.core.resource import Resource, ResourceType
from cfgdsl.core.saved import MadeFrom
from cfgdsl.core.saved_host import host_from_json
from cfgdsl.core.saved_values import Stored, content_from_json, own_probes, resource_from_json
from cfgdsl.core.step import Note

TypeOf = Callable[[str], ResourceType]
"""The type with such a name; raises `ConfigurationError`."""


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
            interrupted=get(self.data, "interrupted", bool),
        )
        return Prepared(host, Planned(plan, resources, expected=expected), identity)

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


def _note(data: Mapping[str, Any]) -> Note:
    was = get(data, "was", dict, None)
    if "past" in data:
        return Note(own=get(data, "past", dict), applied="", was=was, owns=False)
    return Note(
        own=get(data, "own", dict),
        applied=get(data, "applied", str),
        was=was,
    )
