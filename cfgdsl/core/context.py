"""The one place that knows which collector is active: declarations enter it, facts come from it."""

from contextvars import ContextVar
from typing import Any, Protocol


class Collecting(Protocol):
    """What a declaration sees of the engine while the user's function runs for one host."""

    def add(self, resource: Any) -> None:
        """Take in one declared resource."""

    def move(self, old: str, new: str) -> None:
        """Note that a resource has a new identity."""

    def facts(self, host: Any) -> Any:
        """The facts of a host, fetched when first asked for."""


active: ContextVar[Collecting | None] = ContextVar("cfgdsl_active", default=None)
"""The collector of the evaluation that runs now; None: constructors make inert values."""
