"""`Block`: how it is found again, what is between its markers, and what stays as it is."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cfgdsl import Secret
from cfgdsl_stdlib import Block, File, Line
from tests.stdlib.edits import PATH, edited, found, refused, settled, text_after, texts
from tests.stdlib.walk import refusal

BEGIN, END = "# BEGIN cfgdsl: x", "# END cfgdsl: x"


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        ({}, "", f"{BEGIN}\n1\n2\n{END}\n"),
        ({}, "a", f"a\n{BEGIN}\n1\n2\n{END}\n"),
        ({}, "a\r\n", f"a\r\n{BEGIN}\r\n1\r\n2\r\n{END}\r\n"),
        ({}, f"a\n{BEGIN}\nold\n{END}\nb\n", f"a\n{BEGIN}\n1\n2\n{END}\nb\n"),
        ({}, f"a\n{BEGIN}\n{END}", f"a\n{BEGIN}\n1\n2\n{END}"),
        ({}, f"{BEGIN}\r\n1\r\n2\r\n{END}\r\n", f"{BEGIN}\r\n1\r\n2\r\n{END}\r\n"),
        ({"text": "1\r\n2\r\n"}, "", f"{BEGIN}\n1\n2\n{END}\n"),
        ({"text": "1"}, "", f"{BEGIN}\n1\n{END}\n"),
        ({"text": "1\n\n"}, "", f"{BEGIN}\n1\n\n{END}\n"),
        ({"text": ""}, "a\n", f"a\n{BEGIN}\n{END}\n"),
        ({"below": "^a"}, "a\nb\n", f"a\n{BEGIN}\n1\n2\n{END}\nb\n"),
        ({"above": "^a"}, "a\nb\n", f"{BEGIN}\n1\n2\n{END}\na\nb\n"),
        (
            {"comment": "<!--", "comment_end": "-->", "text": "<a/>"},
            "",
            "<!-- BEGIN cfgdsl: x -->\n<a/>\n<!-- END cfgdsl: x -->\n",
        ),
        ({"absent": True, "text": None}, f"a\n{BEGIN}\nold\n{END}\nb\n", "a\nb\n"),
        ({"absent": True, "text": None}, "a\n", "a\n"),
    ],
)
def test_an_edit(values: dict[str, Any], before: str, after: str) -> None:
    assert edited(Block(PATH, **{"text": "1\n2\n", "name": "x", **values}), before) == after


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGIN}\na\n",
        f"{END}\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n",
    ],
)
def test_damaged_markers_are_an_error_also_for_a_removal(text: str) -> None:
    assert "its markers are damaged" in refused(Block(PATH, "1", name="x"), text)
    assert "its markers are damaged" in refused(Block(PATH, name="x", absent=True), text)


def test_a_text_with_its_own_markers_is_an_error() -> None:
    assert "its own markers" in refused(Block(PATH, f"1\n{END}\n", name="x"), "")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"text": "1"}, "needs name"),
        ({"text": "1", "name": ""}, "name and comment must not be empty"),
        ({"text": "1", "name": "x\ny"}, "name must be one line without spaces around it"),
        ({"text": "1", "name": "x "}, "name must be one line without spaces around it"),
        ({"text": "1", "name": "x", "comment": "#\n"}, "comment must be one line"),
        ({"text": "1", "name": "x", "comment": ""}, "name and comment must not be empty"),
        ({"text": "1", "name": "x", "above": "("}, "above is no regular expression"),
        ({"text": "1", "name": "x", "above": "a", "below": "b"}, "not both"),
        ({"name": "x"}, "needs a text, or absent=True"),
        ({"text": "1", "name": "x", "absent": True}, "needs a text, or absent=True"),
        ({"name": "x", "absent": True, "create": True}, "are for blocks that are to be there"),
        ({"text": b"\xff", "name": "x"}, "text must be text in UTF-8"),
        ({"text": "a\0", "name": "x"}, "text must not contain a NUL"),
        ({"text": "1", "name": f"{Secret.env('A')}"}, "must not contain a secret"),
    ],
)
def test_a_bad_declaration_is_refused_at_its_line(values: dict[str, Any], why: str) -> None:
    assert why in refusal(lambda: Block(PATH, **values))


blocks = st.builds(Block, st.just(PATH), texts(), name=st.sampled_from(["y", "z"]))


@given(blocks, texts())
def test_an_edit_can_be_done_twice_and_keeps_the_rest(block: Block, text: str) -> None:
    result = edited(block, text)
    gone = Block(PATH, name=block.name, absent=True).edit(result)
    assert gone in {text, f"{text}\n", f"{text}\r\n"}


@given(blocks, blocks, texts())
def test_once_applied_nothing_differs(one: Block, other: Block, text: str) -> None:
    assume(one.name != other.name)
    after = settled(found(text), File(PATH), one, other)
    assert settled(after, File(PATH), one, other) == after


def test_a_line_may_stand_inside_a_block_but_not_take_from_it() -> None:
    block = Block(PATH, "one\ntwo\n", name="x")
    assert text_after(found(""), block, Line(PATH, "two")) == f"{BEGIN}\none\ntwo\n{END}\n"
    with pytest.raises(Exception, match="line:/etc/f:two undoes block:/etc/f:x"):
        text_after(found(""), block, Line(PATH, "two", absent=True))
