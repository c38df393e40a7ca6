"""What probes and ops share: immutable values of a closed set, with one JSON form."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

import attrs

V = TypeVar("V", bound="WireValue")
C = TypeVar("C")


def _freeze(value: Any) -> Any:
    """Lists from JSON as tuples, mappings as sorted pairs: hashable, equal whatever the source."""
    if isinstance(value, list | tuple):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((k, _freeze(v)) for k, v in value.items()))
    return value


@attrs.frozen
class WireValue:
    """A probe or an op: `kind` names it on the wire, its attributes are its fields."""

    kind: ClassVar[str]
    private: ClassVar[frozenset[str]] = frozenset()
    """Fields that stay on the controller."""
    wire_fields: ClassVar[tuple[tuple[str, Any], ...]] = ()
    """Name and default of each field that goes over the wire."""

    def to_json(self) -> dict[str, Any]:
        """The fields that differ from their defaults, and the kind."""
        data: dict[str, Any] = {"kind": self.kind}
        for name, default in self.wire_fields:
            value = getattr(self, name)
            if default is attrs.NOTHING or (value is not default and value != default):
                data[name] = _thaw(name, value)
        return data


def restore(data: Mapping[str, Any], kinds: Mapping[str, type[V]]) -> V:
    """The value that `data` stands for, one of `kinds`; raises `ValueError`."""
    fields = {name: value for name, value in data.items() if name != "kind"}
    chosen = kinds.get(str(data.get("kind")))
    if chosen is None:
        raise ValueError(f"unknown kind {data.get('kind')!r}")
    if isinstance(fields.get("when"), dict):
        fields["when"] = restore(fields["when"], kinds)
    try:
        return chosen(**{name: _freeze(value) for name, value in fields.items()})
    except TypeError as error:
        raise ValueError(f"{chosen.kind}: {error}") from None


def _thaw(name: str, value: Any) -> Any:
    if isinstance(value, WireValue):
        return value.to_json()
    if name == "env":
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def wire_value(cls: type[C]) -> type[C]:
    """Make an immutable, hashable attrs class whose hash is computed once."""
    made: Any = attrs.define(frozen=True, slots=True, cache_hash=True)(cls)
    made.wire_fields = tuple(
        (f.name, f.default) for f in attrs.fields(made) if f.name not in made.private
    )
    return cast("type[C]", made)
