"""What `after=` and its like take: resources, components or identities; one, or lists of them."""

from typing import Annotated, Any

from cfgdsl.core.output import Output
from cfgdsl.core.values import As, must_be


def references(value: Any) -> tuple[Any, ...]:
    """A reference, or a list of them (nested as it may be), as a tuple.

    Raises `ValueError` for what can be none.

    >>> references("package:nginx")
    ('package:nginx',)
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(found for item in value for found in references(item))
    if isinstance(value, set | frozenset):
        return tuple(sorted(references(list(value)), key=_reference_order))
    if isinstance(value, str | Output) or isinstance(getattr(value, "identity", None), str):
        return (value,)
    raise must_be("a resource, a component, an identity, or a list of these", value)


def _reference_order(value: Any) -> str:
    source = value.source if isinstance(value, Output) else value
    return source if isinstance(source, str) else str(source.identity)


References = Annotated[tuple[Any, ...], As(references, "reference, or a list of them")]
"""What `after=` and its like take: resources, components or identities; one, or a list."""
