"""Lines of styled text: what renderers return, and what is safe to print.

Every text passes `clean` on its way into a `Span`, so that neither a secret nor a terminal control
sequence from a host can reach the screen, whoever renders it.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs

from cfgdsl.core.secret import redact, strip_marks

# Controls (the tab is harmless), and the marks that reorder text on screen: a host could make one
# command look like another with them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"  # what stands for bytes that are no text cannot be printed at all
)
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # OSC, DCS and their like: titles, clipboard
    r"|\x1b[ -/]*[0-~]"
)


def clean(text: str) -> str:
    r"""`text` as it may be printed: secrets by reference, control characters made visible.

    >>> clean("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda m: _escaped(m.group()), strip_marks(redact(text)))


def _escaped(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r"}
    return short.get(character) or (
        f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
    )


def without_sequences(text: str) -> str:
    r"""What a command printed, without colours and cursor movements; the last of overwritten lines.

    >>> without_sequences("\x1b[31mred\x1b[0m 10%\r20%")
    '20%'
    """
    bare = _SEQUENCE.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in bare.split("\n"))


@attrs.frozen
class Span:
    """A piece of text in one style; styles are the names in `STYLES`."""

    text: str = attrs.field(converter=clean)
    style: str = ""


Line: TypeAlias = tuple[Span, ...]

STYLES = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "run": "cyan",
    "refresh": "magenta",
    "possible": "blue",
    "added": "green",
    "removed": "red",
    "hunk": "cyan",
    "error": "bold red",
    "warning": "yellow",
    "ok": "green",
    "heading": "bold",
    "dim": "dim",
}
"""What each style looks like, in rich's words."""


def line(*parts: str | Span) -> Line:
    """A line of plain texts and spans; empty ones are left out."""
    spans = (part if isinstance(part, Span) else Span(part) for part in parts)
    return tuple(span for span in spans if span.text)


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without styles, each ended by a newline."""
    return "".join("".join(span.text for span in each).rstrip() + "\n" for each in lines)


def width_of(text: str) -> int:
    """How many columns `text` takes on a terminal.

    >>> width_of("文字")
    4
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def padded(text: str, width: int) -> str:
    """`text` with blanks behind it, at least `width` columns wide."""
    return text + " " * max(0, width - width_of(text))


def cropped(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis where something was cut off.

    >>> cropped("package:nginx", 8)
    'package…'
    """
    if width_of(text) <= width:
        return text
    while text and width_of(text) >= width:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, width: int, indent: str = "", style: str = "") -> list[Line]:
    """`text` over as many lines as it needs, each behind `indent`; words are not torn apart."""
    found = []
    for paragraph in text.splitlines():
        pieces = textwrap.wrap(
            clean(paragraph),
            max(20, width),
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        found += [line(Span(piece, style)) for piece in pieces]
    return found


def listed(names: Sequence[str], most: int | None) -> str:
    """Names in a row, not more than `most` of them.

    >>> listed(["web1", "web2", "web3"], 2)
    'web1, web2 and 1 more'
    """
    if most is None or len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "host"), counted(2, "host")
    ('1 host', '2 hosts')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
