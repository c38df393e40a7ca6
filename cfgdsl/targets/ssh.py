"""Hosts over SSH: one connection, made when the first channel is opened."""

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Any

from cfgdsl.core.errors import ConnectionLost, Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Tail
from cfgdsl.targets.destination import Destination, resolve
from cfgdsl.targets.options import Options
from cfgdsl.targets.paramiko_import import paramiko
from cfgdsl.targets.process import command_line
from cfgdsl.targets.ssh_connect import Connection, connect, deadline

_SLICE = 1.0
"""A wait in paramiko has no wake-up but its own data: this often, look for what else happened."""
_PIECE = 64 * 1024
_GRACE = 3.0
_UNANSWERED = 3


class SshConnector:
    """Opens channels over one SSH connection, which its first `open` makes."""

    def __init__(self, host: Host[Any], options: Options) -> None:
        self._host = host
        self._options = options
        self._connection: Connection | None = None
        self._destination: Destination | None = None
        self.notices: list[str] = []

    def open(self, argv: Sequence[str]) -> "SshChannel":
        """Start `argv` on the host. Raises `TargetError` when it cannot be reached or refuses."""
        line = command_line(argv, self._host.name)
        transport, destination = self._connected()
        limit = self._options.timeouts.start
        try:
            channel = transport.open_session(timeout=limit)
            with deadline(limit, transport.close):  # exec_command waits without one
                channel.exec_command(line)
        except paramiko.ChannelException as error:
            raise self._refused(f"{error.text} (code {error.code})") from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._refused(str(error) or type(error).__name__) from None
        return SshChannel(channel, destination, self._options)

    def _connected(self) -> "tuple[paramiko.Transport, Destination]":
        if self._connection is None or self._destination is None:
            self._destination = resolve(self._host, self._options)
            self._connection = connect(self._destination, self._options)
            self.notices += self._connection.notices
        return self._connection.transport, self._destination

    def _refused(self, detail: str) -> TargetError:
        return TargetError(
            Diagnostic(
                summary="the host lets us log in, but not run a command",
                detail=detail,
                hint="Look for ForceCommand, MaxSessions or restrictions in authorized_keys there.",
                address=self._host.name,
            )
        )

    def close(self) -> None:
        """Close the connection, its jump hosts and its proxy command."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class SshChannel:
    """One program on a host, over paramiko's channel."""

    def __init__(
        self, channel: "paramiko.Channel", destination: Destination, options: Options
    ) -> None:
        self._channel = channel
        self._destination = destination
        self._stall = options.timeouts.stall
        self._errors = Tail()
        self._alive = _Keepalive(channel.get_transport(), destination.keepalive)
        channel.settimeout(_SLICE)

    def write(self, data: bytes | memoryview) -> None:
        """See `Channel.write`."""
        view = memoryview(data)
        deadline_at = time.monotonic() + self._stall
        while view:
            self._drain()
            try:
                sent = self._channel.send(bytes(view[:_PIECE]))
            except TimeoutError:
                if time.monotonic() > deadline_at:
                    raise self._lost(f"it has taken nothing for {self._stall:.0f} s") from None
                continue
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise self._lost(str(error)) from None
            if sent == 0:
                raise self._lost("the program reads no more")
            view = view[sent:]
            deadline_at = time.monotonic() + self._stall

    def read(self, size: int, timeout: float | None = None) -> bytes:
        """See `Channel.read`."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _SLICE if end is None else max(0.0, min(_SLICE, end - time.monotonic()))
            self._channel.settimeout(left)
            try:
                data = self._channel.recv(size)
            except TimeoutError:
                self._drain()
                if end is not None and time.monotonic() >= end:
                    raise
                if not self._alive.check():
                    raise self._lost("no answer any more") from None
                continue
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise self._lost(str(error)) from None
            self._alive.heard()
            if not data and not self._channel.get_transport().is_active():
                raise self._lost("the connection was closed")
            return data

    def _drain(self) -> None:
        # Stderr shares the window with stdout: unread, it would stop both.
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            while self._channel.recv_stderr_ready():
                self._errors.add(self._channel.recv_stderr(_PIECE))

    def diagnostics(self) -> str:
        """See `Channel.diagnostics`."""
        self._drain()
        return self._errors.text()

    def end_input(self) -> None:
        """See `Channel.end_input`."""
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._channel.shutdown_write()

    def exit_status(self, timeout: float) -> int | None:
        """See `Channel.exit_status`."""
        if not self._channel.status_event.wait(timeout):
            return None
        status = self._channel.recv_exit_status()
        return None if status == -1 else status

    def close(self) -> None:
        """See `Channel.close`; sshd hangs up on a program that has not ended by then."""
        self.end_input()
        self.exit_status(_GRACE)
        self._drain()
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._channel.close()

    def _lost(self, detail: str) -> ConnectionLost:
        said = self.diagnostics().strip()
        return ConnectionLost(
            Diagnostic(
                summary="the connection was lost",
                detail=f"{self._destination.label}: {detail}\n{said}".strip(),
                address=self._destination.host,
            )
        )


class _Keepalive:
    """Asks a silent host whether it is still there.

    Not paramiko's `set_keepalive`: that one wants no answer, so it keeps a NAT open but never
    notices a dead host.
    """

    def __init__(self, transport: "paramiko.Transport", interval: float) -> None:
        self._transport = transport
        self._interval = interval
        self._question: threading.Thread | None = None
        self._since = time.monotonic()

    def heard(self) -> None:
        """Something came: it is there."""
        self._since = time.monotonic()
        self._question = None

    def check(self) -> bool:
        """False when the host is gone: three intervals of silence after a question."""
        silent = time.monotonic() - self._since
        if self._question is not None and not self._question.is_alive():
            self.heard()
        elif self._question is None and silent >= self._interval:
            # It waits without a limit, hence a thread; closing the transport ends it.
            self._question = threading.Thread(target=self._ask, daemon=True, name="keepalive")
            self._question.start()
        elif silent >= (1 + _UNANSWERED) * self._interval:
            self._transport.close()
        return self._transport.is_active()

    def _ask(self) -> None:
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._transport.global_request("keepalive@openssh.com", wait=True)
