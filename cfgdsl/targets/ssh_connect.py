"""Makes one SSH connection: through its jump hosts, to a verified host key, to a logged-in user.

Retried are only failures that time may mend (refused, timed out, reset, a busy sshd): never a host
key or a login that was refused.
"""

import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.targets.authenticate import authenticate
from cfgdsl.targets.channel import printable
from cfgdsl.targets.destination import Destination
from cfgdsl.targets.options import Options
from cfgdsl.targets.paramiko_import import paramiko
from cfgdsl.targets.proxy_command import ProxyProcess

# Without a handler, logging prints paramiko's tracebacks to stderr (`logging.lastResort`).
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_FIRST_PAUSE = 0.5
_USER_TIMEOUT_MS = 60_000
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class TransientError(Exception):
    """A failure that another attempt may not meet; carries the message for when it does."""

    def __init__(self, summary: str, detail: str = "", hint: str = "") -> None:
        super().__init__(summary, detail, hint)
        self.summary, self.detail, self.hint = summary, detail, hint


@attrs.define
class Connection:
    """A logged-in transport, and what must be closed with it."""

    transport: "paramiko.Transport"
    opened: contextlib.ExitStack
    notices: list[str]

    def close(self) -> None:
        """Close it, then its jump hosts or proxy command."""
        self.opened.close()


def connect(
    destination: Destination, options: Options, *, sleep: Callable[[float], None] = time.sleep
) -> Connection:
    """Connect and log in. Raises `TargetError`, after retries where they make sense."""
    pause = _FIRST_PAUSE
    for left in range(options.retries, -1, -1):
        try:
            return _attempt(destination, options)
        except TransientError as error:
            if left == 0:
                raise _unreachable(destination, error, options.retries + 1) from None
        # With jitter: fifty hosts that overran one jump host's sshd must not do it again together.
        sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        pause *= 2
    raise AssertionError("not reached")


def _unreachable(destination: Destination, error: TransientError, attempts: int) -> TargetError:
    detail = f"{destination.label}, {attempts} attempts\n{error.detail}".strip()
    return TargetError(
        Diagnostic(summary=error.summary, detail=detail, hint=error.hint, address=destination.host)
    )


def _attempt(destination: Destination, options: Options) -> Connection:
    with contextlib.ExitStack() as opened:
        notices: list[str] = []
        proxy = _proxy(destination, opened)
        sock = proxy.socket if proxy else _stream(destination, options, opened, notices)
        transport = paramiko.Transport(sock)
        opened.callback(_close, transport, sock)
        _prefer(transport, destination)
        _handshake(transport, destination, proxy)
        _verify(transport, destination, options, notices)
        transport.auth_timeout = options.timeouts.authenticate
        with deadline(3 * options.timeouts.authenticate, transport.close):
            authenticate(transport, destination, options)
        return Connection(transport, opened.pop_all(), notices)


@contextlib.contextmanager
def deadline(seconds: float, give_up: Callable[[], object]) -> Iterator[None]:
    """Calls `give_up` unless the block ends within `seconds`: for waits that have no limit."""
    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _close(transport: "paramiko.Transport", sock: "socket.socket | paramiko.Channel") -> None:
    # First wake the reading thread: it polls at 0.1 s, and a descriptor that is closed under it may
    # by then be another file's (paramiko issue 520).
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        sock.shutdown(socket.SHUT_RDWR)
    if transport.is_alive():
        transport.join(1.0)
    transport.close()
    sock.close()


def _proxy(destination: Destination, opened: contextlib.ExitStack) -> ProxyProcess | None:
    if destination.proxy_command is None:
        return None
    proxy = ProxyProcess(destination.proxy_command, destination.host)
    opened.callback(proxy.close)
    return proxy


def _stream(
    destination: Destination, options: Options, opened: contextlib.ExitStack, notices: list[str]
) -> "socket.socket | paramiko.Channel":
    """The byte stream to the host's sshd."""
    if destination.via is not None:
        jump = _attempt(destination.via, options)
        opened.callback(jump.close)
        notices += jump.notices
        return _forwarded(jump.transport, destination)
    return _tcp(destination)


