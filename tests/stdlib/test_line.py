"""`Line`: which lines stand for it, where a new one goes, and what stays as it is."""

from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import Content, ImpossibleError, Secret, template
from cfgdsl.core.decide import decide_open
from cfgdsl.core.graph import build
from cfgdsl.core.predict import Identity
from cfgdsl_stdlib import File, Line
from tests.stdlib.edits import PATH, WORDS, edited, found, refused, settled, text_after, texts
from tests.stdlib.walk import link, refusal

SETTING = {"match": r"^#?a ="}


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        ({}, "", "a = 1\n"),
        ({}, "x\n", "x\na = 1\n"),
        ({}, "x", "x\na = 1\n"),
        ({}, "x\n\n", "x\n\na = 1\n"),
        ({}, "a = 1", "a = 1"),
        ({}, "a = 1\na = 1\n", "a = 1\na = 1\n"),
        ({}, " a = 1\n", " a = 1\na = 1\n"),
        (SETTING, "x\na = 7\ny\n", "x\na = 1\ny\n"),
        (SETTING, "x\n#a = 7\ny\na = 8\nz\n", "x\na = 1\ny\nz\n"),
        (SETTING, "#a = 7\na = 1\n", "a = 1\n"),
        (SETTING, "a = 1\na = 1\n", "a = 1\n"),
        (SETTING, "x\n", "x\na = 1\n"),
        (SETTING, "x\na = 7", "x\na = 1"),
        ({"match": "^b"}, "b\n", "a = 1\n"),
        ({"match": "^b"}, "a = 1\nb\n", "a = 1\n"),
        ({"match": "7$"}, "a = 7\r\n", "a = 1\r\n"),
        ({"above": "^x"}, "w\nx\nx\n", "w\na = 1\nx\nx\n"),
        ({"below": "^x"}, "x\nx\ny\n", "x\nx\na = 1\ny\n"),
        ({"below": "^x"}, "w\nx", "w\nx\na = 1\n"),
        ({"above": "^x"}, "x", "a = 1\nx"),
        ({"above": "^x"}, "a = 1\n", "a = 1\n"),
        ({**SETTING, "above": "^x"}, "x\na = 2\n", "x\na = 1\n"),
        ({"absent": True}, "x\na = 1\ny\na = 1", "x\ny\n"),
        ({"absent": True}, "x\n", "x\n"),
        ({"absent": True, **SETTING}, "x\na = 7\n#a = 8\ny\na = 1\n", "x\ny\n"),
        ({}, "x\r\ny\r\n", "x\r\ny\r\na = 1\r\n"),
        ({}, "x\r\ny", "x\r\ny\r\na = 1\r\n"),
        (SETTING, "x\r\na = 2\r\ny\r\n", "x\r\na = 1\r\ny\r\n"),
        ({}, "a = 1\r\n", "a = 1\r\n"),
        ({}, "x\x0ca = 1\u2028\n", "x\x0ca = 1\u2028\na = 1\n"),
    ],
)
def test_an_edit(values: dict[str, Any], before: str, after: str) -> None:
    assert edited(Line(PATH, "a = 1", **values), before) == after


def test_only_a_pattern_says_what_to_remove() -> None:
    assert edited(Line(PATH, match="^#", absent=True), "# x\ny # z\n#\n") == "y # z\n"


def test_a_place_that_is_not_there_is_an_error_and_not_the_end_of_the_file() -> None:
    why = refused(Line(PATH, "a", below=r"^\[mysqld\]"), "x\n")
    assert r"no line matches below='^\\[mysqld\\]'" in why
    assert "Without below= it goes to the end" in why
    assert "above='^x'" in refused(Line(PATH, "a", above="^x"), "")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "needs line, or match= to remove lines"),
        ({"match": "x"}, "needs line, or match= to remove lines"),
        ({"absent": True}, "needs line, or match= to remove lines"),
        ({"line": "a\nb"}, "line must be one line, without a line break; Block takes several"),
        ({"line": "a\r"}, "without a line break"),
        ({"line": ""}, "line must not be empty"),
        ({"line": b"\xff"}, "line must be text in UTF-8"),
        ({"line": "a\0"}, "line must not contain a NUL character"),
        ({"line": "a", "match": "("}, "match is no regular expression: missing )"),
        ({"line": "a", "above": "["}, "above is no regular expression"),
        ({"line": "a", "above": "x", "below": "y"}, "takes above= or below=, not both"),
        ({"line": "a", "below": "x", "absent": True}, "are for lines that are to be there"),
        ({"line": "a", "create": True, "absent": True}, "is for lines that are to be there"),
        ({"line": f"a{Secret.env('A')}"}, "needs name=, which identifies it"),
        ({"line": Secret.env("A")}, "needs name=, which identifies it"),
        ({"line": template("/x")}, "needs name=, which identifies it"),
        ({"line": "a", "match": f"a{Secret.env('A')}"}, "match must not contain a secret"),
        ({"line": "a", "name": f"a{Secret.env('A')}"}, "must not contain a secret"),
        ({"line": "a", "mode": 0o600}, "has no argument 'mode'"),
        ({"line": 5}, "line must be text, bytes or template(...), not int 5"),
    ],
)
def test_a_bad_declaration_is_refused_at_its_line(values: dict[str, Any], why: str) -> None:
    assert why in refusal(lambda: Line(PATH, **values))


