"""Plans from their JSON form (docs/plan.schema.json), checked as they are read."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from cfgdsl.core import ops, probes
from cfgdsl.core.content import Content
from cfgdsl.core.diff import FieldChange
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.origin import Origin
from cfgdsl.core.step import Barrier, HostPlan, Part, Skip, Step

FORMAT = 1
"""The version of the plan's JSON form."""

T = TypeVar("T")


def read_plan(text: str | bytes) -> tuple[str | None, tuple[HostPlan, ...]]:
    """The project and the hosts of a plan's document; raises `ConfigurationError`."""
    try:
        document = _typed(json.loads(text), dict, "the document")
        _check_format(document["format"])
        hosts = tuple(_host(_typed(item, dict)) for item in _list(document, "hosts"))
        return _get(document, "project", str, None), hosts
    except KeyError as error:
        why = f"it lacks {error}"
    except RecursionError:
        why = "it is nested too deeply"
    except ValueError as error:
        why = str(error)
    raise ConfigurationError(
        Diagnostic(
            summary="this is not a plan that this version of cfgdsl can read",
            detail=why,
            hint="Make it anew with `cfgdsl plan --out FILE`.",
        )
    )


def _check_format(found: object) -> None:
    if found != FORMAT:
        raise ValueError(f"its format is {found!r}, not {FORMAT}")


def _host(data: Mapping[str, Any]) -> HostPlan:
    host = _get(data, "host", str)
    return HostPlan(
        host=host,
        machine_id=_get(data, "machine_id", str, None),
        steps=tuple(_step(host, item) for item in _list(data, "steps")),
        barriers=tuple(
            Barrier(id=_get(item, "id", int), steps=_all(item, "steps", int))
            for item in _list(data, "barriers")
        ),
        unchanged=_get(data, "unchanged", int),
        bootstrap=_get(data, "bootstrap", bool),
        skipped=tuple(
            Skip(
                identity=_get(item, "identity", str),
                condition=_get(item, "condition", str),
                origin=_origin(item["origin"]),
            )
            for item in _list(data, "skipped")
        ),
        notes=tuple(_diagnostic(item) for item in _list(data, "notes")),
        problems=tuple(_diagnostic(item) for item in _list(data, "problems")),
    )


def _step(host: str, data: Mapping[str, Any]) -> Step:
    timeout = _get(data, "timeout", (float, int), None)
    return Step(
        id=_get(data, "id", int),
        host=host,
        identity=_get(data, "identity", str),
        action=_get(data, "action", str),
        reason=_get(data, "reason", str),
        causes=_all(data, "causes", str),
        fields=tuple(
            FieldChange(_get(item, "field", str), _value(item["before"]), _value(item["after"]))
            for item in _list(data, "changes")
        ),
        probes=tuple(probes.from_json(_typed(item, dict)) for item in _list(data, "probes")),
        ops=None
        if data["ops"] is None
        else tuple(ops.from_json(_typed(item, dict)) for item in _list(data, "ops")),
        before=_get(data, "planned_from", str, None),
        want=_get(data, "wanted", str, None),
        after=_all(data, "after", int),
        gates=_all(data, "gates", str),
        triggers=_all(data, "triggers", int),
        locks=_all(data, "locks", str),
        retries=_get(data, "retries", int),
        timeout=timeout,
        possible=_get(data, "possible", bool),
        always=_get(data, "always", bool),
        refresh=_get(data, "refresh", bool),
        debt=_get(data, "debt", bool),
        since=_get(data, "since", str, None),
        corrective=_get(data, "corrective", bool),
        release=_get(data, "release", bool),
        origin=_origin(data["origin"]),
        component=_get(data, "component", str),
        tags=_all(data, "tags", str),
        parts=tuple(
            Part(_get(item, "identity", str), _origin(item["origin"]))
            for item in _list(data, "parts")
        ),
    )


def _diagnostic(data: Mapping[str, Any]) -> Diagnostic:
    texts = {name: _get(data, name, str) for name in ("summary", "detail", "hint", "address")}
    return Diagnostic(**texts, origins=tuple(_origin(item) for item in _list(data, "origins")))


def _origin(data: Any) -> Origin:
    data = _typed(data, dict)
    return Origin(_get(data, "file", str), _get(data, "line", int), _get(data, "function", str))


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


def _get(data: Mapping[str, Any], name: str, *kinds: Any) -> Any:
    """The value of `name`, of one of these types; a None among them allows null."""
    value = data[name]
    if value is None and None in kinds:
        return None
    return _typed(value, kinds[0], name)


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    found: list[Any] = _typed(data[name], list, name)
    return found


def _all(data: Mapping[str, Any], name: str, kind: type[T]) -> tuple[T, ...]:
    return tuple(_typed(item, kind, name) for item in _list(data, name))


def _typed(value: Any, kind: Any, name: str = "an entry") -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} is {value!r}")
    return value
