"""Resources and contents as a saved plan has them: in normal form, secrets and bytes by reference.

What a step's type decides during a run must be at hand then, without the module that declared it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cfgdsl.core import probes
from cfgdsl.core.condition import Condition
from cfgdsl.core.content import Content
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output
from cfgdsl.core.probes import Probe
from cfgdsl.core.reading import get, typed
from cfgdsl.core.resource import Resource, ResourceType

Stored = Callable[[str, int], Content]
"""The content of a plan file with a sha256 and a size; `KeyError` when it is not in there."""


class NotSavableError(Exception):
    """Why a value cannot be written into a plan file: a sentence that goes on from its name."""


def content_to_json(content: Content) -> dict[str, Any]:
    """A content by digest; one that holds a secret by the text that refers to it.

    >>> content_to_json(Content.sealed("password=..."))
    {'secret': 'password=...'}
    """
    if not content.secret:
        return {"sha256": content.sha256, "size": content.size}
    if content.shown is None:
        raise NotSavableError("holds a secret that nothing refers to")
    return {"secret": content.shown}


def content_from_json(data: Mapping[str, Any], stored: Stored) -> Content:
    """The content that `content_to_json` wrote; sealed when it holds a secret."""
    if "secret" in data:
        return Content.sealed(get(data, "secret", str))
    return stored(get(data, "sha256", str), get(data, "size", int))


def sealed(content: Content) -> Content:
    """A content without what a secret in it could be guessed from."""
    return Content.sealed(content.shown or "") if content.secret else content


def seal(resource: Resource) -> Resource:
    """`resource` with its secret contents sealed."""
    return with_contents(resource, sealed)


def with_contents(resource: Resource, change: Callable[[Content], Content]) -> Resource:
    """`resource` with each of its contents as `change` makes it."""
    found = {}
    for slot in type(resource).slots_:
        value = getattr(resource, slot.name)
        if isinstance(value, Content) and change(value) is not value:
            found[slot.name] = change(value)
    return resource.observed(**found) if found else resource


def own_probes(resource: Resource) -> tuple[Probe, ...]:
    """What is asked about a resource, each question once; a step may have its condition behind."""
    return tuple(dict.fromkeys(resource.probes()))


def fields_to_json(resource: Resource) -> dict[str, Any]:
    """The fields that differ from their defaults; raises `NotSavableError`."""
    found = {}
    for slot in type(resource).slots_:
        value = getattr(resource, slot.name)
        if not isinstance(value, Output) and value == slot.spec.default:
            continue
        try:
            found[slot.name] = _to_json(value, listed_how=slot.spec.how)
        except NotSavableError as error:
            raise NotSavableError(f"{slot.name} {error}") from None
    return found


def _to_json(value: Any, *, listed_how: bool, is_reference: bool = False) -> Any:
    """`listed_how`: what is listed in it may be references, as in `after=`."""
    if value is None or type(value) in {bool, int, float, str}:
        return value
    match value:
        case Content():
            return {"content": content_to_json(value)}
        case Condition():
            return {"condition": value.probe.to_json(), "negated": value.negated}
        case tuple():
            return [
                _to_json(item, listed_how=listed_how, is_reference=listed_how) for item in value
            ]
        case Output() if not is_reference:  # the place for outputs: what the run resolves
            raise NotSavableError(
                f"is an output of {value.source.identity}, which a saved plan cannot hold yet"
            )
    source = value.source if isinstance(value, Output) else value
    identity = getattr(source, "identity", None)
    if is_reference and isinstance(identity, str):
        return identity  # a reference: `after=package`; the plan has made steps of it
    name = type(value).__qualname__
    raise NotSavableError(f"holds a {name}, which a saved plan cannot hold")


def resource_from_json(
    cls: ResourceType, fields: Mapping[str, Any], origin: Origin, stored: Stored
) -> Resource:
    """The resource of which `fields_to_json` wrote the fields; raises `ValueError`."""
    values = {name: _from_json(value, stored) for name, value in fields.items()}
    return cls.restored(values, origin)


def _from_json(value: Any, stored: Stored) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return tuple(_from_json(item, stored) for item in value)
        case {"content": dict() as content}:
            return content_from_json(content, stored)
        case {"condition": dict() as probe, "negated": bool() as negated}:
            return Condition(probes.from_json(typed(probe, dict)), negated)
    raise ValueError(f"{json.dumps(value)[:80]} stands for no value of a field")
