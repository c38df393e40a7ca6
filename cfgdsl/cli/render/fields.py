"""The fields of one change: a unified diff of texts, `old → new` for everything else."""

import difflib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from cfgdsl.cli.text import Line, Span, line
from cfgdsl.core.content import Content
from cfgdsl.core.diff import FieldChange
from cfgdsl.core.output import Output
from cfgdsl.core.probes import Unknown
from cfgdsl.core.secret import redact

UNKNOWN = "(known after apply)"
SECRET = "(secret content)"  # noqa: S105 - the words that stand for one
_MOST_DIFF_LINES = 16
_LONGEST_VALUE = 70


def field_lines(changes: tuple[FieldChange, ...], *, verbose: bool) -> list[Line]:
    """What changes, field by field; the plain values of something new share one line."""
    shown = [change for change in changes if change.after is not None]
    texts = {change.name: _texts(change) for change in shown}
    values = [change for change in shown if texts[change.name] is None]
    if all(change.before is None for change in changes):
        words = [f"{c.name} {_value(c, c.after, verbose=verbose)}" for c in values]
        lines = [line(Span(", ".join(words), "dim"))] if words else []
    else:
        column = max((len(change.name) for change in values), default=0)
        lines = [_old_and_new(change, column, verbose=verbose) for change in values]
    for name, both in texts.items():
        if both is not None:
            lines += _text_change(name, both, verbose=verbose)
    return lines


def _old_and_new(change: FieldChange, column: int, *, verbose: bool) -> Line:
    before = _value(change, change.before, verbose=verbose)
    after = _value(change, change.after, verbose=verbose)
    name = f"{change.name:<{column}}  "
    return line(name, Span(before, "removed"), " → ", Span(after, "added"))


def _texts(change: FieldChange) -> tuple[str, str] | None:
    """Both texts, when a diff can be shown; a text that is new is compared with nothing."""
    before, after = _text(change.before), _text(change.after)
    if after is None or (before is None and change.before is not None):
        return None
    if isinstance(change.after, str) and "\n" not in f"{before}{after}".strip("\n"):
        return None
    return before or "", after


def _text(value: Any) -> str | None:
    if isinstance(value, Content):
        return value.text
    return value if isinstance(value, str) else None


def _text_change(name: str, texts: tuple[str, str], *, verbose: bool) -> list[Line]:
    lines = _diff(*texts)
    shown = lines if verbose else lines[:_MOST_DIFF_LINES]
    hidden = len(lines) - len(shown)
    if hidden == 1:
        shown, hidden = lines, 0
    more = [line(Span(f"… {hidden} more lines (-v shows them)", "dim"))] if hidden else []
    title = [] if name == "content" else [line(f"{name}:")]
    return [*title, *shown, *more]


@lru_cache(maxsize=512)
def _diff(before: str, after: str) -> tuple[Line, ...]:
    """A unified diff without its file names; cached, as many hosts share one change."""
    old, new = _numbered_lines(before), _numbered_lines(after)
    if not before:
        found = [line(Span(f"+{text}", "added")) for text in new]
    else:
        found = list(_styled(difflib.unified_diff(old, new, lineterm="", n=2)))
    if after and not after.endswith("\n"):
        found.append(line(Span("\\ no newline at the end", "dim")))
    elif before and not before.endswith("\n"):
        found.append(line(Span("\\ a newline at the end", "dim")))
    return tuple(found)


def _numbered_lines(text: str) -> list[str]:
    return redact(text).removesuffix("\n").split("\n") if text else []


def _styled(diff: Iterator[str]) -> Iterator[Line]:
    styles = {"+": "added", "-": "removed", "@": "hunk"}
    for number, text in enumerate(diff):
        if number > 1:  # the first two name files
            yield line(Span(text, styles.get(text[:1], "")))


def _value(change: FieldChange, value: Any, *, verbose: bool) -> str:
    text = shown_value(change.name, value)
    if not verbose and len(text) > _LONGEST_VALUE:
        return text[: _LONGEST_VALUE - 1] + "…"
    return text


def shown_value(name: str, value: Any) -> str:
    """One value as people write it.

    >>> shown_value("mode", 0o644)
    '0644'
    """
    match value:
        case Output() | Unknown():
            text = UNKNOWN
        case None:
            text = "(none)"
        case bool():
            text = "yes" if value else "no"
        case int() if name == "mode" or name.endswith("_mode"):
            text = f"{value:04o}"
        case tuple() | list():
            text = ", ".join(shown_value(name, v) for v in value) or "(empty)"
        case Content(secret=True):
            text = SECRET
        case Content():
            text = f"{_size(value.size)} (sha256 {value.sha256[:8]})"
        case _:
            text = redact(str(value)) or '""'
    return text


def _size(count: int) -> str:
    """A number of bytes, readably."""
    if count < 10_000:
        return f"{count} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        count_in_unit = count / 1024
        if count_in_unit < 1000 or unit == "GiB":
            return f"{count_in_unit:.1f} {unit}"
        count //= 1024
    raise AssertionError
