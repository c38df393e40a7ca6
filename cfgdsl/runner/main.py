"""The runner's conversation: greet, then carry out one message after the other until the end."""

from __future__ import annotations

import os
import sys

from . import cache, facts, morefacts, wire
from .accounts import Accounts
from .channel import Channel
from .lean import signal
from .paths import Root
from .pool import Pool
from .probes import Inquiry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


def main(root: str, fresh: tuple[str, str, dict[str, CodeType]] | None = None) -> int:
    """Talk over stdin and stdout until the controller says bye or is gone; the exit status.

    `fresh`: what to keep for the next start: folder, file name, and code of a runner just received.
    """
    os.umask(0o077)
    os.chdir("/")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the controller: it says `stop`
    channel = _claim_streams()
    try:
        channel.send({"is": "ready", "protocol": wire.PROTOCOL, "facts": facts.cheap(root)})
        channel.flush()
        if fresh is not None:
            cache.store(*fresh)
        _converse(channel, Runner(root))
    except wire.WireError as error:
        channel.send({"is": "refused", "why": str(error)})
        channel.flush()
        return 70
    except Exception:  # noqa: BLE001 - a bug: say so, but never in the controller's stream
        sys.excepthook(*sys.exc_info())
        return 70
    return 0


def _claim_streams() -> Channel:
    """Take stdin and stdout for the conversation; nothing else can then write into it."""
    channel = Channel(os.dup(0), os.dup(1))
    for fd in (0, 1):
        os.set_blocking(fd, True)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return channel


def _converse(channel: Channel, runner: Runner) -> None:
    while not channel.broken:
        frame = channel.next()
        if frame is None:
            return
        kind, payload = frame
        if kind != wire.JSON_FRAME:
            continue  # contents of an `execute` that was refused
        message = wire.decode(payload)
        if message.get("do") == "bye":
            return
        try:
            wire.check(wire.MESSAGES, message.get("do"), message)
            channel.send(runner.carry_out(message))
        except (wire.WireError, RecursionError) as error:
            channel.send({"is": "refused", "why": str(error)})
        channel.flush()


class Runner:
    """What lasts from message to message."""

    def __init__(self, root: str) -> None:
        self._root = Root(root)
        self._accounts = Accounts()

    def carry_out(self, message: dict[str, Any]) -> dict[str, Any]:
        """Do what a valid message says; the message that answers it."""
        if message["do"] == "facts":
            return {"is": "facts", "facts": morefacts.costly()}
        if message["do"] == "probe":
            return {"is": "answers", "answers": self._probe(message["probes"])}
        raise wire.WireError("%r: nothing is being executed" % message["do"])

    def _probe(self, probes: list[dict[str, Any]]) -> list[Any]:
        self._accounts.forget()
        with Pool(self._accounts) as pool:
            inquiry = Inquiry(probes, self._root, self._accounts, pool)
            while not inquiry.answered:
                pool.pump()
                if pool.signalled:
                    sys.exit(143)
            return inquiry.answers()
