"""What somebody changed between plan and apply: planned from, found and wanted, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfgdsl.cli.render.fields import UNKNOWN, shown_value
from cfgdsl.cli.text import clean, cropped, padded, width_of

_SIDES = {"planned_from": "planned from", "found": "found", "wanted": "wanted"}
_WIDEST = 40
_DIGEST = 12


def side_by_side_lines(found: Any, *, verbose: bool) -> Iterator[str]:
    """A table of what `StepDone.detail` has as ``side_by_side``."""
    rows = [row for row in found or () if isinstance(row, Mapping)]
    if not rows:
        return
    table = [("", *_SIDES.values()), *(_cells(row, verbose=verbose) for row in rows)]
    widths = [max(width_of(cell) for cell in column) for column in zip(*table, strict=True)]
    for cells in table:
        padding = zip(cells, widths, strict=True)
        yield "  ".join(padded(cell, width) for cell, width in padding).rstrip()


def _cells(row: Mapping[str, Any], *, verbose: bool) -> Sequence[str]:
    field = str(row.get("field") or "")
    name = clean(f"{row.get('question')} {field}".rstrip())
    texts = [clean(_shown(field, row.get(side))) for side in _SIDES]
    return (name, *(text if verbose else cropped(text, _WIDEST) for text in texts))


def _shown(field: str, value: Any) -> str:
    if value == {"known": "after apply"}:
        return UNKNOWN
    if value is None and not field:
        return "(not there)"
    if isinstance(value, Mapping):
        words = [_part(name, each) for name, each in value.items() if each is not None]
        return ", ".join(words) or "(there)"
    return str(value)[:_DIGEST] if field == "sha256" else shown_value(field, value)


def _part(name: str, value: Any) -> str:
    text = _shown(name, value)
    return text if name == "kind" else f"{name} {text}"
