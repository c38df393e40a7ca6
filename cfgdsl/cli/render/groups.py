"""Hosts that need the same, shown once: any entries, gathered by the hosts that have them."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from cfgdsl.cli.render.entries import Entry
from cfgdsl.cli.text import Line, Span, counted, line, listed, padded, width_of, wrapped
from cfgdsl.cli.view import View

T = TypeVar("T")
_WIDEST_IDENTITY = 44


def gathered(by_host: Iterable[tuple[str, Iterable[T]]]) -> dict[tuple[str, ...], list[T]]:
    """What each set of hosts has in common, the largest sets first; hosts are taken one by one.

    >>> gathered([("a", ["x", "y"]), ("b", ["x"])])
    {('a', 'b'): ['x'], ('a',): ['y']}
    """
    hosts: dict[T, dict[str, None]] = {}
    for host, entries in by_host:
        for entry in entries:
            hosts.setdefault(entry, {})[host] = None
    found: dict[tuple[str, ...], list[T]] = {}
    for entry, names in hosts.items():
        found.setdefault(tuple(names), []).append(entry)
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def named(identity: str, hosts: tuple[str, ...], view: View) -> str:
    """A resource of one host by its address, of several by its identity.

    >>> named("file:/etc/motd", ("web1",), View())
    'web1/file:/etc/motd'
    """
    names = listed(hosts, None if view.verbose else 6)
    if not identity:
        return names
    return f"{names}/{identity}" if len(hosts) == 1 else f"{identity} on {names}"


def host_title(hosts: tuple[str, ...], view: View) -> Line:
    """The hosts of a group, as its heading."""
    names = listed(hosts, None if view.verbose else 6)
    many = f" ({counted(len(hosts), 'host')})" if len(hosts) > 2 else ""
    return line(Span(names, "heading"), Span(many, "dim"))


def entry_lines(entries: list[Entry], view: View) -> Iterator[Line]:
    """Entries under the headings of their components, with aligned columns."""
    column = max(width_of(e.identity) + 2 * bool(e.component) for e in entries)
    column = min(_WIDEST_IDENTITY, column)
    components = dict.fromkeys(e.component for e in entries)
    for component in sorted(components, key=bool):
        if component:
            yield line("  ", Span(component, "heading"))
        indent = "    " if component else "  "
        for entry in entries:
            if entry.component == component:
                yield from _entry(entry, indent, column + 2 - len(indent), view)


def _entry(entry: Entry, indent: str, column: int, view: View) -> Iterator[Line]:
    head = (indent, Span(f"{entry.glyph} ", entry.style))
    used = width_of(indent) + 2 + max(column, width_of(entry.identity))
    tail = "  ".join(part for part in (entry.reason, entry.where) if part)
    name = padded(entry.identity, column)
    if used + 2 + width_of(tail) <= view.width:
        yield line(*head, Span(name, entry.style), Span(f"  {tail}", "dim"))
    else:
        yield line(*head, Span(entry.identity, entry.style), Span(f"  {entry.where}", "dim"))
        yield from wrapped(entry.reason, view.width, indent=f"{indent}    ", style="dim")
    for each in entry.body:
        yield (Span(f"{indent}    "), *each)
