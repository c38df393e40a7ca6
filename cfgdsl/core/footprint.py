"""Footprints: which keys of its target a resource reads and writes.

From footprints alone follow the inferred edges, conflicts, and what may run at the same time. A key
is text, ``kind:name``: ``path:/etc/nginx``, ``user:deploy``, ``package:nginx``,
``unit:nginx.service``, ``port:80``.
"""

import functools
from collections.abc import Iterable

import attrs

from cfgdsl.core.probes import Probe


def _keys(value: Iterable[str]) -> tuple[str, ...]:
    keys = tuple(value)
    return keys if len(keys) < 2 else tuple(dict.fromkeys(keys))


@attrs.frozen(kw_only=True)
class Footprint:
    """The keys of one resource.

    >>> Footprint(writes=[path("/etc/motd")], reads=[path("/etc")]).writes
    ('path:/etc/motd',)
    """

    writes: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    """What it makes or removes. Two writers of one key are an error."""
    edits: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    """Those of `writes` that are others' own: when what makes one `brings` things, it comes after
    that, and who no longer declares it leaves it as it is."""
    reads: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    """What must be as declared before it is applied: it comes after the writers of these."""
    reads_under: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    """Folders whose whole content it reads (`path:` keys), or all of a kind (``user:``): it comes
    after the writers of anything inside."""
    makes: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    """What it makes on the way without owning it (the folders above, a home): whoever writes or
    needs one of these comes after it."""
    brings: bool = False
    """Whether it may make things that nobody declares: a package, an archive, a user's command."""
    awaits: tuple[tuple[str, Probe], ...] = ()
    """Keys that must exist, each with the question whether they do: where the host answers None and
    no declared resource writes the key, it waits for every step that `brings`."""
    locks: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    """Names of what only one step at a time can use (the package database)."""


def path(name: str) -> str:
    """The key of a path.

    >>> path("/etc/motd")
    'path:/etc/motd'
    """
    return f"path:{name}"


def parents(name: str) -> tuple[str, ...]:
    """The keys of all directories above a path, nearest first, without the root.

    >>> parents("/etc/nginx/conf.d")
    ('path:/etc/nginx', 'path:/etc')
    """
    return _and_above(folder_of(name))


def folder_of(name: str) -> str:
    """The folder that a path in normal form is in; that of the root is the root.

    >>> folder_of("/etc/motd"), folder_of("/etc")
    ('/etc', '/')
    """
    return name.rpartition("/")[0] or "/"  # `posixpath.dirname` takes three times as long


@functools.lru_cache(maxsize=4096)
def _and_above(folder: str) -> tuple[str, ...]:
    """Folders are few and much lies in them: each is taken apart once."""
    found = []
    while folder != "/":
        found.append(path(folder))
        folder = folder_of(folder)
    return tuple(found)


def user(name: str) -> str:
    """The key of an account.

    >>> user("deploy")
    'user:deploy'
    """
    return f"user:{name}"


def group(name: str) -> str:
    """The key of a group.

    >>> group("www")
    'group:www'
    """
    return f"group:{name}"


def package(name: str) -> str:
    """The key of a package.

    >>> package("nginx")
    'package:nginx'
    """
    return f"package:{name}"


def unit(name: str) -> str:
    """The key of a systemd unit, with its suffix.

    >>> unit("nginx.service")
    'unit:nginx.service'
    """
    return f"unit:{name}"
