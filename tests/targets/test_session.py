"""The controller's half of the conversation, against hosts that are broken or hostile (S5)."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.core.errors import ConnectionLost, TargetError
from cfgdsl.core.host import Host
from cfgdsl.runner import loader, wire
from cfgdsl.targets import inbound
from cfgdsl.targets.session import Session
from tests.targets.fakes import READY, FakeChannel, FakeConnector, frames, options, session

STAT = {"kind": "stat", "path": "/etc/motd"}
QUERY = {"kind": "query", "argv": ["q"], "item": "a", "split": "rows"}
STEP = {"id": "0", "name": "web1/file:/etc/motd", "probes": [STAT], "ops": []}
DONE = {"is": "event", "event": "done", "step": "0", "outcome": "changed", "seconds": 0.1}
FINISHED = {"is": "finished"}
SHA = "ab" * 32


def test_the_greeting_brings_the_basic_facts() -> None:
    assert session(b"").basics == {"user": "root"}


def test_answers_come_in_order_for_one_message_each_way() -> None:
    talk = session(frames({"is": "answers", "answers": [None, {"error": "busy"}]}))
    assert talk.probe([STAT, STAT]) == [None, {"error": "busy"}]
    assert talk.traffic.messages == (2, 3)


def test_no_probes_cost_no_message() -> None:
    talk = session(b"")
    assert talk.probe([]) == []
    assert talk.traffic.messages == (1, 2)


@given(st.integers(1, 7))
def test_frames_arrive_whole_however_they_are_cut(piece: int) -> None:
    talk = session(frames({"is": "facts", "facts": {"x": "é" * 50}}), piece=piece)
    assert talk.facts() == {"x": "é" * 50}


def test_noise_of_a_login_shell_before_the_marker_is_skipped() -> None:
    connector = FakeConnector(
        FakeChannel(frames(READY)),
        greeting=lambda m: f"Welcome!\ncfgdsl {m[:9]}\n\x1b[2Jno newline{m} run\n".encode(),
    )
    assert Session.open(Host("web1"), options(), connector=connector).basics


def test_the_runner_is_sent_when_the_host_asks_for_it() -> None:
    channel = FakeChannel()
    connector = FakeConnector(channel, greeting=lambda m: f"{m} send\n".encode())

    def reply(data: bytes) -> bytes:
        marker = connector.opened[0][5]
        return f"{marker} run\n".encode() + frames(READY) if data[8:] == loader.bundle() else b""

    channel.replies = reply
    talk = Session.open(Host("web1"), options(), connector=connector)
    assert talk.traffic.sent == {"start": 1, "runner": 1}


BAD_STARTS = {
    "silence": (b"", True, "without the runner's first word"),
    "noise only": (b"This account is currently not available.\n", False, "currently not available"),
    "endless noise": (b"y\n" * 40_000, True, "bytes came"),
    "end at once": (b"", False, "ended"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_what_never_becomes_a_runner_is_shown(name: str) -> None:
    noise, silent, told = BAD_STARTS[name]
    channel = FakeChannel(silent=silent, stderr="bash: no\n")
    connector = FakeConnector(channel, greeting=lambda marker: noise)
    with pytest.raises(TargetError, match="the runner did not start") as error:
        Session.open(Host("web1"), options(), connector=connector)
    assert told in str(error.value)
    assert "bash: no" in str(error.value)
    assert (channel.closed, connector.closed) == (1, 0)


@pytest.mark.parametrize("why", ["no python", "too old: 3.6", "incomplete: No module named 'zlib'"])
def test_a_host_without_a_usable_python_says_what_to_do(why: str) -> None:
    connector = FakeConnector(FakeChannel(), greeting=lambda m: f"{m} error {why}\n".encode())
    with pytest.raises(TargetError) as error:
        Session.open(Host("web1"), options(), connector=connector)
    (problem,) = error.value
    assert why in problem.summary
    assert "bootstrap" in problem.hint
    assert problem.address == "web1"


def deep(levels: int) -> bytes:
    payload = b'{"is":"answers","answers":[' + b"[" * levels + b"]" * levels + b"]}"
    return len(payload).to_bytes(4, "big") + b"J" + payload


def raw(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + b"J" + payload


NONSENSE: dict[str, bytes] = {
    "no frame": b"Traceback (most recent call last):\n",
    "unknown kind of frame": b"\0\0\0\x02X{}",
    "a gigabyte announced": (2**30).to_bytes(4, "big") + b"J{",
    "longer than the probes allow": (8 * 2**20).to_bytes(4, "big") + b"J{",
    "a content": b"\0\0\0\x20B" + b"x" * 32,
    "no JSON": raw(b"{]"),
    "not UTF-8": raw(b'{"is":"\xff"}'),
    "NaN": raw(b'{"is":"answers","answers":[NaN]}'),
    "a huge integer": raw(b'{"is":"answers","answers":[' + b"9" * 5000 + b"]}"),
    "no object": raw(b"[]"),
    "nothing": raw(b""),
    "deep": deep(40),
    "deeper than the parser": deep(200_000),
    "too few answers": frames({"is": "answers", "answers": []}),
    "too many answers": frames({"is": "answers", "answers": [None, None]}),
    "answers that are no list": frames({"is": "answers", "answers": {"0": None}}),
    "no answers": frames({"is": "answers"}),
    "another message": frames({"is": "facts", "facts": {}}),
    "an unknown message": frames({"is": {"answers": []}}),
    "an event out of turn": frames(DONE),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_for_answers_is_one_clear_error(name: str) -> None:
    talk = session(NONSENSE[name] + b"\0" * 16)
    with pytest.raises(TargetError, match="nonsense") as error:
        talk.probe([STAT])
    assert len(str(error.value)) < 1500
    assert not isinstance(error.value, ConnectionLost)


BAD_EVENTS: dict[str, dict[str, Any]] = {
    "unknown kind": {**DONE, "event": "exploded"},
    "kind of a wrong type": {**DONE, "event": ["done"]},
    "unknown step": {**DONE, "step": "7"},
    "step of a wrong type": {**DONE, "step": ["0"]},
    "unknown outcome": {**DONE, "outcome": "splendid"},
    "outcome of a wrong type": {**DONE, "outcome": {}},
    "detail of a wrong type": {**DONE, "detail": "x"},
    "seconds of a wrong type": {**DONE, "seconds": "long"},
    "observed without answers": {"is": "event", "event": "observed", "step": "0"},
    "output without text": {"is": "event", "event": "output", "step": "0", "stream": "stdout"},
    "finished without an outcome": FINISHED,
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_nonsense_for_events_is_one_clear_error(name: str) -> None:
    talk = session(frames(BAD_EVENTS[name], DONE, FINISHED))
    with pytest.raises(TargetError, match="nonsense"):
        list(talk.execute([STEP], run="r1"))


def test_a_second_outcome_of_one_step_is_nonsense() -> None:
    talk = session(frames(DONE, DONE, FINISHED))
    with pytest.raises(TargetError, match="nonsense"):
        list(talk.execute([STEP], run="r1"))


@pytest.mark.parametrize("ready", [{"is": "ready", "protocol": 99, "facts": {}}, {"is": "hello"}])
def test_a_greeting_of_another_protocol_is_refused(ready: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="nonsense"):
        session(b"", ready=ready)


@given(st.binary(max_size=300))
def test_no_bytes_whatever_lead_to_another_exception(data: bytes) -> None:
    with pytest.raises(TargetError):
        session(data).probe([STAT])


def test_text_from_a_host_cannot_pose_as_a_secret() -> None:
    mark = "\ue000env:HOME\ue001"
    answer = rb'{"\uE000env:HOME\uE001":"\ue000env:HOME\ue001"}'
    escaped = raw(b'{"is":"answers","answers":[' + answer + b"]}")
    plain = raw(b'{"is":"answers","answers":[["' + mark.encode() + b'","{{7*7}}"]]}')
    talk = session(escaped + plain)
    assert talk.probe([QUERY]) == [{"\ufffdenv:HOME\ufffd": "\ufffdenv:HOME\ufffd"}]
    assert talk.probe([QUERY]) == [["\ufffdenv:HOME\ufffd", "{{7*7}}"]]


def test_bytes_of_odd_file_names_survive_and_other_lone_surrogates_do_not() -> None:
    talk = session(raw(b'{"is":"answers","answers":[["\\udcff","\\ud800"]]}'))
    assert talk.probe([QUERY]) == [["\udcff", "\ufffd"]]


def test_an_end_within_an_answer_is_a_lost_connection_with_its_stderr() -> None:
    talk = session(frames({"is": "answers", "answers": [1]})[:-3], stderr="Killed\n")
    with pytest.raises(ConnectionLost, match="Killed"):
        talk.probe([STAT])


def test_silence_is_a_lost_connection_after_the_time_limit() -> None:
    with pytest.raises(ConnectionLost, match="no answer in time"):
        session(b"", silent=True).facts()


def test_a_refusal_is_told_with_its_reason() -> None:
    with pytest.raises(TargetError, match="another run holds the lock"):
        session(frames({"is": "refused", "why": "another run holds the lock"})).probe([STAT])


def test_events_are_yielded_until_every_step_has_an_outcome() -> None:
    started = {"is": "event", "event": "started", "step": "0"}
    talk = session(frames(started, DONE, FINISHED))
    assert list(talk.execute([STEP], run="r1", project="p")) == [started, DONE]
    assert talk.traffic.messages == (2, 2)
    assert talk.traffic.received["event"] == 2


def test_the_longest_texts_that_were_asked_for_may_come() -> None:
    read = {"kind": "read", "path": "/f", "up_to": 384 * 1024}
    text = "\x01" * 384 * 1024  # six times as long in JSON
    answer = {"sha256": SHA, "size": len(text), "text": text}
    assert session(frames({"is": "answers", "answers": [answer]})).probe([read]) == [answer]
    observed = {"is": "event", "event": "observed", "step": "0", "phase": "before"}
    talk = session(frames({**observed, "answers": [answer]}, DONE, FINISHED))
    events = list(talk.execute([{**STEP, "probes": [read]}], run="r1"))
    assert events[0]["answers"] == [answer]


def blobs(heard: bytes) -> list[tuple[str, int]]:
    """The content frames in what a host heard."""
    found, at = [], 0
    while at < len(heard):
        length, kind = wire.parse_head(heard[at : at + wire.HEAD_SIZE])
        body = heard[at + wire.HEAD_SIZE : at + wire.HEAD_SIZE + length]
        found += [(body[:32].hex(), length - 32)] if kind == wire.BLOB_FRAME else []
        at += wire.HEAD_SIZE + length
    return found


def test_contents_are_sent_in_pieces_as_they_come() -> None:
    channel = FakeChannel(frames(READY, DONE, FINISHED))
    talk = Session.open(Host("web1"), options(), connector=FakeConnector(channel))
    pieces = [b"a", b"b" * (2 * wire.CHUNK + 5), b""]
    size = sum(map(len, pieces))
    list(talk.execute([STEP], run="r1", contents=[(SHA, size)], stream=lambda sha: pieces))
    sizes = [1, wire.CHUNK, wire.CHUNK, 5]
    assert blobs(bytes(channel.heard)) == [(SHA, size) for size in sizes]
    assert talk.traffic.sent["content"] == 4


@pytest.mark.parametrize("pieces", [[b"ab"], [b"abcd"], []])
def test_a_content_of_another_size_than_announced_stops_before_execution(
    pieces: list[bytes],
) -> None:
    talk = session(frames(DONE, FINISHED))
    with pytest.raises(TargetError, match="changed while it was sent"):
        talk.execute([STEP], run="r1", contents=[(SHA, 3)], stream=lambda sha: pieces)


def test_stop_from_another_thread_never_cuts_a_frame() -> None:
    channel = FakeChannel(frames(READY, DONE, FINISHED))
    talk = Session.open(Host("web1"), options(), connector=FakeConnector(channel))

    def stop() -> None:
        for _ in range(200):
            talk.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    list(talk.execute([STEP], run="r", contents=[(SHA, 2000)], stream=lambda s: [b"x" * 10] * 200))
    stopper.join()
    assert len(blobs(bytes(channel.heard))) == 200


def test_closing_twice_or_on_a_dead_connection_is_harmless() -> None:
    channel = FakeChannel(frames(READY))
    talk = Session.open(Host("web1"), options(), connector=FakeConnector(channel))
    channel.broken = True
    talk.close()
    talk.close()
    assert channel.closed == 1


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=20))
def test_parse_changes_nothing_that_is_in_order(value: Any) -> None:
    message = {"is": "answers", "answers": [value]}
    parsed = inbound.parse(wire.canonical(message).encode())
    if not any(mark in wire.canonical(message) for mark in ("\\ue000", "\\ue001", "\\ud")):
        assert parsed == message


GENERATED = {"kind": "generated", "name": "db", "alphabet": None, "reveal": True}
VALUE = "s3cret-s3cret"
TOLD = {"length": len(VALUE), "text": VALUE}


def test_a_reference_takes_the_place_of_what_a_host_has_generated() -> None:
    kept: list[tuple[str, str, str]] = []

    def keep(*told: str) -> str:
        kept.append((told[0], told[1], told[2]))
        return "(kept)"

    steps = [{**STEP, "probes": [GENERATED]}]
    says = frames(
        {"is": "answers", "answers": [None, TOLD], "record": {"declared": ""}},
        {"is": "answers", "answers": [TOLD]},
        {"is": "event", "event": "observed", "step": "0", "phase": "after", "answers": [TOLD]},
        {**DONE, "answers": [TOLD]},
        {"is": "finished", "answers": [None, TOLD]},
    )
    connector = FakeConnector(FakeChannel(frames(READY) + says))
    talk = Session.open(Host("web1"), options(keep=keep), connector=connector)
    found: list[Any] = list(talk.observe([STAT, GENERATED], {"project": "p", "declared": []})[0])
    found += talk.probe([GENERATED])
    for event in talk.execute(steps, run="r", project="p"):
        found += event["answers"]
    found += talk.looked or []
    assert found.count({"length": len(VALUE), "text": "(kept)"}) == 5
    assert VALUE not in str(found)
    assert kept == [("web1", "db", VALUE)] * 5


@pytest.mark.parametrize(
    "said",
    [
        frames({"is": "answers", "answers": [TOLD, "nonsense"]}),
        frames({"is": "answers", "answers": [TOLD]}),
        frames({"is": "answers", "answers": [{**TOLD, "length": 1}, None]}),
        raw(f'{{"is":"answers","answers":["{VALUE}'.encode()),
        f"{VALUE}{VALUE}".encode(),
    ],
)
def test_nonsense_of_a_host_that_tells_secrets_is_not_shown(said: bytes) -> None:
    with pytest.raises(TargetError) as caught:
        session(said).probe([GENERATED, STAT])
    assert "nonsense" in str(caught.value)
    assert VALUE not in str(caught.value)
    assert VALUE not in repr(caught.value.diagnostics)
