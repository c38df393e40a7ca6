"""Typed fields of resource types: what an editor sees, and what is checked at the declaration."""

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from typing import Generic, Self, overload

    from typing_extensions import TypeVar

    from cfgdsl.core.output import Output

    T = TypeVar("T")
    W = TypeVar("W", default=T)


@attrs.frozen
class FieldAnnotation:
    """What `Field[T]` is at run time: the annotation T."""

    annotation: Any


if TYPE_CHECKING:

    class Field(Generic[T, W]):
        """A field that reads as T and accepts T, an `Output[T]`, or the wider input form W."""

        @overload
        def __get__(self, instance: None, owner: type) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type) -> T: ...
        def __get__(self, instance: object, owner: type) -> Self | T: ...
        def __set__(self, instance: object, value: T | W | Output[T] | Output[W]) -> None: ...

else:

    class Field:
        """A field that reads as T and accepts T, an `Output[T]`, or the wider input form W.

        >>> Field[int | None, int | str | None]
        FieldAnnotation(annotation=int | None)
        """

        def __class_getitem__(cls, parameters: Any) -> FieldAnnotation:
            return FieldAnnotation(parameters[0] if isinstance(parameters, tuple) else parameters)


REQUIRED: Any = attrs.NOTHING


@attrs.frozen
class FieldSpec:
    """What a resource type says of one field, beyond its annotation."""

    default: Any
    kw_only: bool
    is_key: bool = False
    how: bool = False
    """Not observed and not compared: it says how to apply, not what should be."""


def field(*, default: Any = REQUIRED, kw_only: bool = True, how: bool = False) -> Any:
    """A field of a resource type.

    State fields are observed, compared and recorded; `how=True` marks one that only says how to
    apply. A field left None is not managed. Without a `default` it must be given; a mutable default
    is never needed, for values are tuples.

    >>> field(default=None).how
    False
    """
    return FieldSpec(default=default, kw_only=kw_only, how=how)


def key(*, default: Any = REQUIRED, kw_only: bool = False) -> Any:
    """A field that identifies the resource on its target; not compared.

    >>> key().is_key
    True
    """
    return FieldSpec(default=default, kw_only=kw_only, is_key=True)
