"""The one thing that the kinds of target differ in: how a program's streams are reached."""

from collections.abc import Sequence
from typing import Protocol

from cfgdsl.core.secret import strip_marks


class Tail:
    """The end of a stream: what a program wrote last, however much it writes."""

    LIMIT = 8 * 1024

    def __init__(self) -> None:
        self._kept = b""

    def add(self, data: bytes) -> None:
        """Append `data`, dropping what is older than the limit."""
        self._kept = (self._kept + data)[-self.LIMIT :]

    def text(self) -> str:
        """It as text that is safe to show."""
        return printable(self._kept)


def printable(data: bytes) -> str:
    """Bytes from a host as text: no control characters but newlines, no posing as a secret.

    >>> printable(b"done\\x1b[2J\\r\\n")
    'done?[2J\\n'
    """
    text = strip_marks(data.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\t", "  ")
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


class Channel(Protocol):
    """Two byte streams to one program that runs on a target."""

    def write(self, data: bytes | memoryview) -> None:
        """Send all of `data`; raises `ConnectionLost` when nobody reads any more."""

    def read(self, size: int, timeout: float | None = None) -> bytes:
        """Up to `size` bytes, at least one; b"" when the program has closed its output.

        Raises `TimeoutError` after `timeout` seconds without a byte (None: waits for ever, but
        notices a dead connection), `ConnectionLost` when the connection breaks.
        """

    def diagnostics(self) -> str:
        """The end of what the program wrote to stderr so far, bounded, for error messages."""

    def end_input(self) -> None:
        """Close the program's stdin."""

    def exit_status(self, timeout: float) -> int | None:
        """How the program ended, waiting up to `timeout` seconds; None when that is not known."""

    def close(self) -> None:
        """End the conversation: close the streams and wait (bounded) for the program to end."""


class Connector(Protocol):
    """Opens channels to one host. One connection, whatever the number of channels."""

    notices: list[str]
    """What the user should know though nothing failed: a host key that was accepted, say."""

    def open(self, argv: Sequence[str]) -> Channel:
        """Start `argv` on the host; raises `TargetError` when the host cannot be reached.

        Nothing may be written before the program has spoken, but for `end_input`: on the way there
        may be a shell that reads ahead.
        """

    def close(self) -> None:
        """Close the connection and everything opened for it (jump hosts, proxy commands)."""
