"""The program of a ProxyCommand, as a socket.

Not paramiko's `ProxyCommand`: it spins at end of file, never reaps its child (paramiko issue 1713)
and leaves its stderr unread until that blocks it. As OpenSSH does, the program gets one end of a
socket pair for stdin and stdout.
"""

import os
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.targets.channel import Tail

_GRACE = 1.0


class ProxyProcess:
    """A running ProxyCommand; `socket` leads to the host's sshd.

    Raises `TargetError` when the program cannot be started.
    """

    def __init__(self, argv: Sequence[str], host: str) -> None:
        self.socket, theirs = socket.socketpair()
        self._errors = Tail()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the user's ssh configuration; no shell
                    list(argv),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    start_new_session=True,
                )
            except OSError as error:
                self.socket.close()
                raise TargetError(
                    Diagnostic(
                        summary=f"cannot run the ProxyCommand {argv[0]!r}",
                        detail=f"{shlex.join(argv)}: {error.strerror}",
                        address=host,
                    )
                ) from None
        self._reader = threading.Thread(target=self._drain, daemon=True, name=f"proxy of {host}")
        self._reader.start()

    def _drain(self) -> None:
        stream = self._process.stderr
        while stream and (data := stream.read(4096)):
            self._errors.add(data)

    def said(self) -> str:
        """What it wrote to stderr, for an error message."""
        self._reader.join(0.2)  # a program that has just died has said it, but we not read it
        return self._errors.text().strip() or "nothing"

    def close(self) -> None:
        """End the program and all that it started."""
        self.socket.close()
        for number, grace in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
            try:
                self._process.wait(grace)
                break
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, number)
        self._process.wait()
        self._reader.join(_GRACE)
        if self._process.stderr and not self._reader.is_alive():
            self._process.stderr.close()
