"""The runner's conversation: greet, then carry out one message after the other until the end."""

from __future__ import annotations

import os
import sys

from . import cache, facts, morefacts, wire
from .accounts import Accounts
from .channel import Channel
from .checks import check
from .contents import Contents
from .execute import Execution
from .generated import Generated
from .keeper import Keeper
from .lean import signal
from .ops import Workshop
from .paths import Root
from .pool import Pool
from .probes import Inquiry
from .schedule import Schedule
from .state import StateError
from .survey import Survey, history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


def main(root: str, fresh: tuple[str, str, dict[str, CodeType]] | None = None) -> int:
    """Talk over stdin and stdout until the controller says bye or is gone; the exit status.

    `fresh`: what to keep for the next start: folder, file name, and code of a runner just received.
    """
    os.closerange(3, 1024)  # what whoever started this has left open is not for our commands
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
        _converse(channel, Runner(channel, root))
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
            check(wire.MESSAGES, message.get("do"), message)
            runner.carry_out(message)
        except (wire.WireError, StateError, RecursionError) as error:
            channel.send({"is": "refused", "why": str(error)})
        channel.flush()


class Runner:
    """What lasts from message to message."""

    def __init__(self, channel: Channel, root: str) -> None:
        self._channel = channel
        self._root = Root(root)
        self._accounts = Accounts()
        self._asked: list[dict[str, Any]] | None = None

    def carry_out(self, message: dict[str, Any]) -> None:
        """Do what a valid message says, and answer it; WireError or StateError: it is refused."""
        self._accounts.forget()
        if message["do"] == "facts":
            self._channel.send({"is": "facts", "facts": morefacts.costly()})
        elif message["do"] == "probe":
            self._channel.send({"is": "answers", **self._answers(message)})
        elif message["do"] == "execute":
            self._execute(message)
        elif message["do"] == "history":
            told = history(self._root, message.get("project"), message.get("run"))
            self._channel.send({"is": "history", **told})
        # `stop`, `resolve`: everything has ended already

    def _answers(self, message: dict[str, Any]) -> dict[str, Any]:
        probes, record = message["probes"], message.get("record")
        if record is None:
            return {"answers": self._probe(probes, message.get("project"))}
        self._asked = probes
        survey = Survey(self._root, record)
        answers = self._probe(probes + survey.probes, record.get("project"))
        told = survey.answer(answers[len(probes) :])
        return {"answers": answers[: len(probes)], "record": told}

    def _probe(self, probes: list[dict[str, Any]], project: str | None) -> list[Any]:
        generated = Generated(self._root, project)
        with Pool(self._accounts) as pool:
            inquiry = Inquiry(probes, self._root, self._accounts, pool, generated)
            pool.watch(self._channel.out_fd, only_end=True)
            while not inquiry.answered:
                ended = pool.pump()
                if pool.signalled or ended:  # nobody waits for the answers any more
                    sys.exit(143)
            return inquiry.answers()

    def _execute(self, message: dict[str, Any]) -> None:
        schedule = Schedule(message["steps"])
        with Keeper(self._root, message) as keeper:
            self._with_contents(message, schedule, keeper)

    def _with_contents(self, message: dict[str, Any], schedule: Schedule, keeper: Keeper) -> None:
        """Receive what is announced, then execute."""
        try:
            keeper.flush()
            contents = Contents(message.get("contents") or [], keeper.folder)
        except OSError as error:
            raise StateError("cannot keep the record: %s" % error.strerror) from None
        project = message.get("project")
        try:
            stopped = self._receive(contents)
            if not self._channel.ended:
                generated = Generated(self._root, project)
                shop = Workshop(self._root, self._accounts, contents, keeper.backups, generated)
                Execution(schedule, self._channel, shop, keeper).run(stopped)
                look = message.get("look") and self._asked is not None and schedule.has_changed
                answers = {"answers": self._probe(self._asked or [], project)} if look else {}
                self._channel.send({"is": "finished", **answers})
        finally:
            contents.close()

    def _receive(self, contents: Contents) -> bool:
        """Wait for all contents, or the end of the stream; whether a `stop` came meanwhile."""
        stopped = False
        while not contents.complete:
            frame = self._channel.next()
            if frame is None:
                break
            kind, payload = frame
            if kind == wire.BLOB_FRAME:
                try:
                    contents.add(payload)
                except OSError as error:
                    raise StateError("cannot keep the contents: %s" % error.strerror) from None
            elif wire.decode(payload).get("do") == "stop":
                stopped = True
            else:
                raise wire.WireError("a message between the contents")
        return stopped
