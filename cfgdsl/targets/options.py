"""What a run says about connections, as opposed to what a host's declaration says."""

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from cfgdsl.core.secret import Secret

T = TypeVar("T")


def _no_secrets(secret: Secret) -> str:
    msg = f"no way to resolve {secret!r} was given"
    raise LookupError(msg)


def _nowhere(host: str, name: str, _value: str) -> str:
    msg = f"nobody to keep the generated secret {name!r} of {host} was given"
    raise LookupError(msg)


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long each wait for a host may take, in seconds.

    Executing has no limit of its own: each step has one, and the connection is kept alive.
    """

    connect: float | None = None
    """To a TCP connection and through the SSH handshake; None: ConnectTimeout of the user's ssh
    configuration, else 10."""
    authenticate: float = 30.0
    """For each answer to a key or password (an agent may ask its user)."""
    start: float = 30.0
    """Until the runner greets, sudo's or su's dialogue included."""
    facts: float = 60.0
    probe: float = 300.0
    stall: float = 120.0
    """Until a host takes more of what is sent to it."""


@attrs.frozen(kw_only=True)
class Options:
    """How a run connects; one value for all its hosts.

    >>> Options(accept_new_host_keys=True).retries
    2
    """

    ssh_config: Path | None = None
    """Read instead of `~/.ssh/config` and `/etc/ssh/ssh_config`, as ``ssh -F`` does."""
    accept_new_host_keys: bool = False
    """Record the key of a host that no known_hosts file knows, instead of refusing it."""
    retries: int = 2
    """More attempts after a refused, timed out or reset connection; never after a bad key."""
    timeouts: Timeouts = Timeouts()
    keepalive: float = 15.0
    """Seconds of silence before asking a host whether it is still there; three unanswered in a row
    end the connection. ServerAliveInterval of the ssh configuration overrides it."""
    ask: Callable[[str], str | None] | None = None
    """Asks the user for the passphrase of a key, without echo; None: that key is not used."""
    reveal: Callable[[Secret], str] = _no_secrets
    """The value of a secret; whatever it raises as a `CfgdslError` is the user's message."""
    keep: Callable[[str, str, str], str] = _nowhere
    """Takes the value of a secret that a host has generated (host, name, value), and returns what
    stands in its place from then on."""
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False, eq=False)
    _made: dict[Hashable, Any] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once for all hosts of the run: a parsed file, a decrypted key.

        One at a time, so that two prompts never share the terminal. An exception is not kept.
        """
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            value: T = self._made[key]
            return value
