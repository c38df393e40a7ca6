"""Many commands at once: listened to with bounds, timed out, and never left behind."""

from __future__ import annotations

import os
import select
import time

from .lean import signal
from .process import Command, StartError, signal_session, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from .accounts import Accounts

GRACE = 3.0
"""Seconds between asking a command to end and killing it."""

_PIECE = 64 * 1024
_LAST_PIECES = 32  # read at most so many after a command's end: its children may go on writing


class Output:
    """A bounded part of what a command wrote: its first bytes or its last."""

    def __init__(self, limit: int, tail: bool) -> None:
        self._limit = limit
        self._tail = tail
        self._kept = bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        """More was written; what does not fit is forgotten."""
        self._size += len(data)
        if self._tail:
            self._kept += data
            del self._kept[: -self._limit]
        else:
            self._kept += data[: self._limit - len(self._kept)]

    @property
    def cut(self) -> bool:
        """Some of it is missing."""
        return self._size > self._limit

    def exact(self) -> str | None:
        """As text; None when something is missing or it is not UTF-8."""
        try:
            return None if self.cut else self._kept.decode()
        except UnicodeDecodeError:
            return None

    def text(self) -> str:
        """As text; bytes that are not UTF-8 become U+FFFD."""
        return self._kept.decode("utf-8", "replace")


class Running:
    """A command on its way, and in the end what became of it."""

    def __init__(
        self,
        command: Command,
        done: Callable[[Running], None],
        heard: Callable[[str, bytes], None] | None,
    ) -> None:
        self.command = command
        self.done = done
        self.heard = heard
        self.stdout = Output(command.limit, command.tail)
        self.stderr = Output(command.limit, command.tail)
        self.exit: int | None = None
        """Exit status, negative for a signal; None when it never ran."""
        self.error: str | None = None
        """Why it could not be started, or why it was killed."""
        self.pid = 0
        self.fds: list[int] = []
        self.deadline: float | None = None
        self.killed = False


class Pool:
    """Runs commands, at most `limit` at once and as many urgent ones, and watches them together.

    It is a context. Within, SIGCHLD wakes `pump`, and SIGTERM and SIGHUP are noted in `signalled`
    instead of ending the runner in the middle of something; at its end nothing it started is left.
    """

    def __init__(self, accounts: Accounts, limit: int | None = None) -> None:
        self._accounts = accounts
        self._limit = limit or max(4, 2 * (os.cpu_count() or 1))
        self._waiting: dict[bool, list[Running]] = {True: [], False: []}
        self._running: list[Running] = []
        self._ended: list[Running] = []
        self._by_fd: dict[int, tuple[Running, str]] = {}
        self._poll = select.poll()
        self._handlers: dict[int, Any] = {}
        self._wake = (-1, -1)
        self.signalled: set[int] = set()

    def __enter__(self) -> Self:
        self._wake = os.pipe()
        for fd in self._wake:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._note)
        self.watch(self._wake[0])
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill("the runner ended", grace=0)
        while len(self):
            self.pump(1.0)
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for fd in self._wake:
            os.close(fd)

    def _note(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.signalled.add(number)

    def __len__(self) -> int:
        return len(self._running) + sum(map(len, self._waiting.values())) + len(self._ended)

    def watch(self, fd: int, only_end: bool = False) -> None:
        """Have `pump` say when `fd` can be read, or only when its other end was closed."""
        self._poll.register(fd, 0 if only_end else select.POLLIN)

    def unwatch(self, fd: int) -> None:
        """The opposite of `watch`."""
        self._poll.unregister(fd)

    def submit(
        self,
        command: Command,
        done: Callable[[Running], None],
        heard: Callable[[str, bytes], None] | None = None,
    ) -> None:
        """Run `command` when there is room; `pump` will call `heard` and, at its end, `done`."""
        self._waiting[command.urgent].append(Running(command, done, heard))
        self._fill()

    def pump(self, timeout: float | None = None) -> set[int]:
        """Wait for something to happen, at most `timeout` seconds, and handle it.

        Returns the watched descriptors that can be read, or have ended.
        """
        readable = set()
        for fd, _ in self._poll.poll(self._patience(timeout)):
            if fd in self._by_fd:
                self._hear(fd)
            elif fd == self._wake[0]:
                os.read(fd, _PIECE)
            else:
                readable.add(fd)
        for running in list(self._running):
            self._look_after(running)
        self._fill()
        ended, self._ended = self._ended, []
        for running in ended:
            running.done(running)
        return readable

    def kill(self, why: str, grace: float | None = None) -> None:
        """End all commands: those that wait never start, the others have `grace` seconds."""
        for waiting in self._waiting.values():
            for running in waiting:
                running.error = why
            self._ended += waiting
            waiting.clear()
        for running in self._running:
            self._end(running, why, GRACE if grace is None else grace)

    def _patience(self, timeout: float | None) -> int | None:
        """How long to poll, in milliseconds: until `timeout` or the next deadline."""
        if self._ended:
            return 0
        ends = [r.deadline for r in self._running if r.deadline is not None]
        if ends:
            rest = max(0.0, min(ends) - time.monotonic())
            timeout = rest if timeout is None else min(rest, timeout)
        return None if timeout is None else int(timeout * 1000) + 1

    def _fill(self) -> None:
        for urgent, waiting in self._waiting.items():
            room = self._limit - sum(r.command.urgent is urgent for r in self._running)
            while waiting and room > 0:
                self._start(waiting.pop(0))
                room -= 1

    def _start(self, running: Running) -> None:
        try:
            running.pid, *running.fds = spawn(running.command, self._accounts)
        except (StartError, OSError) as error:
            running.error = str(error)
            self._ended.append(running)
            return
        if running.command.timeout is not None:
            running.deadline = time.monotonic() + running.command.timeout
        for fd, name in zip(running.fds, ("stdout", "stderr")):
            os.set_blocking(fd, False)
            self._by_fd[fd] = (running, name)
            self.watch(fd)
        self._running.append(running)

    def _hear(self, fd: int) -> bool:
        """Read one piece of a command's output; False when there is none (now, or at all)."""
        running, name = self._by_fd[fd]
        try:
            data = os.read(fd, _PIECE)
        except BlockingIOError:
            return False
        if not data:
            self._close(running, fd)
            return False
        (running.stdout if name == "stdout" else running.stderr).add(data)
        if running.heard is not None:
            running.heard(name, data)
        return True

    def _close(self, running: Running, fd: int) -> None:
        self.unwatch(fd)
        os.close(fd)
        running.fds.remove(fd)
        del self._by_fd[fd]

    def _look_after(self, running: Running) -> None:
        # WNOWAIT: until it is reaped, its process id, which is its session's, is not reused.
        if os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if running.deadline is not None and time.monotonic() >= running.deadline:
                self._end(running, "timed out after %.3g s" % (running.command.timeout or 0), GRACE)
            return
        if running.killed:
            signal_session(running.pid, signal.SIGKILL)
        for fd in list(running.fds):  # not until their end: a daemon may keep them open for ever
            for _ in range(_LAST_PIECES):
                if not self._hear(fd):
                    break
            if fd in self._by_fd:
                self._close(running, fd)
        status = os.waitpid(running.pid, 0)[1]
        running.exit = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self._running.remove(running)
        self._ended.append(running)

    def _end(self, running: Running, why: str, grace: float) -> None:
        """Ask a command to end, or kill it when it was asked before or has no time."""
        hard = running.killed or not grace
        running.error = running.error or why
        running.killed = True
        running.deadline = None if hard else time.monotonic() + grace
        signal_session(running.pid, signal.SIGKILL if hard else signal.SIGTERM)
