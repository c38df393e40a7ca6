"""One conversation with the runner on one host, over one channel: the controller's side.

Every wait has a limit, every message from the host is checked (`inbound`), and everything that goes
wrong is a `TargetError` that names the host.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from cfgdsl.core.errors import ConnectionLost, Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.core.record import HostRecord
from cfgdsl.runner import wire
from cfgdsl.targets import inbound
from cfgdsl.targets.channel import Connector
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.dialogue import Dialogue
from cfgdsl.targets.loading import command_of, load
from cfgdsl.targets.options import Options
from cfgdsl.targets.traffic import Traffic

Message = dict[str, Any]
Checked = TypeVar("Checked")
Answers = TypeVar("Answers", bound=Sequence[Any])
Stream = Callable[[str], Iterable[bytes]]
"""Gives the pieces of the content with a sha256."""


class Session:
    """A runner that has greeted. One thread drives it; `stop` may come from any.

    `basics` holds the facts that came with the greeting, `traffic` counts what was said so far,
    `notices` are for the user: a host key that was accepted and recorded.
    """

    def __init__(
        self, dialogue: Dialogue, traffic: Traffic, notices: Sequence[str], owned: Connector | None
    ) -> None:
        """Not for callers: see `open`."""
        self._host = dialogue.host.name
        self._channel = dialogue.channel
        self._timeouts = dialogue.options.timeouts
        self._owned = owned
        self._buffer = bytearray(dialogue.rest())
        self._writing = threading.Lock()
        self._closed = False
        self._keep = dialogue.options.keep
        self._told_secrets = False
        """Whether the host may tell secrets: then errors show nothing of what it said."""
        self.project: str | None = None
        """Whose generated secrets `probe` asks about: those of what was observed or executed."""
        self._asked: list[Mapping[str, Any]] = []
        self.looked: list[Any] | None = None
        """The answers to what `observe` asked last, when an `execute` had changed something."""
        self._running: dict[str, Sequence[Mapping[str, Any]]] = {}
        self.traffic = traffic
        self.notices = tuple(notices)
        greeting = self._receive(self._timeouts.start, inbound.SMALL)
        self.basics = self._checked(inbound.check_ready, greeting)

    @classmethod
    def open(
        cls, host: Host[Any], options: Options, *, connector: Connector | None = None
    ) -> "Session":
        """Start the runner on `host` and wait for its greeting; its source goes along when needed.

        Over `connector` if given, which stays the caller's to close; else over a new connection
        that ends with the session. Raises `TargetError`: cannot connect, a wrong password, no
        usable Python, no greeting in time.
        """
        owned: Connector | None = None
        if connector is None:
            connector = owned = connector_for(host, options)
        traffic = Traffic()
        dialogue: Dialogue | None = None
        try:
            dialogue = Dialogue.start(connector.open, host, command_of(host), options)
            traffic.to_host("start", 0)
            load(dialogue, traffic)
            return cls(dialogue, traffic, connector.notices, owned)
        except BaseException:
            if dialogue is not None:
                dialogue.channel.close()
            if owned is not None:
                owned.close()
            raise

    def facts(self) -> Message:
        """The facts that cost something; one message each way."""
        self._send({"do": "facts"})
        answer = self._receive(self._timeouts.facts, inbound.SMALL)
        return self._checked(inbound.check_facts, answer)

    def probe(self, probes: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The answers to `probes`, in order; one message each way, none for no probes."""
        if not probes:
            return []
        about = {} if self.project is None else {"project": self.project}
        self._send({"do": "probe", "probes": list(probes), **about})
        self._expect_secrets(probes)
        answer = self._receive(self._timeouts.probe, inbound.answers_limit(probes))
        answers = self._checked(lambda message: inbound.check_answers(message, probes), answer)
        return self._without_secrets(probes, answers)

    def observe(
        self, probes: Sequence[Mapping[str, Any]], record: Mapping[str, Any]
    ) -> tuple[list[Any], HostRecord]:
        """The answers to `probes`, in order, and what the record says (asked as `wire.RECORD` has
        it); one message each way."""
        self._asked = list(probes)
        self.project = record.get("project")
        self._send({"do": "probe", "probes": self._asked, "record": dict(record)})
        self._expect_secrets(probes)
        declared = [name for name, _ in record["declared"]]
        answer = self._receive(self._timeouts.probe, wire.MAX_MESSAGE)
        answers = self._checked(lambda message: inbound.check_answers(message, probes), answer)
        found = self._checked(lambda m: inbound.check_record(m, declared), answer)
        for left in found.left:
            self._without_secrets([probe.to_json() for probe in left.probes], left.answers)
        return self._without_secrets(probes, answers), found

    def history(self, project: str | None, run: str | None = None) -> Message:
        """The runs that the record of a project knows, and the entries of one of them."""
        asked = {"project": project, "run": run}
        self._send({"do": "history", **{name: v for name, v in asked.items() if v is not None}})
        answer = self._receive(self._timeouts.probe, wire.MAX_MESSAGE)
        return self._checked(inbound.check_history, answer)

    def execute(
        self,
        steps: Sequence[Mapping[str, Any]],
        *,
        run: str,
        project: str | None = None,
        contents: Sequence[tuple[str, int]] = (),
        stream: Stream | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Iterator[Message]:
        """Execute `steps`, yielding each event; ends when every step has an outcome.

        `contents` (sha256, size) are sent first, from `stream`, in frames as they come. `notes` are
        for the record (`by`, `adopt`, `forget`, `rename`, as the wire has them). Between two
        events the caller may `resolve` or `stop`. Raises `TargetError` when the runner refuses, a
        content changed meanwhile or the host answers nonsense, `ConnectionLost` when it goes away.
        """
        message: Message = {"do": "execute", "run": run, "steps": list(steps), **(notes or {})}
        self.looked = None
        if self._asked:
            message["look"] = True
        self.project = project
        if project is not None:
            message["project"] = project
        if contents:
            message["contents"] = [[sha256, size] for sha256, size in contents]
        self._send(message)
        for sha256, size in contents:
            if stream is None:
                msg = "contents without a stream"
                raise ValueError(msg)
            self._send_content(sha256, size, stream(sha256))
        told = (step for step in steps if not step.get("barrier"))
        self._running = {str(step["id"]): step.get("probes") or () for step in told}
        for probes in self._running.values():
            self._expect_secrets(probes)
        return self._events(self._running)

    def resolve(self, decisions: Mapping[str, Mapping[str, Any]]) -> None:
        """Decide on steps that were reported as `observed`. From any thread."""
        for step, decision in decisions.items():
            if step in self._running and decision.get("probes") is not None:
                self._running[step] = decision["probes"]
                self._expect_secrets(decision["probes"])
        self._send({"do": "resolve", "steps": dict(decisions)})

    def stop(self) -> None:
        """Start no further step; a second time: end those that run. From any thread."""
        with contextlib.suppress(ConnectionLost):  # who drives the session will hear of it
            self._send({"do": "stop"})

    def close(self) -> None:
        """Say goodbye and end the channel (the connection too, if owned). Never raises."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TargetError):
            self._send({"do": "bye"})
        self._channel.close()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _events(self, running: dict[str, Sequence[Mapping[str, Any]]]) -> Iterator[Message]:
        questions = (*running.values(), self._asked)
        limit = max(
            inbound.answers_limit((), 1 + len(running)), *map(inbound.answers_limit, questions)
        )
        while True:
            message = self._receive(None, limit)
            if message.get("is") == "finished":
                self.looked = self._checked(
                    lambda m: inbound.check_finished(m, self._asked), message
                )
                self._without_secrets(self._asked, self.looked or [])
                break
            self._checked(lambda m: inbound.check_event(m, running), message)
            self._without_secrets(running[message["step"]], message.get("answers") or [])
            if message["event"] == "done":
                del running[message["step"]]
            yield message
        if running:
            raise inbound.nonsense(
                self._host, f"finished, but {sorted(running)[:3]} had no outcome"
            )

    def _expect_secrets(self, probes: Iterable[Mapping[str, Any]]) -> None:
        self._told_secrets = self._told_secrets or any(p.get("reveal") for p in probes)

    def _without_secrets(self, probes: Iterable[Mapping[str, Any]], answers: Answers) -> Answers:
        """The answers, with references in place of the values of generated secrets: nothing beyond
        this point ever sees one."""
        for probe, answer in zip(probes, answers, strict=False):
            if probe["kind"] == "generated" and answer and answer.get("text") is not None:
                answer["text"] = self._keep(self._host, probe["name"], answer["text"])
        return answers

    def _nonsense(self, problem: str, sample: bytes = b"") -> TargetError:
        return inbound.nonsense(self._host, problem, b"" if self._told_secrets else sample)

    def _send(self, message: Message) -> None:
        try:
            frame = wire.encode(message)
        except wire.WireError as error:
            raise TargetError(
                Diagnostic(
                    summary="too much for one message", detail=str(error), address=self._host
                )
            ) from None
        with self._writing:
            self._channel.write(frame)
        self.traffic.to_host(message["do"], len(frame))

    def _send_content(self, sha256: str, size: int, pieces: Iterable[bytes]) -> None:
        left = size
        for piece in pieces:
            for start in range(0, len(piece), wire.CHUNK):
                data = memoryview(piece)[start : start + wire.CHUNK]
                left -= len(data)
                if left < 0:
                    break
                self._send_piece(sha256, data)
        if left:
            raise TargetError(
                Diagnostic(
                    summary="a content changed while it was sent",
                    detail=f"{sha256}: {size} bytes were announced, {size - left} came",
                    hint="Plan again.",
                    address=self._host,
                )
            )

    def _send_piece(self, sha256: str, data: memoryview) -> None:
        head = wire.encode_blob_head(sha256, len(data))
        with self._writing:
            self._channel.write(head)
            self._channel.write(data)
        self.traffic.to_host("content", len(head) + len(data))

    def _receive(self, timeout: float | None, limit: int) -> Message:
        end = None if timeout is None else time.monotonic() + timeout
        head = self._take(wire.HEAD_SIZE, end)
        try:
            length, kind = wire.parse_head(head, limit)
        except wire.WireError as error:
            raise self._nonsense(str(error), head + bytes(self._buffer)) from None
        if kind != wire.JSON_FRAME:
            raise inbound.nonsense(self._host, "a content, from a host")
        payload = self._take(length, end)
        try:
            message = inbound.parse(payload)
        except inbound.NonsenseError as error:
            raise self._nonsense(str(error), payload) from None
        self.traffic.from_host(str(message.get("is"))[:20], wire.HEAD_SIZE + length)
        if message.get("is") == "refused":
            raise TargetError(
                Diagnostic(
                    summary="the runner refused, and changed nothing",
                    detail=str(message.get("why"))[:2000],
                    address=self._host,
                )
            )
        return message

    def _take(self, size: int, end: float | None) -> bytes:
        while len(self._buffer) < size:
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                data = self._channel.read(256 * 1024, left)
            except TimeoutError:
                raise self._lost("no answer in time") from None
            if not data:
                raise self._lost("the runner ended before its time")
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _lost(self, summary: str) -> ConnectionLost:
        status = self._channel.exit_status(0.2)
        lines = [f"exit status {status}"] if status is not None else []
        lines += [self._channel.diagnostics().strip()]
        return ConnectionLost(
            Diagnostic(summary=summary, detail="\n".join(lines).strip(), address=self._host)
        )

    def _checked(self, check: Callable[[Message], Checked], message: Message) -> Checked:
        try:
            return check(message)
        except inbound.NonsenseError as error:
            sample = wire.canonical(message)[:400].encode()
            raise self._nonsense(str(error), sample) from None
