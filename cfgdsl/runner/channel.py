"""Frames over two file descriptors: how the runner hears and answers the controller."""

from __future__ import annotations

import os

from . import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_PIECE = 256 * 1024


class Channel:
    """The conversation. Messages are gathered by `send` and leave with `flush`."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.fd = read_fd
        self.out_fd = write_fd
        self._heard = bytearray()
        self._unsent = bytearray()
        self.ended = False
        """The controller will say nothing more."""
        self.broken = False
        """The controller hears nothing more."""

    def next(self) -> tuple[bytes, bytes] | None:
        """Wait for the next (kind, payload); None at the end of the stream."""
        frame = self._take()
        while frame is None and not self.ended:
            self.hear()
            frame = self._take()
        return frame

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """The frames that have been heard completely, without waiting for more."""
        frame = self._take()
        while frame is not None:
            yield frame
            frame = self._take()

    def hear(self) -> None:
        """Read once; that does not wait when `fd` is readable."""
        try:
            data = os.read(self.fd, _PIECE)
        except ConnectionError:
            data = b""
        self._heard += data
        self.ended = not data

    def _take(self) -> tuple[bytes, bytes] | None:
        if len(self._heard) < wire.HEAD_SIZE:
            if self.ended and self._heard:
                raise wire.WireError("the stream ended inside a frame")
            return None
        length, kind = wire.parse_head(bytes(self._heard[: wire.HEAD_SIZE]))
        end = wire.HEAD_SIZE + length
        if len(self._heard) < end:
            if self.ended:
                raise wire.WireError("the stream ended inside a frame")
            return None
        payload = bytes(self._heard[wire.HEAD_SIZE : end])
        del self._heard[:end]
        return kind, payload

    def send(self, message: Mapping[str, Any]) -> None:
        """Say `message` with the next `flush`."""
        self._unsent += wire.encode(message)
        if len(self._unsent) > _PIECE:
            self.flush()

    def flush(self) -> None:
        """Write what was said. When nobody hears it any more, `broken` says so."""
        with memoryview(bytes(self._unsent)) as data:
            self._unsent.clear()
            done = 0
            while done < len(data) and not self.broken:
                try:
                    done += os.write(self.out_fd, data[done:])
                except OSError:  # noqa: PERF203
                    self.broken = True
