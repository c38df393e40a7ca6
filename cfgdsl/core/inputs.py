"""Resources that are given outputs of others: what can be said of them before the values are known,
and what they are once these are.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from cfgdsl.core.errors import CfgdslError, ImpossibleError
from cfgdsl.core.output import Lookup, Output

R = TypeVar("R")

HOST = "#host"
"""Where a resource keeps the name of the host that it was declared for."""

OUTPUTS = "#outputs"
"""Where a resource keeps the names of the fields that were given an output."""


def host_of(resource: Any) -> str | None:
    """The host that a resource was declared for; None: for none, it is a value only."""
    found: str | None = resource.__dict__.get(HOST)
    return found


def may_wait(resource: Any) -> bool:
    """Whether an output was given to a resource for some field; cheap, for most have none."""
    return bool(resource.__dict__[OUTPUTS])


def outputs_in(resource: Any) -> Iterator[tuple[str, Output[Any]]]:
    """Every (field name, output) that a resource is given for a field."""
    values = resource.__dict__
    for name in values[OUTPUTS]:
        if isinstance(values[name], Output):
            yield name, values[name]


def sources_of(resource: Any) -> Iterator[Output[Any]]:
    """Every output of another resource that a resource waits for."""
    for _, output in outputs_in(resource):
        yield from output.sources


def known_part(resource: R) -> R:
    """The resource as if what is not known yet had not been given: pure methods of types never meet
    an output where there is a default."""
    slots = type(resource).fields_.by_name  # type: ignore[attr-defined]
    missing = {
        name: slots[name].spec.default
        for name, _ in outputs_in(resource)
        if name in type(resource).fields_.defaults  # type: ignore[attr-defined]
    }
    return resource.observed(**missing) if missing else resource  # type: ignore[attr-defined]


def completed(resource: Any) -> dict[str, Any]:
    """What `complete` says of the fields that are known; raises `ValueError`.

    While some are not, it may complain of what is missing: then it is asked again later. That the
    identity is there it must say now.
    """
    waiting = {name for name, _ in outputs_in(resource)}
    if not waiting:
        return dict(resource.complete())
    try:
        said = known_part(resource).complete()
    except ValueError:
        if any(getattr(resource, name) is None for name in type(resource).fields_.keys):
            raise
        return {}
    return {name: value for name, value in said.items() if name not in waiting}


def substituted(resource: R, lookup: Lookup) -> R:
    """The resource with its outputs replaced by their values, in normal form.

    `lookup` raises `LookupError` for what is not known yet: such a field stays as it is. Raises
    `ImpossibleError` for a value that the field does not take.
    """
    found = {}
    for name, output in outputs_in(resource):
        slot = type(resource).fields_.by_name[name]  # type: ignore[attr-defined]
        try:
            value = _value(output, lookup)
        except LookupError:
            continue
        try:
            found[name] = slot.normal_form(value)
        except ValueError as error:
            raise ImpossibleError(f"{name}, from {_origin(output)}, {error}") from None
    if not found:
        return resource
    filled = resource.observed(**found)  # type: ignore[attr-defined]
    try:
        return filled.observed(**completed(filled))  # type: ignore[no-any-return]
    except ValueError as error:
        raise ImpossibleError(str(error)) from None


def _value(output: Output[Any], lookup: Lookup) -> Any:
    """The value of an output; first of all its sources, so that no function of the user's runs in
    vain, nor is a mistake in one taken for a value that is not known."""
    known = {(id(s.source), s.name): lookup(s.source, s.name) for s in output.sources}
    try:
        return output.resolve(lambda source, name: known[id(source), name])
    except CfgdslError as error:
        raise ImpossibleError("; ".join(d.summary for d in error.diagnostics)) from None
    except Exception as error:  # noqa: BLE001 - the user's function may raise anything
        raise ImpossibleError(
            f"what is made of {_origin(output)} raised {type(error).__name__}: {error}"
        ) from None


def _origin(output: Output[Any]) -> str:
    names = ", ".join(f"{s.source.identity}.{s.name}" for s in output.sources)
    return f"{names} ({output.origin})"