def _tcp(destination: Destination) -> socket.socket:
    where = (destination.address, destination.port)
    try:
        sock = socket.create_connection(where, timeout=destination.connect_timeout)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise TransientError(
                f"cannot look up {destination.address!r} now", str(error)
            ) from None
        raise _failed(
            destination,
            f"no such host: {destination.address!r}",
            f"{error.strerror}",
            "Check the address, or give HostName in ~/.ssh/config or Host(address=...).",
        ) from None
    except TimeoutError:
        limit = f"no answer within {destination.connect_timeout:g} s"
        raise TransientError("the host does not answer", limit) from None
    except ConnectionRefusedError:
        hint = "Is sshd running there, on this port?"
        raise TransientError("the connection was refused", hint=hint) from None
    except (OSError, UnicodeError) as error:
        raise TransientError("the host cannot be reached", str(error)) from None
    # Before the handshake: its small packets wait for acknowledgements otherwise (0.07 s a host).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
    return sock


def _forwarded(jump: "paramiko.Transport", destination: Destination) -> "paramiko.Channel":
    where = (destination.address, destination.port)
    try:
        return jump.open_channel(
            "direct-tcpip", where, ("127.0.0.1", 0), timeout=destination.connect_timeout
        )
    except paramiko.ChannelException as error:
        if error.code == 1:
            raise _failed(
                destination,
                "the jump host does not forward connections",
                f"{destination.label}: {error.text}",
                "Allow it there: AllowTcpForwarding in sshd_config.",
            ) from None
        problem = printable(error.text.encode()) or "it could not connect"
        raise TransientError("the jump host cannot reach the host", problem) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise TransientError("the jump host cannot reach the host", str(error)) from None


def _prefer(transport: "paramiko.Transport", destination: Destination) -> None:
    """Key types that are known first, as OpenSSH does; AES-GCM, which saves the separate MAC."""
    options = transport.get_security_options()
    names = (_RSA if kind == "ssh-rsa" else (kind,) for kind in destination.host_keys.kinds())
    known = [name for group in names for name in group if name in options.key_types]
    options.key_types = tuple(dict.fromkeys([*known, *options.key_types]))
    fast = [name for name in options.ciphers if "gcm" in name]
    options.ciphers = tuple(dict.fromkeys([*fast, *options.ciphers]))


def _handshake(
    transport: "paramiko.Transport", destination: Destination, proxy: ProxyProcess | None
) -> None:
    limit = destination.connect_timeout
    transport.banner_timeout = transport.handshake_timeout = limit
    try:
        transport.start_client(timeout=limit)
        transport.get_remote_server_key()  # start_client returns in silence when time is up
    except paramiko.ssh_exception.IncompatiblePeer as error:
        hint = "Its sshd is too old or too strict; reach it by exec=['ssh', ...] instead."
        raise _failed(destination, "no common SSH algorithms", str(error), hint) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        problem = printable(str(error).encode())
        said = f"\nThe ProxyCommand says: {proxy.said()}" if proxy else ""
        raise TransientError("no SSH handshake with the host", problem + said) from None


def _verify(
    transport: "paramiko.Transport",
    destination: Destination,
    options: Options,
    notices: list[str],
) -> None:
    key = transport.get_remote_server_key()
    keys = destination.host_keys
    kind, blob = key.get_name(), key.asbytes()
    if keys.verify(kind, blob):
        return
    if not options.accept_new_host_keys or keys.record_in is None:
        raise keys.refuse_unknown(kind, blob)
    notices.append(keys.accept(kind, blob, keys.record_in))


def _failed(destination: Destination, summary: str, detail: str, hint: str) -> TargetError:
    return TargetError(
        Diagnostic(summary=summary, detail=detail, hint=hint, address=destination.host)
    )
