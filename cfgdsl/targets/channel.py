"""The one thing that the kinds of target differ in: how a program's stdin and stdout are reached."""

from collections.abc import Sequence
from typing import Protocol


class Channel(Protocol):
    """Two byte streams to one program that runs on a target."""

    def write(self, data: bytes | memoryview) -> None:
        """Send all of `data`; raises `ConnectionLost` when nobody reads any more."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, at least one; b"" when the program has closed its output."""

    def diagnostics(self) -> str:
        """The end of what the program wrote to stderr, bounded, for error messages."""

    def close(self) -> None:
        """End the conversation: close the streams and wait (bounded) for the program to end."""


class Connector(Protocol):
    """Opens channels to one host. One connection, whatever the number of channels."""

    def open(self, argv: Sequence[str]) -> Channel:
        """Start `argv` on the host; raises `TargetError` when the host cannot be reached."""

    def close(self) -> None:
        """Close the connection and everything opened for it (jump hosts, proxy commands)."""
