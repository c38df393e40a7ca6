"""Which answers are none to their probe, whatever a host says."""

from typing import Any

import pytest

from cfgdsl.targets.answers import fits


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
