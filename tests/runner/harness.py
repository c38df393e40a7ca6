"""A controller of a few lines: starts the runner as a target would, and talks frames with it."""

import hashlib
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cfgdsl.runner import journal, loader, wire

Json = dict[str, Any]
Event = dict[str, Any]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entries(folder: Path) -> list[Json]:
    """What the journal in a record's folder says."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        return journal.read(fd)[0]
    finally:
        os.close(fd)


def put(path: object, data: bytes, **fields: object) -> Json:
    return {"kind": "put", "path": str(path), "sha256": sha256(data), "size": len(data), **fields}


def run(*argv: str, **fields: object) -> Json:
    return {"kind": "run", "argv": list(argv), **fields}


def step(step_id: str, probes: Sequence[Json] = (), ops: object = (), **fields: object) -> Json:
    """A step; its `ops` may be None."""
    ops = list(ops) if isinstance(ops, (tuple, list)) else ops
    return {"id": step_id, "name": f"test:{step_id}", "probes": list(probes), "ops": ops, **fields}


def content_step(step_id: str, path: object, data: bytes, **fields: object) -> Json:
    """A step that makes a file have a content, and is proven by it."""
    probe = {"kind": "read", "path": str(path)}
    want = wire.digest([{"sha256": sha256(data), "size": len(data)}])
    return step(step_id, [probe], [put(path, data)], want=want, **fields)


def outcomes(events: Sequence[Event]) -> dict[str, str]:
    return {event["step"]: event["outcome"] for event in events if event.get("event") == "done"}


def detail(events: Sequence[Event], step_id: str) -> Json:
    found: Json = next(
        event["detail"]
        for event in events
        if event.get("event") == "done" and event["step"] == step_id
    )
    return found


# Only one run at a time changes a host, and tests run side by side on this one.
_LOCK_OF_ITS_OWN = 'mount -t tmpfs none /run/lock && exec "$@"'
_OWN_LOCK = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _LOCK_OF_ITS_OWN, "sh"]


class RefusedError(Exception):
    """The runner said no."""


class RunnerProcess:
    """One started runner."""

    def __init__(
        self,
        argv: Sequence[str] | None = None,
        *,
        marker: str | None = None,
        python: str | None = None,
        root: str = "/",
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        bundle: bytes | None = None,
    ) -> None:
        self.marker = marker or secrets.token_hex(8)
        argv = argv or loader.command(self.marker, python=python, root=root)
        self.process = subprocess.Popen(
            [*_OWN_LOCK, *argv] if root == "/" and (user or os.geteuid()) == 0 else argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        self.noise = b""
        self.words = [self._word()]
        if self.words == ["send"]:
            self._stdin.write(loader.framed_bundle() if bundle is None else bundle)
            self.words.append(self._word())
        self.facts: Json = {}
        if self.words[-1] == "run":
            greeting = self.receive()
            assert greeting["is"] == "ready"
            self.facts = greeting["facts"]

    def _word(self) -> str:
        """What the loader says after the marker; the noise before it is kept apart."""
        mark = self.marker.encode() + b" "
        line = b""
        while not (mark in line and line.endswith(b"\n")):
            byte = self._stdout.read(1)
            if not byte:
                self.noise += line
                return ""
            line += byte
        noise, _, word = line.partition(mark)
        self.noise += noise
        return word.decode().rstrip("\n")

    def send(self, message: Json) -> None:
        self._stdin.write(wire.encode(message))

    def send_raw(self, data: bytes) -> None:
        self._stdin.write(data)

    def send_content(self, data: bytes) -> None:
        digest = sha256(data)
        for start in range(0, len(data), wire.CHUNK):
            piece = data[start : start + wire.CHUNK]
            self._stdin.write(wire.encode_blob_head(digest, len(piece)) + piece)

    def receive(self) -> Json:
        length, kind = wire.parse_head(self._read(wire.HEAD_SIZE))
        assert kind == wire.JSON_FRAME
        return wire.decode(self._read(length))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._stdout.read(size - len(data))
            if not piece:
                raise EOFError(self.stderr())
            data += piece
        return data

    def ask(self, message: Json) -> Json:
        self.send(message)
        return self.receive()

    def probe(self, *probes: Json) -> list[Any]:
        answer = self.ask({"do": "probe", "probes": list(probes)})
        assert answer["is"] == "answers", answer
        found: list[Any] = answer["answers"]
        return found

    def start(self, steps: Sequence[Json], contents: Sequence[bytes] = (), **fields: Any) -> None:
        announced = [[sha256(data), len(data)] for data in contents]
        message = {"do": "execute", "run": "test", "project": PROJECT, "steps": list(steps)}
        self.send({**message, "contents": announced, **fields})
        for data in contents:
            self.send_content(data)

    def events(self, resolve: Callable[[Event], Json] | None = None) -> list[Event]:
        """Every event until the end; `resolve` decides on what is observed."""
        events: list[Event] = []
        while True:
            message = self.receive()
            if message["is"] == "refused":
                raise RefusedError(message["why"])
            if message["is"] == "finished":
                return events
            events.append(message)
            if message["event"] == "observed":
                assert resolve is not None, message
                self.send({"do": "resolve", "steps": {message["step"]: resolve(message)}})

    def until(self, event: str, step_id: str) -> Event:
        while True:
            message = self.receive()
            if message.get("event") == event and message.get("step") == step_id:
                return message

    def execute(
        self,
        steps: Sequence[Json],
        contents: Sequence[bytes] = (),
        resolve: Callable[[Event], Json] | None = None,
        **fields: Any,
    ) -> list[Event]:
        self.start(steps, contents, **fields)
        return self.events(resolve)

    def hang_up(self) -> None:
        self._stdin.close()
        self._stdout.close()

    def stderr(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def wait(self, seconds: float = 20) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        for stream in (self._stdin, self._stdout):
            if not stream.closed:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stderr is not None
            self.process.stderr.close()


PROJECT = f"test-{os.getpid()}"
"""Where these tests keep their records: not among anybody's real ones."""


def processes_with(word: str) -> list[int]:
    """The processes, zombies not counted, with `word` in their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in arguments and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
