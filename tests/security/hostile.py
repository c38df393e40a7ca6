"""A program that poses as the runner of a host and answers whatever it is told to.

    python hostile.py MODE NOTES sh

`MODE` is one of `MODES`; what the controller sent is noted in the file `NOTES`.
"""

import json
import os
import shlex
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEAD = struct.Struct("!Ic")
FACTS = {
    "hostname": "hostile",
    "os_id": "debian",
    "os_version": "12",
    "user": "root",
    "group": "root",
    "uid": 0,
    "python_version": "3.11.2",
    "machine_id": "0" * 32,
}

FOLDER = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}
FOLDERS = {"/", "/etc"}


def frame(message: Any) -> bytes:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return HEAD.pack(len(payload), b"J") + payload


def ready(**facts: Any) -> bytes:
    return frame({"is": "ready", "protocol": 1, "facts": {**FACTS, **facts}})


def say(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def listen(notes: Path) -> dict[str, Any] | None:
    """The next message; None at the end."""
    head = read(HEAD.size)
    if head is None:
        return None
    length, kind = HEAD.unpack(head)
    payload = read(length)
    if payload is None:
        return None
    with notes.open("ab") as file:
        file.write(payload + b"\n")
    return json.loads(payload) if kind == b"J" else {}


def read(size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            return None
        data += piece
    return data


def record(message: dict[str, Any]) -> dict[str, Any]:
    """An honest record of nothing."""
    return {"declared": "-" * len(message.get("record", {}).get("declared", ()))}


def recording(made_up: Any) -> Callable[[Path], None]:
    """Its record is made up; it says that of each declared thing which `c` stands for, too."""

    def talk(notes: Path) -> None:
        say(ready())
        while (message := listen(notes)) is not None:
            if message.get("do") == "probe":
                answers = [FOLDER if p.get("path") in FOLDERS else None for p in message["probes"]]
                told = {**record(message), **made_up} if isinstance(made_up, dict) else made_up
                say(frame({"is": "answers", "answers": answers, "record": told}))
            elif message.get("do") == "execute":
                say(frame({"is": "refused", "why": "no"}))

    return talk


def left_over(**entry: Any) -> dict[str, Any]:
    """A record of one thing that is no longer declared."""
    drop: dict[str, Any] = {"probes": [], "ops": [], "writes": []}
    return {"others": {"x:y": {"created": True, "drop": drop, "answers": [], **entry}}}


def answering(answer: Any) -> Callable[[Path], None]:
    """Every probe gets the same answer."""

    def talk(notes: Path) -> None:
        say(ready())
        while (message := listen(notes)) is not None:
            if message.get("do") == "probe":
                answers = [answer] * len(message["probes"])
                say(frame({"is": "answers", "answers": answers, "record": record(message)}))
            elif message.get("do") == "facts":
                say(frame({"is": "facts", "facts": {}}))
            elif message.get("do") == "execute":
                say(frame({"is": "refused", "why": "\x1b[2J{{7*7}}"}))

    return talk


def greeting(data: bytes) -> Callable[[Path], None]:
    """It greets so, and ends."""
    return lambda notes: say(data)


def host_like(
    facts: dict[str, Any], run: Callable[[dict[str, Any]], None]
) -> Callable[[Path], None]:
    """Honest but for its facts, and for what it does to carry out an `execute`."""

    def talk(notes: Path) -> None:
        say(ready(**facts))
        while (message := listen(notes)) is not None:
            if message.get("do") == "facts":
                say(frame({"is": "facts", "facts": facts}))
            elif message.get("do") == "probe":
                answers = [FOLDER if p.get("path") in FOLDERS else None for p in message["probes"]]
                say(frame({"is": "answers", "answers": answers, "record": record(message)}))
            elif message.get("do") == "execute":
                run(message)
                say(frame({"is": "finished"}))

    return talk


def posing(**facts: Any) -> Callable[[Path], None]:
    """Facts of its choice; it refuses to change anything."""

    def run(message: dict[str, Any]) -> None:
        for step in message["steps"]:
            event = {"is": "event", "event": "done", "step": step["id"]}
            say(frame({**event, "outcome": "failed", "detail": {"error": "\x1b[2Jno"}}))

    return host_like(facts, run)


def events(*made: dict[str, Any]) -> Callable[[Path], None]:
    """Honest until the run; then these events."""

    def run(_: dict[str, Any]) -> None:
        for event in made:
            say(frame({"is": "event", **event}))

    return host_like({}, run)


def deep(levels: int) -> bytes:
    inner = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"is": "ready", "protocol": 1, "facts": ' + inner + b"}"


NONSENSE: dict[str, Callable[[Path], None]] = {
    "silence": greeting(b""),
    "half a head": greeting(b"\0\0"),
    "half a frame": greeting(ready()[:20]),
    "a huge length": greeting(HEAD.pack(0xFFFFFFFF, b"J")),
    "an unknown kind": greeting(HEAD.pack(2, b"P") + b"{}"),
    "a content": greeting(HEAD.pack(40, b"B") + b"x" * 40),
    "no JSON": greeting(frame(b"{{7*7}}")),
    "a pickle": greeting(frame(b"cos\nsystem\n(S'touch /tmp/canary'\ntR.")),
    "no UTF-8": greeting(frame(b'{"is": "\xff\xfe"}')),
    "a list": greeting(frame([])),
    "deep nesting": greeting(frame(deep(1000))),
    "very deep nesting": greeting(frame(b"[" * 200_000)),
    "another protocol": greeting(frame({"is": "ready", "protocol": 99, "facts": FACTS})),
    "facts that are a list": greeting(frame({"is": "ready", "protocol": 1, "facts": []})),
    "a number of 5000 digits": greeting(
        frame(b'{"is": "ready", "protocol": 1, "facts": {"uid": ' + b"9" * 5000 + b"}}")
    ),
    "no answers": greeting(ready()),
    "too many answers": answering([None] * 3),
    "answers that are text": answering("x" * 100),
    "answers that are numbers": answering(7),
    "answers that are lists": answering([1, [2]]),
    "a kind that is a number": answering({"kind": 7}),
    "a kind that is none": answering({"kind": "{{7*7}}"}),
    "a mode that is text": answering({"kind": "dir", "mode": "0644", "owner": "a", "group": "b"}),
    "an owner that is a list": answering({"kind": "dir", "mode": 1, "owner": [], "group": {}}),
    "empty objects": answering({}),
    "a record that is text": recording("x" * 100),
    "a record of other things": recording({"declared": "c" * 100}),
    "a record of strange words": recording({"declared": "{"}),
    "debts that are numbers": recording({"debts": {"a": 7}}),
    "a left thing that is a list": recording({"others": {"a:b": [1]}}),
    "a left thing with a strange question": recording(
        left_over(drop={"probes": [{"kind": "exec"}], "ops": [], "writes": []}, answers=[None])
    ),
    "a left thing with a strange answer": recording(
        left_over(
            drop={"probes": [{"kind": "stat", "path": "/x"}], "ops": [], "writes": []}, answers=[7]
        )
    ),
    "a left thing with strange ops": recording(
        left_over(drop={"probes": [], "ops": [{"kind": "import", "path": "os"}], "writes": []})
    ),
    "an event of no step": events({"event": "done", "step": "99", "outcome": "changed"}),
    "an event without a step": events({"event": "done", "outcome": "changed"}),
    "an outcome of its own": events({"event": "done", "step": "0", "outcome": "{{7*7}}"}),
    "no outcome": events(),
    "a detail that is a list": events(
        {"event": "done", "step": "0", "outcome": "failed", "detail": [1]}
    ),
    "a detail of wrong types": events(
        {
            "event": "done",
            "step": "0",
            "outcome": "failed",
            "detail": {"error": {"a": [1]}, "argv": 7, "exit": [], "stderr": {}, "differences": 3},
        }
    ),
    "an observation nobody asked for": events(
        {"event": "observed", "step": "0", "phase": "before", "answers": [7]}
    ),
}
POSING: dict[str, Callable[[Path], None]] = {
    "a template": posing(hostname="{{7*7}}", fqdn="{% include '/etc/passwd' %}"),
    "a secret": posing(hostname="\ue000env:CANARY\ue001", fqdn="\\ue000env:CANARY\\ue001"),
    "a terminal": posing(hostname="\x1b[2J\x1b]0;owned\x07", os_id="a\r\nlocal  created  file:/x"),
    "types": posing(hostname=["a"], uid="root", user={"a": 1}, group=7, cpu_count="many"),
    "numbers": posing(cpu_count=-1, memory_mb=1e308),
}
MODES = {**NONSENSE, **POSING}


def main() -> None:
    mode, notes = sys.argv[1], Path(sys.argv[2])
    line = ""
    while True:
        line += os.read(0, 65536).decode()
        try:
            marker = shlex.split(line)[6]
            break
        except (ValueError, IndexError):
            continue
    say(f"{marker} run\n".encode())
    MODES[mode](notes)


if __name__ == "__main__":
    main()
