"""References to resources of other hosts: what may be one, and the edges that they make."""

from typing import Any

import attrs

from cfgdsl.core.edges import EdgeKind
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.inputs import host_of
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource


@attrs.frozen
class ForeignEdge:
    """A resource of another host is applied before `after` (a position in the graph)."""

    host: str
    identity: str
    """Of the resource on `host`."""
    after: int
    kind: EdgeKind
    why: str
    """The argument that makes the edge."""
    origin: Origin
    """Where the resource on `host` was declared."""

    @property
    def address(self) -> str:
        """``web1/ssh_key:/root/.ssh/id_ed25519``."""
        return f"{self.host}/{self.identity}"


def other_host(value: Any, host: str | None) -> str | None:
    """The host that a reference leads to, when that is not `host`.

    >>> other_host("package:nginx", "web1")
    """
    source = value.source if isinstance(value, Output) else value
    found = host_of(source) if isinstance(source, Resource) else getattr(source, "host", None)
    return found if isinstance(found, str) and found != host else None


def foreign_edge(argument: str, value: Any, host: str, index: int) -> ForeignEdge:
    """The edge of a reference to a resource of `host`."""
    kind: EdgeKind = "reference" if isinstance(value, Output) else "declared"
    source = value.source if isinstance(value, Output) else value
    return ForeignEdge(host, source.identity, index, kind, argument, source.origin)


def not_across_hosts(argument: str, value: Any, host: str, user: Resource) -> list[Diagnostic]:
    """What is wrong with a reference of `user` to something of `host`."""
    if isinstance(value, Output) or (argument == "after" and isinstance(value, Resource)):
        return []
    detail = "What is owed after a change is kept in the record of one host."
    return [
        Diagnostic(
            summary=f"{argument}= refers to {host}/{value.identity}, which is on another host",
            detail="" if argument == "after" else detail,
            hint="Use after= with resources of that host, or give it an output of one.",
            address=user.identity,
            origins=(user.origin, *([value.origin] if isinstance(value, Resource) else [])),
        )
    ]
