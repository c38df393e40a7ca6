"""Which hosts a run is about: `--limit` expressions over names and tags."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.host import Host, unknown_name


def select(hosts: Iterable[Host[Any]], limit: str | None) -> tuple[Host[Any], ...]:
    """The hosts that `limit` names, in declaration order.

    Terms are separated by commas: ``web1``, ``web*``, ``@tag``; ``!term`` takes away, ``&term``
    keeps only what matches it too. A term that matches nothing is an error, as is an empty result.

    >>> [h.name for h in select([Host("web1"), Host("web2"), Host("db1")], "web*,!web2")]
    ['web1']
    """
    everything = tuple(hosts)
    if limit is None:
        return everything
    terms = [term.strip() for term in limit.split(",") if term.strip()]
    positive = [t for t in terms if t[0] not in "!&"]
    chosen = {h.name for t in positive for h in _matching(everything, t)}
    if not positive:
        chosen = {h.name for h in everything}
    for term in terms:
        if term[0] == "!":
            chosen -= {h.name for h in _matching(everything, term[1:])}
        elif term[0] == "&":
            chosen &= {h.name for h in _matching(everything, term[1:])}
    if not chosen:
        raise ConfigurationError(
            Diagnostic(summary=f"--limit {limit} leaves no host", hint=_known(everything))
        )
    return tuple(h for h in everything if h.name in chosen)


def _matching(hosts: tuple[Host[Any], ...], term: str) -> list[Host[Any]]:
    if term.startswith("@"):
        found = [h for h in hosts if any(fnmatchcase(tag, term[1:]) for tag in h.tags)]
        if not found:
            raise unknown_name("tag", term[1:], {tag for h in hosts for tag in h.tags})
        return found
    found = [h for h in hosts if fnmatchcase(h.name, term)]
    if not found:
        raise unknown_name("host", term, [h.name for h in hosts])
    return found


def _known(hosts: tuple[Host[Any], ...]) -> str:
    names = [h.name for h in hosts]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"Declared: {', '.join(names[:10])}{more}."
