"""Bulk questions: many `query` probes, one command; its output, split into one answer each."""

from __future__ import annotations

from .wire import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

MOST_ITEMS = 500
MOST_BYTES = 96 * 1024
"""How many items, of how many bytes in all, go on one command line: ARG_MAX is 128 KiB or more."""


def grouped(
    probes: Sequence[tuple[str, dict[str, Any]]],
) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """(key, `query` probe) pairs that one command can answer: alike but for item, not too many."""
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for key, probe in probes:
        alike = {name: value for name, value in probe.items() if name not in ("item", "when")}
        groups.setdefault(canonical(alike), []).append((key, probe))
    for group in groups.values():
        chunk: list[tuple[str, dict[str, Any]]] = []
        room = MOST_BYTES
        for key, probe in group:
            size = len(probe["item"].encode("utf-8", "surrogateescape")) + 9  # NUL and a pointer
            if chunk and (len(chunk) == MOST_ITEMS or size > room):
                yield chunk
                chunk, room = [], MOST_BYTES
            chunk.append((key, probe))
            room -= size
        yield chunk


def split(probe: dict[str, Any], items: Sequence[str], output: str) -> dict[str, Any]:
    """The answers that a command's output holds, by item; an item without one is missing."""
    if probe["split"] == "rows":
        return _rows(output, probe.get("separator") or "\t", set(items))
    blocks = [block for block in _blocks(output, probe.get("separator") or "=") if block]
    key = probe.get("key")
    found = {block[key]: block for block in blocks if key in block} if key else zip(items, blocks)
    field, _, words = (probe.get("absent") or "").partition("=")
    absent = words.split("|")
    fields = probe.get("fields") or []
    return {
        item: {name: block.get(name) for name in fields} if fields else block
        for item, block in dict(found).items()
        if not (field and block.get(field) in absent)
    }


def _rows(output: str, separator: str, items: set[str]) -> dict[str, Any]:
    rows = (line.split(separator) for line in output.split("\n") if line)
    return {item: columns for item, *columns in rows if item in items}


def _blocks(output: str, separator: str) -> Iterator[dict[str, str]]:
    for paragraph in output.split("\n\n"):
        lines = (line.partition(separator) for line in paragraph.split("\n"))
        yield {name: value for name, found, value in lines if found}
