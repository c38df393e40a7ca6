"""Which answers are none to their probe, whatever a host says."""

from typing import Any

import pytest

from cfgdsl.targets.answers import fits, misfit


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        ({"names": [], "more": False}, True),
        ({"names": ["a"], "more": True}, True),
        (None, True),
        ({"error": "Permission denied"}, True),
        ({"names": "abc", "more": False}, False),
        ({"names": [1], "more": False}, False),
        ({"names": ["a"]}, False),
        ({"names": ["a"], "more": 1}, False),
        (["a"], False),
    ],
)
def test_an_answer_to_list(answer: Any, well: bool) -> None:
    assert fits({"kind": "list", "path": "/srv"}, answer) is well


ASKED = {"kind": "generated", "name": "db", "alphabet": "abcdefgh", "reveal": True}
TOLD = {"length": 8, "fits": True, "text": "hgfedcba"}


@pytest.mark.parametrize(
    ("asked", "answer", "well"),
    [
        (ASKED, TOLD, True),
        (ASKED, None, True),
        (ASKED, {"length": 8, "fits": False, "text": None}, True),
        ({**ASKED, "alphabet": None}, {"length": 8, "text": "12345678"}, True),
        ({**ASKED, "reveal": False}, {**TOLD, "text": None}, True),
        ({**ASKED, "reveal": False}, TOLD, False),
        (ASKED, {**TOLD, "text": None}, False),
        (ASKED, {**TOLD, "fits": False}, False),
        (ASKED, {**TOLD, "fits": 1}, False),
        (ASKED, {**TOLD, "text": "12345678"}, False),
        (ASKED, {**TOLD, "text": "abc", "length": 3}, False),
        (ASKED, {**TOLD, "length": 9}, False),
        (ASKED, {**TOLD, "text": ["hgfedcba"]}, False),
        (ASKED, {"length": 8, "fits": True}, False),
        (ASKED, "hgfedcba", False),
        ({**ASKED, "alphabet": None}, {"length": 9, "text": "1234\n5678"}, False),
    ],
)
def test_an_answer_about_a_generated_secret(asked: Any, answer: Any, well: bool) -> None:
    assert fits(asked, answer) is well
    assert "hgfedcba" not in misfit([asked], [answer])
