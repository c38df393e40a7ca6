"""Counts what goes over a conversation, so that a test can hold the number of round trips."""

from collections import Counter

import attrs

_STREAM = frozenset({"event", "finished", "content"})


@attrs.define
class Traffic:
    """Messages by kind and bytes, each way.

    Kinds are those of `cfgdsl.runner.wire`, and: ``start``, ``runner`` (its source), ``content``
    (one frame of one) sent; ``loader`` received.
    """

    sent: Counter[str] = attrs.field(factory=Counter)
    received: Counter[str] = attrs.field(factory=Counter)
    bytes_sent: int = 0
    bytes_received: int = 0

    def to_host(self, kind: str, size: int) -> None:
        """Count a message to the host."""
        self.sent[kind] += 1
        self.bytes_sent += size

    def from_host(self, kind: str, size: int) -> None:
        """Count a message from the host."""
        self.received[kind] += 1
        self.bytes_received += size

    @property
    def messages(self) -> tuple[int, int]:
        """How many messages went each way, without events and contents."""
        ways = (self.sent, self.received)
        sent, received = (sum(n for k, n in way.items() if k not in _STREAM) for way in ways)
        return sent, received
