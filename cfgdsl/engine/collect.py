"""The collector: takes in what the user's functions declare for one host."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import attrs

from cfgdsl.core.context import active
from cfgdsl.core.facts import Facts
from cfgdsl.core.host import Host
from cfgdsl.core.inputs import HOST
from cfgdsl.core.references import references
from cfgdsl.core.resource import Resource


@attrs.frozen
class Component:
    """A named group of resources: shown together, usable in `after=` and `--tags`."""

    name: str
    after: tuple[Any, ...] = ()
    tags: tuple[str, ...] = ()
    host: str | None = None
    """For which host it was declared."""

    @property
    def identity(self) -> str:
        """What references to it look like: ``component:nginx``."""
        return f"component:{self.name}"


_components: ContextVar[tuple[Component, ...]] = ContextVar("cfgdsl_components", default=())


@contextmanager
def component(
    name: str,
    *,
    after: Any = (),
    tags: tuple[str, ...] | list[str] = (),
) -> Iterator[Component]:
    """Group what is declared inside; nested names are joined with a slash.

    >>> with component("nginx", tags=["web"]) as nginx:
    ...     nginx.identity
    'component:nginx'
    """
    outer = _components.get()
    full = "/".join([*(c.name for c in outer[-1:]), name])
    collector = active.get()
    host = collector.host.name if isinstance(collector, Collector) else None
    inside = Component(full, references(after), tuple(tags), host)
    token = _components.set((*outer, inside))
    try:
        yield inside
    finally:
        _components.reset(token)


class Collector:
    """What one host should have, as it is being declared."""

    def __init__(self, host: Host[Any], facts: Callable[[Host[Any]], Facts]) -> None:
        self.host = host
        self._facts = facts
        self.resources: list[Resource] = []
        self.components: dict[str, list[str]] = {}
        """Identities by the identity of each component they are in."""
        self.moved: dict[str, str] = {}
        """New identities by old ones."""

    def add(self, resource: Resource) -> None:
        """Take in one resource, with what its components give it."""
        resource.__dict__[HOST] = self.host.name
        around = _components.get()
        for group in around:
            self.components.setdefault(group.identity, []).append(resource.identity)
        after = tuple(a for group in around for a in group.after)
        tags = tuple(t for group in around for t in group.tags)
        if after or tags:
            resource = resource.observed(
                after=(*references(resource.after), *after),
                tags=tuple(dict.fromkeys((*resource.tags, *tags))),
            )
        self.resources.append(resource)

    def move(self, old: str, new: str) -> None:
        """Note that the record may know something under an old name."""
        self.moved[old] = new

    def facts(self, host: Host[Any]) -> Facts:
        """The facts of a host, fetched when first asked for."""
        return self._facts(host)
