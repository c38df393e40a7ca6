"""Plans from their JSON form (docs/plan.schema.json), checked as they are read."""

import json
from collections.abc import Mapping
from typing import Any

from cfgdsl.core import ops, probes
from cfgdsl.core.content import Content
from cfgdsl.core.diff import FieldChange
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.host_plan import Barrier, HostPlan, Skip
from cfgdsl.core.origin import Origin
from cfgdsl.core.reading import all_of, entries, get, refusing_what_does_not_fit, typed
from cfgdsl.core.step import Part, Step

FORMAT = 1
"""The version of the plan's JSON form."""


def read_plan(text: str | bytes) -> tuple[str | None, tuple[HostPlan, ...]]:
    """The project and the hosts of a plan's document; raises `ConfigurationError`."""
    with refusing_what_does_not_fit():
        document = typed(json.loads(text), dict, "the document")
        _check_format(document["format"])
        hosts = tuple(_host(typed(item, dict)) for item in entries(document, "hosts"))
        return get(document, "project", str, None), hosts


def _check_format(found: object) -> None:
    if found != FORMAT:
        raise ValueError(f"its format is {found!r}, not {FORMAT}")


def _host(data: Mapping[str, Any]) -> HostPlan:
    host = get(data, "host", str)
    return HostPlan(
        host=host,
        machine_id=get(data, "machine_id", str, None),
        steps=tuple(_step(host, item) for item in entries(data, "steps")),
        barriers=tuple(
            Barrier(id=get(item, "id", int), steps=all_of(item, "steps", int))
            for item in entries(data, "barriers")
        ),
        unchanged=get(data, "unchanged", int),
        bootstrap=get(data, "bootstrap", bool),
        skipped=tuple(
            Skip(
                identity=get(item, "identity", str),
                condition=get(item, "condition", str),
                origin=read_origin(item["origin"]),
            )
            for item in entries(data, "skipped")
        ),
        notes=tuple(_diagnostic(item) for item in entries(data, "notes")),
        problems=tuple(_diagnostic(item) for item in entries(data, "problems")),
    )


def _step(host: str, data: Mapping[str, Any]) -> Step:
    timeout = get(data, "timeout", (float, int), None)
    return Step(
        id=get(data, "id", int),
        host=host,
        identity=get(data, "identity", str),
        action=get(data, "action", str),
        reason=get(data, "reason", str),
        causes=all_of(data, "causes", str),
        fields=tuple(
            FieldChange(get(item, "field", str), _value(item["before"]), _value(item["after"]))
            for item in entries(data, "changes")
        ),
        probes=tuple(probes.from_json(typed(item, dict)) for item in entries(data, "probes")),
        ops=None
        if data["ops"] is None
        else tuple(ops.from_json(typed(item, dict)) for item in entries(data, "ops")),
        before=get(data, "planned_from", str, None),
        want=get(data, "wanted", str, None),
        after=all_of(data, "after", int),
        gates=all_of(data, "gates", str),
        triggers=all_of(data, "triggers", int),
        locks=all_of(data, "locks", str),
        retries=get(data, "retries", int),
        timeout=timeout,
        possible=get(data, "possible", bool),
        always=get(data, "always", bool),
        refresh=get(data, "refresh", bool),
        debt=get(data, "debt", bool),
        since=get(data, "since", str, None),
        corrective=get(data, "corrective", bool),
        release=get(data, "release", bool),
        secret=get(data, "secret", bool),
        origin=read_origin(data["origin"]),
        component=get(data, "component", str),
        tags=all_of(data, "tags", str),
        parts=tuple(
            Part(get(item, "identity", str), read_origin(item["origin"]))
            for item in entries(data, "parts")
        ),
    )


def _diagnostic(data: Mapping[str, Any]) -> Diagnostic:
    texts = {name: get(data, name, str) for name in ("summary", "detail", "hint", "address")}
    return Diagnostic(
        **texts, origins=tuple(read_origin(item) for item in entries(data, "origins"))
    )


def read_origin(data: Any) -> Origin:
    """The line of the user's code that `origin_to_json` wrote."""
    data = typed(data, dict)
    return Origin(get(data, "file", str), get(data, "line", int), get(data, "function", str))


def _value(data: Any) -> Any:
    """What `cfgdsl.core.step.shown` made of a field value, so that it shows the same again."""
    match data:
        case {"secret": True}:
            return Content.hidden()
        case {"known": "after apply"}:
            return probes.Unknown("after apply")
        case {"sha256": str(sha256), "size": int(size), "text": str() | None as text}:
            return Content(sha256, size, data=None if text is None else text.encode())
        case list():
            return tuple(_value(item) for item in data)
        case None | bool() | int() | float() | str():
            return data
    raise ValueError(f"{data!r} stands for no value of a field")
