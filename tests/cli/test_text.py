"""What reaches the screen can do no harm there."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.cli.text import clean, cropped, padded, width_of, without_sequences, wrapped
from cfgdsl.core.secret import Secret


@given(st.text())
def test_nothing_that_is_printed_controls_the_terminal(text: str) -> None:
    shown = clean(text)
    assert all(unicodedata.category(c) not in {"Cc", "Zl", "Zp"} or c == "\t" for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200f\ue000\ue001")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\r", "a\\nb\\r"),
        ("\x1b]52;c;cm0gLXJm\x07", "\\x1b]52;c;cm0gLXJm\\x07"),
        ("admin\u202e", "admin\\u202e"),
        ("\x9b2J", "\\x9b2J"),
        (f"p={Secret.env('PASSWORD')}", "p=(secret env PASSWORD)"),
        ("half a mark \ue000", "half a mark \ufffd"),
        ("no text: \udcff", "no text: \\udcff"),
        ("naïve 名前 ✓", "naïve 名前 ✓"),
    ],
)
def test_hostile_text_is_made_visible(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mError\x1b[0m: no", "Error: no"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("\x1b(Bcharset", "charset"),
    ],
)
def test_output_of_commands_loses_its_colours(printed: str, shown: str) -> None:
    assert without_sequences(printed) == shown


@given(st.text(alphabet="ab名e\u0301", max_size=30), st.integers(1, 20))
def test_cropped_text_fits(text: str, width: int) -> None:
    assert width_of(cropped(text, width)) <= max(width, 1)
    assert width_of(padded(text, width)) >= width


def test_wrapped_text_keeps_its_indent() -> None:
    lines = wrapped("some words that are too long for one line\nand more", 24, indent="  ")
    texts = ["".join(span.text for span in line) for line in lines]
    assert texts == ["  some words that are", "  too long for one line", "  and more"]
