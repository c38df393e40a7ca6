"""A host that says what a test wants, without a process: for what real hosts do not do."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from cfgdsl.core.errors import ConnectionLost, Diagnostic
from cfgdsl.core.host import Host
from cfgdsl.runner import wire
from cfgdsl.targets.options import Options, Timeouts
from cfgdsl.targets.session import Session

READY: dict[str, Any] = {"is": "ready", "protocol": wire.PROTOCOL, "facts": {"user": "root"}}


def host(name: str = "web1", **fields: Any) -> Host[Any]:
    return Host(name, **fields)


@attrs.define
class FakeChannel:
    """Says `says` in pieces of `piece` bytes, then ends (or stays silent); hears everything."""

    says: bytes = b""
    piece: int = 65536
    stderr: str = ""
    silent: bool = False
    broken: bool = False
    heard: bytearray = attrs.field(factory=bytearray)
    closed: int = 0
    replies: "Callable[[bytes], bytes] | None" = None

    def write(self, data: bytes | memoryview) -> None:
        if self.broken:
            raise ConnectionLost(Diagnostic(summary="the connection was lost"))
        self.heard += data
        if self.replies is not None:
            self.says += self.replies(bytes(data))

    def read(self, size: int, timeout: float | None = None) -> bytes:
        data = self.says[: min(size, self.piece)]
        self.says = self.says[len(data) :]
        if not data and self.silent:
            assert timeout is not None, "an endless wait"
            raise TimeoutError
        return data

    def diagnostics(self) -> str:
        return self.stderr

    def end_input(self) -> None:
        pass

    def exit_status(self, timeout: float) -> int | None:
        return None

    def close(self) -> None:
        self.closed += 1


@attrs.define
class FakeConnector:
    """Opens one channel, whose first words may depend on the marker."""

    channel: FakeChannel
    greeting: Callable[[str], bytes] = lambda marker: f"{marker} run\n".encode()
    notices: list[str] = attrs.field(factory=list)
    opened: list[list[str]] = attrs.field(factory=list)
    closed: int = 0

    def open(self, argv: Sequence[str]) -> FakeChannel:
        self.opened.append(list(argv))
        marker = re.findall(r"\bcfgdsl[0-9a-f]+\b", " ".join(argv))[-1]
        self.channel.says = self.greeting(marker) + self.channel.says
        return self.channel

    def close(self) -> None:
        self.closed += 1


def frames(*messages: dict[str, Any]) -> bytes:
    return b"".join(wire.encode(message) for message in messages)


def options(**fields: Any) -> Options:
    timeouts = Timeouts(start=0.2, facts=0.2, probe=0.2)
    return Options(**{"timeouts": timeouts, **fields})


def session(says: bytes, *, ready: dict[str, Any] | None = None, **channel: Any) -> Session:
    """A session with a host that says `says` after its greeting."""
    fake = FakeChannel(frames(ready or READY) + says, **channel)
    return Session.open(host(), options(), connector=FakeConnector(fake))
