"""What edits of text files have in common: lines, patterns and places, whatever ends the lines."""

import re
from collections.abc import Iterable, Sequence

from cfgdsl import Content, ImpossibleError
from cfgdsl_stdlib import _checks


def lines_of(text: str) -> list[str]:
    """The lines with what ends them; only ``\\n`` does, with or without a ``\\r``.

    >>> lines_of("a\\r\\nb\\x0c\\nc")
    ['a\\r\\n', 'b\\x0c\\n', 'c']
    """
    *ended, last = text.split("\n")
    return [f"{line}\n" for line in ended] + ([last] if last else [])


def body(line: str) -> str:
    """A line without what ends it.

    >>> body("a\\r\\n")
    'a'
    """
    return line.removesuffix("\n").removesuffix("\r")


def ending(lines: Sequence[str]) -> str:
    """What ends lines in this text: as the first one has it.

    >>> ending(["a\\r\\n"]), ending([])
    ('\\r\\n', '\\n')
    """
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def inserted(lines: Sequence[str], at: int, new: Iterable[str]) -> list[str]:
    """The lines with others, given without their ends, before position `at`.

    A last line that has no end gets one, should something follow it.

    >>> inserted(["a"], 1, ["b"])
    ['a\\n', 'b\\n']
    """
    end = ending(lines)
    before = list(lines[:at])
    if before and not before[-1].endswith("\n"):
        before[-1] += end
    return [*before, *(f"{line}{end}" for line in new), *lines[at:]]


def place(lines: Sequence[str], above: str | None, below: str | None) -> int:
    """Where something new goes: above the first line that matches, or below the last, or at the
    end."""
    if above is None and below is None:
        return len(lines)
    field, pattern = ("above", above) if above is not None else ("below", below)
    matching = re.compile(str(pattern))
    found = [number for number, line in enumerate(lines) if matching.search(body(line))]
    if not found:
        raise ImpossibleError(
            f"no line matches {field}={pattern!r}",
            hint=f"Without {field}= it goes to the end of the file.",
        )
    return found[0] if above is not None else found[-1] + 1


def check_patterns(**patterns: str | None) -> None:
    """Refuse what is no regular expression, and secrets in them.

    >>> check_patterns(match=r"^#?Port\\b")
    """
    for field, pattern in patterns.items():
        _checks.no_secret(field, pattern)
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{field} is no regular expression: {error}: {pattern!r}") from None
    if patterns.get("above") is not None and patterns.get("below") is not None:
        raise ValueError("takes above= or below=, not both")


def check_text(field: str, content: object) -> None:
    """Refuse bytes that are no text.

    >>> check_text("line", Content.of("hello"))
    """
    if not isinstance(content, Content) or content.data is None:
        return
    try:
        text = content.data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{field} must be text in UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{field} must not contain a NUL character")


def text_of(content: object, field: str) -> str:
    """The text of a content that was resolved.

    >>> text_of(Content.of("hello"), "line")
    'hello'
    """
    if not isinstance(content, Content):
        raise TypeError(f"{field} was not resolved")
    if content.data is None:
        raise ImpossibleError(f"{field} is too large for an edit")
    return content.data.decode()
