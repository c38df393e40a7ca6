"""Values out of JSON documents, each of the type that it must have."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from cfgdsl.core.errors import ConfigurationError, Diagnostic

T = TypeVar("T")


@contextmanager
def refusing_what_does_not_fit() -> Iterator[None]:
    """Turns what the functions below raise into one `ConfigurationError` about a plan."""
    try:
        yield
    except KeyError as error:
        raise _unreadable(f"it lacks {error}") from None
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise _unreadable(str(error)) from None


def _unreadable(why: str) -> ConfigurationError:
    return ConfigurationError(
        Diagnostic(
            summary="this is not a plan that this version of cfgdsl can read",
            detail=why,
            hint="Make it anew with `cfgdsl plan --out FILE`.",
        )
    )


def get(data: Mapping[str, Any], name: str, *kinds: Any) -> Any:
    """The value of `name`, of the first of these types; a None among them allows null.

    Raises `KeyError` where it is not there, `ValueError` where it is of another type.

    >>> get({"port": None}, "port", int, None) is None
    True
    """
    value = data[name]
    if value is None and None in kinds:
        return None
    return typed(value, kinds[0], name)


def entries(data: Mapping[str, Any], name: str) -> list[Any]:
    """The list under `name`."""
    found: list[Any] = typed(data[name], list, name)
    return found


def all_of(data: Mapping[str, Any], name: str, kind: type[T]) -> tuple[T, ...]:
    """The list under `name`, all of one type."""
    return tuple(typed(item, kind, name) for item in entries(data, name))


def typed(value: Any, kind: Any, name: str = "an entry") -> Any:
    """`value`, which must be of this type; a truth value is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} is {value!r}")
    return value