def test_its_key_is_its_path_and_its_name_or_line_or_pattern() -> None:
    assert Line(PATH, "a").identity == "line:/etc/f:a"
    assert Line(PATH, "a", name="n").identity == "line:/etc/f:n"
    assert Line(PATH, f"a{Secret.env('A')}", name="n").identity == "line:/etc/f:n"
    assert Line(PATH, match="^a", absent=True).identity == "line:/etc/f:^a"
    assert Line(PATH, "a", id="x").identity == "line:x"


def test_a_secret_with_a_line_break_cannot_be_a_line() -> None:
    line = Line(PATH, Secret.env("A"), name="n").observed(line=Content.of("a\nb"))
    assert "without a line break" in refused(line, "")


def lines(text: str) -> Counter[str]:
    return Counter(text.replace("\r\n", "\n").split("\n"))


declared = st.builds(
    Line,
    st.just(PATH),
    st.sampled_from([word for word in WORDS if word]),
    match=st.sampled_from([None, "^#?a =", "b"]),
    absent=st.booleans(),
)


@given(declared, texts())
def test_an_edit_can_be_done_twice_and_touches_only_its_lines(line: Line, text: str) -> None:
    result = edited(line, text)
    assert isinstance(line.line, Content)
    wanted = line.line.data.decode() if line.line.data else ""
    assert (wanted in lines(result)) is not line.absent
    mine = {body for body in lines(text) if line._stands_for(body, wanted)}
    others = Counter({body: n for body, n in lines(text).items() if body and body not in mine})
    assert {body: n for body, n in lines(result).items() if body in others} == others
    assert ("\r\n" in text) >= ("\r\n" in result)


@given(
    st.lists(
        st.builds(Line, st.just(PATH), st.sampled_from("abcde"), absent=st.booleans()),
        unique_by=lambda line: line.identity,
        max_size=4,
    ),
    st.randoms(use_true_random=False),
    texts(),
)
def test_the_order_of_edits_that_do_not_meet_does_not_matter(
    edits: list[Line], random: Any, text: str
) -> None:
    if not edits:
        return
    shuffled = random.sample(edits, len(edits))
    one, other = (text_after(found(text), File(PATH), *each) for each in (edits, shuffled))
    assert one is not None
    assert other is not None
    assert lines(one) == lines(other)


@given(declared, texts())
def test_once_applied_nothing_differs(line: Line, text: str) -> None:
    after = settled(found(text), line)
    assert settled(after, line) == after


def test_mode_and_owner_of_the_file_are_kept_and_are_for_its_file_to_say() -> None:
    given_ = found("x\n", mode=0o640, owner="www")
    stat, *_ = settled(given_, Line(PATH, "a")).values()
    assert (stat["mode"], stat["owner"]) == (0o640, "www")
    stat, *_ = settled(given_, File(PATH, mode=0o600), Line(PATH, "a")).values()
    assert (stat["mode"], stat["owner"]) == (0o600, "www")


def resolved(line: Line, text: str) -> Line:
    return line.observed(line=attrs.evolve(Content.of(text), secret=True))


def test_a_secret_makes_the_file_private_unless_its_file_says_otherwise() -> None:
    line = resolved(Line(PATH, Secret.env("A"), name="n"), "hunter2")
    stat, *_ = settled(found("x\n"), line).values()
    assert stat["mode"] == 0o600
    stat, *_ = settled(found("x\n"), File(PATH, mode=0o640), line).values()
    assert stat["mode"] == 0o640
    (file,) = build((File(PATH, content="x\n"), line), {}).resources
    assert isinstance(file, File)
    assert isinstance(file.content, Content)
    assert (file.content.secret, file.content.text, file.mode) == (True, None, 0o600)


def test_a_link_in_its_place_is_not_followed_by_surprise() -> None:
    (whole,) = build((Line(PATH, "a"),), {}).resources
    answers = {**found("x\n"), **dict.fromkeys(found("x\n"), None)}
    stat, read, *_ = whole.probes()
    answers |= {stat: link("/etc/g"), read: None}
    with pytest.raises(ImpossibleError, match="is a symbolic link to /etc/g"):
        decide_open(whole, whole.probes(), [answers[p] for p in whole.probes()], Identity())


def test_a_link_is_followed_where_its_file_says_so() -> None:
    (whole,) = build((File(PATH, follow=True), Line(PATH, "a")), {}).resources
    assert all(getattr(probe, "follow", True) for probe in whole.probes())
