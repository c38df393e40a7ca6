"""The runner's end of the stream: whatever comes in whatever pieces, and how it ends."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.runner import wire
from cfgdsl.runner.channel import Channel
from tests.runner.harness import RefusedError, RunnerProcess

from .conftest import Start


@pytest.fixture
def pipe() -> Iterator[tuple[Channel, int]]:
    read, write = os.pipe()
    channel = Channel(read, os.open(os.devnull, os.O_WRONLY))
    yield channel, write
    os.close(read)


@given(st.lists(st.binary(max_size=200), max_size=5), st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    contents: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(wire.encode_blob_head("ab" * 32, len(c)) + c for c in contents)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    read, write = os.pipe()
    channel = Channel(read, -1)
    heard = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if end > start:
            os.write(write, stream[start:end])
            channel.hear()
            heard += [payload[32:] for _, payload in channel.frames()]
    os.close(write)
    assert heard == contents
    assert channel.next() is None
    os.close(read)


@pytest.mark.parametrize("beginning", [b"\0", b"\0\0\0\5J", b"\0\0\0\5J{}"])
def test_an_end_inside_a_frame_is_an_error(pipe: tuple[Channel, int], beginning: bytes) -> None:
    channel, write = pipe
    os.write(write, beginning)
    os.close(write)
    with pytest.raises(wire.WireError, match="inside a frame"):
        channel.next()


def test_a_listener_that_is_gone_is_noticed_and_nothing_more() -> None:
    read, write = os.pipe()
    os.close(read)
    channel = Channel(-1, write)
    channel.send({"is": "event"})
    channel.flush()
    assert channel.broken
    os.close(write)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xffJ",
        b"\0\0\0\2J[]",
        b"\0\0\0\2J{}"[:-1] + b"x",
    ],
)
def test_garbage_ends_the_runner_with_one_refusal_and_no_traceback(
    runner: RunnerProcess, garbage: bytes
) -> None:
    runner.send_raw(garbage)
    assert runner.receive()["is"] == "refused"
    assert runner.wait() == 70
    assert runner.stderr() == ""


@pytest.mark.parametrize(
    "message",
    [
        {"do": "dance"},
        {"do": "probe"},
        {"do": "probe", "probes": [{"kind": "stat", "path": "x"}]},
        {"do": "resolve", "steps": 3},
    ],
)
def test_a_message_that_makes_no_sense_is_refused_and_the_talk_goes_on(
    runner: RunnerProcess, message: dict[str, object]
) -> None:
    assert runner.ask(message)["is"] == "refused"
    assert runner.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


def test_deeply_nested_probes_are_refused_or_answered(runner: RunnerProcess) -> None:
    probe: dict[str, object] = {"kind": "stat", "path": "/"}
    for _ in range(200):
        probe = {"kind": "query", "argv": ["true"], "item": "x", "split": "rows", "when": probe}
    assert runner.ask({"do": "probe", "probes": [probe]})["is"] in ("refused", "answers")
    assert runner.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


def test_steps_that_do_not_fit_together_are_refused(rooted: RunnerProcess) -> None:
    one = {"id": "1", "name": "x", "probes": [], "ops": []}
    for steps in (
        [one, one],
        [{**one, "after": ["2"]}],
        [{**one, "after": ["2"]}, {**one, "id": "2", "after": ["1"]}],
    ):
        with pytest.raises(RefusedError):
            rooted.execute(steps)


def test_the_runner_ends_when_the_stream_ends(start: Start) -> None:
    runner = start()
    runner.hang_up()
    assert runner.wait() == 0
    assert runner.stderr() == ""


def test_bye_ends_it_too(runner: RunnerProcess) -> None:
    runner.send({"do": "bye"})
    assert runner.wait() == 0
