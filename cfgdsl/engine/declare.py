"""What a configuration module says besides its resources: project, configure, template."""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs

from cfgdsl.core.content import Template
from cfgdsl.core.context import active
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.host import Host, unknown_name
from cfgdsl.core.origin import Origin, capture_origin
from cfgdsl.engine.collect import Component, component

T = TypeVar("T")

__all__ = [
    "Component",
    "Configured",
    "Declarations",
    "component",
    "configure",
    "moved",
    "project",
    "template",
]


class Configured(Mapping[str, T], Generic[T]):
    """A function that `@configure` decorates: its results by host name, evaluated when asked."""

    def __init__(
        self, function: Callable[[Any], T], hosts: tuple[Host[Any], ...], origin: Origin
    ) -> None:
        self.function = function
        self.hosts: dict[str, Host[Any]] = {host.name: host for host in hosts}
        self.origin = origin
        self.evaluate: Callable[[Configured[T], Host[Any]], T] | None = None
        """Set by the project that evaluates it."""

    def __getitem__(self, name: str) -> T:
        if name not in self.hosts:
            what = f"host of {self.function.__name__}"
            raise unknown_name(what, name, self.hosts, at=(capture_origin(),))
        if self.evaluate is None:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"{self.function.__name__}[{name!r}] is read before it is evaluated",
                    detail="While the module loads, no @configure function has run yet.",
                    hint="Read it inside another @configure function.",
                    origins=(capture_origin(), self.origin),
                )
            )
        return self.evaluate(self, self.hosts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.hosts)

    def __repr__(self) -> str:
        return f"<configured {self.function.__name__} on {len(self.hosts)} hosts>"


@attrs.define
class Declarations:
    """What one load of a configuration has declared."""

    folder: Path | None = None
    """Where the configuration lies: its functions may import what lies beside it."""
    code: dict[str, str] = attrs.field(factory=dict)
    """Digests of the files that it consists of, relative to the folder."""
    project: str | None = None
    secrets: Any = None
    configured: list[Configured[Any]] = attrs.field(factory=list)
    problems: list[Diagnostic] = attrs.field(factory=list)
    moved: dict[str, str] = attrs.field(factory=dict)

    def hosts(self) -> tuple[Host[Any], ...]:
        """Every host once. Raises `ConfigurationError` for two different ones of one name."""
        found: dict[str, Host[Any]] = {}
        problems = []
        for configured in self.configured:
            for host in configured.hosts.values():
                known = found.setdefault(host.name, host)
                if known is not host:
                    problems.append(two_hosts_of_one_name(known, host))
        if problems:
            raise ConfigurationError(*dict.fromkeys(problems))
        return tuple(found.values())


loading: ContextVar[Declarations | None] = ContextVar("cfgdsl_loading", default=None)
"""The load that goes on now; None: decorators register nothing."""


def project(name: str, *, secrets: Mapping[str, Any] | None = None) -> None:
    """Name the configuration: the owner of what it makes, in the records of its hosts.

    `secrets` is where ``Secret("name")`` looks: a mapping of names to text or to other secrets.

    >>> project("acme-web")
    """
    bad = not name or len(name) > 64 or not all(c.isalnum() or c in "-_." for c in name)
    if bad or name.startswith((".", "-")):
        raise ConfigurationError(
            Diagnostic(
                summary=f"bad project name {name!r}",
                detail="At most 64 letters, digits, '-', '_' and '.', a letter or digit first.",
                origins=(capture_origin(),),
            )
        )
    declarations = loading.get()
    if declarations is not None:
        declarations.project = name
        declarations.secrets = secrets


def moved(old: str, new: str) -> None:
    """Say that a resource is declared under a new identity: it is the same thing, and keeps its
    place in the records of the hosts.

    At the top of the module it holds for every host, inside a `@configure` function for that one.
    Raises `ConfigurationError` for what is no identity.

    >>> moved("file:site", "file:/etc/nginx/conf.d/site.conf")
    """
    for identity in (old, new):
        if not isinstance(identity, str) or not all(identity.partition(":")[::2]):
            raise ConfigurationError(
                Diagnostic(
                    summary=f"moved() takes two identities, and {identity!r} is none",
                    hint='Identities look like "file:/etc/motd".',
                    origins=(capture_origin(),),
                )
            )
    collector, declarations = active.get(), loading.get()
    if collector is not None:
        collector.move(old, new)
    elif declarations is not None:
        declarations.moved[old] = new


def configure(
    hosts: Host[Any] | Iterable[Host[Any]],
) -> Callable[[Callable[[Any], T]], Configured[T]]:
    """Run the decorated function once for each host; what it declares belongs to that host.

    The decorated name is a mapping from host name to what the function returned for that host.

    >>> @configure([Host("web1"), Host("web2")])
    ... def web(host):
    ...     pass
    >>> list(web)
    ['web1', 'web2']
    """
    origin = capture_origin()
    given = (hosts,) if isinstance(hosts, Host) else tuple(hosts)
    problems = _bad_hosts(given, origin)
    if problems:
        raise ConfigurationError(*problems)

    def decorate(function: Callable[[Any], T]) -> Configured[T]:
        configured = Configured(function, given, origin)
        declarations = loading.get()
        if declarations is not None:
            declarations.configured.append(configured)
        return configured

    return decorate


def _bad_hosts(hosts: tuple[Any, ...], origin: Origin) -> list[Diagnostic]:
    if not hosts:
        return [
            Diagnostic(
                summary="@configure got no hosts",
                hint="Give it at least one Host, or remove the function.",
                origins=(origin,),
            )
        ]
    wrong = [host for host in hosts if not isinstance(host, Host)]
    if wrong:
        return [
            Diagnostic(
                summary=f"@configure takes hosts, not {type(wrong[0]).__name__} {wrong[0]!r}",
                hint='Write @configure([Host("web1")]).',
                origins=(origin,),
            )
        ]
    first: dict[str, Host[Any]] = {}
    for host in hosts:
        known = first.setdefault(host.name, host)
        if known is not host:
            return [two_hosts_of_one_name(known, host)]
    return []


def two_hosts_of_one_name(one: Host[Any], other: Host[Any]) -> Diagnostic:
    """What is wrong with that: plans, limits and records know a host by its name."""
    return Diagnostic(
        summary=f"two hosts are named {one.name!r}",
        hint="Declare it once and use that one everywhere.",
        origins=(one.origin, other.origin),
    )


def template(path: str, /, **variables: Any) -> Template:
    """The content that a jinja2 template renders, from a path relative to the declaring module.

    Undefined variables are errors; the template's last newline is kept.

    >>> template("/etc/site.conf.j2", workers=2).path
    '/etc/site.conf.j2'
    """
    folder = posixpath.dirname(capture_origin().file)
    return Template(
        posixpath.normpath(posixpath.join(folder, path)), tuple(sorted(variables.items()))
    )
