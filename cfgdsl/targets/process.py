"""Programs on this machine as targets: the local host, and whatever a command prefix reaches.

One poll loop reads stdout and stderr together, so that neither can fill up and stop the program; no
threads.
"""

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence

from cfgdsl.core.errors import ConnectionLost, Diagnostic, TargetError
from cfgdsl.targets.channel import Tail

_GRACE = 3.0
_PIECE = 64 * 1024


class ProcessChannel:
    """A child process in a process group of its own, which ends with the channel."""

    def __init__(self, argv: Sequence[str], host: str, *, stall: float = 120.0) -> None:
        self._host = host
        self._stall = stall
        self._errors = Tail()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - argv, never a shell
                list(argv),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise TargetError(
                Diagnostic(
                    summary=f"cannot run {argv[0]!r}",
                    detail=f"{shlex.join(argv)}: {getattr(error, 'strerror', None) or error}",
                    address=host,
                )
            ) from None
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in pipes if pipe)
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stderr, False)
        self._reading = select.poll()
        self._reading.register(self._stdout, select.POLLIN)
        self._reading.register(self._stderr, select.POLLIN)

    def write(self, data: bytes | memoryview) -> None:
        """See `Channel.write`."""
        view = memoryview(data)
        while view:
            self._await_room()
            try:
                view = view[os.write(self._stdin, view[:_PIECE]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._lost("the program reads no more") from None

    def _await_room(self) -> None:
        room = select.poll()
        room.register(self._stdin, select.POLLOUT)
        room.register(self._stderr, select.POLLIN)
        deadline = time.monotonic() + self._stall
        while self._stdin not in (ready := dict(room.poll(_milliseconds(deadline)))):
            if not ready:
                raise self._lost(f"it has taken nothing for {self._stall:.0f} s")
            if not self._drain():
                room.unregister(self._stderr)

    def read(self, size: int, timeout: float | None = None) -> bytes:
        """See `Channel.read`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._stdout not in (ready := dict(self._reading.poll(_milliseconds(deadline)))):
            if not ready:
                raise TimeoutError
            if not self._drain():
                self._reading.unregister(self._stderr)
        return os.read(self._stdout, size)

    def _drain(self) -> bool:
        """Take what is on stderr; False when that has ended."""
        try:
            data = os.read(self._stderr, _PIECE)
        except BlockingIOError:
            return True
        self._errors.add(data)
        return bool(data)

    def diagnostics(self) -> str:
        """See `Channel.diagnostics`."""
        if not self._process.stderr or self._process.stderr.closed:
            return self._errors.text()
        for _ in range(Tail.LIMIT):  # bounded, should it write for ever
            waiting = select.poll()
            waiting.register(self._stderr, select.POLLIN)
            if not waiting.poll(0) or not self._drain():
                break
        return self._errors.text()

    def end_input(self) -> None:
        """See `Channel.end_input`."""
        if self._process.stdin:
            self._process.stdin.close()

    def exit_status(self, timeout: float) -> int | None:
        """See `Channel.exit_status`."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """See `Channel.close`; what is left of its process group after a grace is killed."""
        self.end_input()
        for number, grace in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, 1.0), (None, 1.0)):
            if self.exit_status(grace) is not None or number is None:
                break
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):
                break  # gone, or run as another user (sudo): it ends with its stdin
        self.diagnostics()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _lost(self, detail: str) -> ConnectionLost:
        said = self.diagnostics().strip()
        return ConnectionLost(
            Diagnostic(
                summary="the conversation broke off",
                detail=f"{detail}\n{said}".strip(),
                address=self._host,
            )
        )


def _milliseconds(deadline: float | None) -> int | None:
    return None if deadline is None else max(0, int((deadline - time.monotonic()) * 1000))


class LocalConnector:
    """This machine."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.notices: list[str] = []

    def open(self, argv: Sequence[str]) -> ProcessChannel:
        """Start `argv` here; raises `TargetError` when there is no such program."""
        return ProcessChannel(argv, self._host)

    def close(self) -> None:
        """Nothing is kept open."""


class ExecConnector:
    """Whatever ``PREFIX sh`` reaches: a container, a pod, a chroot, a host over the system's ssh.

    Some prefixes hand their arguments to a program as they are (``docker exec``, ``chroot``),
    others to a shell as one string (``ssh``), and wrappers hide which (``gcloud compute ssh``).
    The single word ``sh`` is the same to both kinds; it gets the command line on its stdin, quoted
    by us, and becomes the command by ``exec``. So no prefix needs to be known by name.
    """

    def __init__(self, host: str, prefix: Sequence[str]) -> None:
        self._host = host
        self._prefix = tuple(prefix)
        self.notices: list[str] = []

    def open(self, argv: Sequence[str]) -> ProcessChannel:
        """Start `argv` there; raises `TargetError` when the prefix cannot be run."""
        line = command_line(argv, self._host)
        channel = ProcessChannel([*self._prefix, "sh"], self._host)
        try:
            channel.write(b"exec " + line + b"\n")
        except ConnectionLost as lost:
            status = channel.exit_status(1.0)
            channel.close()
            (problem,) = lost.diagnostics
            raise TargetError(
                Diagnostic(
                    summary=f"cannot get into the host: {self._prefix[0]!r} ended with {status}",
                    detail=f"{shlex.join([*self._prefix, 'sh'])}\n{problem.detail}",
                    address=self._host,
                )
            ) from None
        return channel

    def close(self) -> None:
        """Nothing is kept open."""


def command_line(argv: Sequence[str], host: str) -> bytes:
    """`argv` as one line for a POSIX shell, every word quoted (S3); a NUL fits in no argument.

    >>> command_line(["echo", "it's; $(id)"], "web1")
    b'echo \\'it\\'"\\'"\\'s; $(id)\\''
    """
    if any("\0" in word for word in argv):
        raise TargetError(
            Diagnostic(summary="a NUL character in a command's arguments", address=host)
        )
    return shlex.join(argv).encode("utf-8", "surrogateescape")
