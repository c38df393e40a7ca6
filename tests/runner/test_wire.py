"""Frames, canonical JSON and digests: both sides agree, whatever the Python and the value."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.runner import checks, lean, wire

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
messages = st.dictionaries(st.text(), values, max_size=4)


@given(values)
def test_canonical_json_is_what_the_json_module_writes(value: Any) -> None:
    assert wire.canonical(value) == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(messages)
def test_a_message_survives_its_frame(message: dict[str, Any]) -> None:
    frame = wire.encode(message)
    length, kind = wire.parse_head(frame[: wire.HEAD_SIZE])
    assert kind == wire.JSON_FRAME
    assert length == len(frame) - wire.HEAD_SIZE
    assert wire.decode(frame[wire.HEAD_SIZE :]) == message


@given(messages)
def test_without_c_cores_json_is_the_same(message: dict[str, Any]) -> None:
    fast = lean.dumps(message)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lean, "_encode", None)
        patch.setattr(lean, "_scan", None)
        assert lean.dumps(message) == fast
        assert lean.loads(fast) == message


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_json_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.canonical(value)


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"{}x", b"[]", b"1", b'"a"', b"NaN", b'{"a":NaN}', b"\xff", b"[" * 100_000],
)
def test_what_is_not_an_object_in_json_is_refused(payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(payload)


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\1X",
        (wire.MAX_MESSAGE + 1).to_bytes(4, "big") + b"J",
        (wire.CHUNK + 33).to_bytes(4, "big") + b"B",
        b"\xff\xff\xff\xffB",
    ],
)
def test_heads_of_unknown_or_oversized_frames_are_refused(head: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_head(head)


def test_digests_do_not_count_texts() -> None:
    with_text = [{"sha256": "x", "size": 1, "text": "y"}, None]
    assert wire.digest(with_text) == wire.digest([{"sha256": "x", "size": 1}, None])
    assert wire.digest([None]) != wire.digest([])


PATH = "/a"
SHA = "0" * 64


@pytest.mark.parametrize(
    ("table", "kind", "fields"),
    [
        (wire.PROBES, "stat", {"path": PATH}),
        (wire.PROBES, "stat", {"path": "/\udc80", "follow": None}),
        (wire.PROBES, "query", {"argv": ["a"], "item": "i", "split": "rows"}),
        (
            wire.PROBES,
            "query",
            {
                "argv": ["a"],
                "item": "i",
                "split": "rows",
                "when": {"kind": "group", "name": "g"},
            },
        ),
        (wire.OPS, "put", {"path": PATH, "sha256": SHA, "size": 0, "mode": 0o7777}),
        (wire.OPS, "run", {"argv": ["a"], "env": {"A": "b=c"}, "ok": [0, 3], "timeout": 0.5}),
        (wire.MESSAGES, "bye", {"do": "bye"}),
    ],
)
def test_what_the_tables_say_is_accepted(table: Any, kind: str, fields: dict[str, Any]) -> None:
    checks.check(table, kind, fields)


@pytest.mark.parametrize(
    ("table", "kind", "fields"),
    [
        (wire.PROBES, "shell", {}),
        (wire.PROBES, None, {}),
        (wire.PROBES, ["stat"], {}),
        (wire.PROBES, "stat", {}),
        (wire.PROBES, "stat", {"path": None}),
        (wire.PROBES, "stat", {"path": "relative"}),
        (wire.PROBES, "stat", {"path": "/nul\0"}),
        (wire.PROBES, "stat", {"path": "/\ud800"}),
        (wire.PROBES, "stat", {"path": PATH, "mode": 1}),
        (wire.PROBES, "stat", {"path": PATH, "follow": 1}),
        (wire.PROBES, "query", {"argv": [], "item": "i", "split": "rows"}),
        (wire.PROBES, "query", {"argv": ["a"], "item": "i", "split": "r", "when": {"kind": "x"}}),
        (wire.OPS, "put", {"path": PATH, "sha256": "../../etc", "size": 0}),
        (wire.OPS, "put", {"path": PATH, "sha256": SHA, "size": -1}),
        (wire.OPS, "put", {"path": PATH, "sha256": SHA, "size": True}),
        (wire.OPS, "put", {"path": PATH, "sha256": SHA, "size": 1, "mode": 0o10000}),
        (wire.OPS, "run", {"argv": "rm -rf /"}),
        (wire.OPS, "run", {"argv": ["a"], "env": {"A=B": "c"}}),
        (wire.OPS, "run", {"argv": ["a"], "env": {"": "c"}}),
        (wire.OPS, "run", {"argv": ["a"], "timeout": 0}),
        (wire.OPS, "run", {"argv": ["a"], "ok": []}),
        (wire.MESSAGES, "execute", {"run": "r", "steps": [{"id": "1"}]}),
        (wire.MESSAGES, "execute", {"run": "r", "steps": [], "contents": [["a", 1]]}),
        (wire.MESSAGES, "resolve", {"steps": {"1": {"done": "fine"}}}),
    ],
)
def test_anything_else_is_refused(table: Any, kind: object, fields: dict[str, Any]) -> None:
    with pytest.raises(wire.WireError):
        checks.check(table, kind, fields)


@given(
    st.sampled_from(sorted(wire.OPS)), st.dictionaries(st.sampled_from(["path", "argv"]), values)
)
def test_checking_raises_nothing_but_a_wire_error(kind: str, fields: dict[str, Any]) -> None:
    with contextlib.suppress(wire.WireError):
        checks.check(wire.OPS, kind, fields)
