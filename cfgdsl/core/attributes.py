"""Attributes that resources do not have: misspelt fields and outputs."""

import difflib
from typing import Any

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.origin import capture_origin


class NoAttributeError(ConfigurationError, AttributeError):
    """An attribute that a resource does not have; the message is made when it is asked for, since
    whoever looks whether there is one must not pay for it."""

    def __init__(self, resource: Any, name: str) -> None:
        AttributeError.__init__(self, name)
        self._type = type(resource)
        self._name = name
        self._origin = None if name[:1] == "_" else capture_origin()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:  # type: ignore[override]
        """What is wrong, and what was likely meant."""
        names = [n for n in dir(self._type) if n[0] != "_"] + list(self._type.fields_.by_name)
        near = difflib.get_close_matches(self._name, names, n=1)
        return (
            Diagnostic(
                summary=f"{self._type.__name__} has no attribute {self._name!r}",
                hint=f"Did you mean {near[0]!r}?" if near else "`cfgdsl types` lists its fields.",
                origins=(self._origin,) if self._origin is not None else (),
            ),
        )
