"""Which keys to show to a host, in OpenSSH's order, each loaded and decrypted once per run.

An encrypted key whose public half the agent holds is used through the agent, without a prompt.
"""

import base64
import copy
import os
import socket
import struct
from collections.abc import Generator, Iterator
from pathlib import Path

import attrs
from cryptography.exceptions import UnsupportedAlgorithm

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.targets.options import Options
from cfgdsl.targets.paramiko_import import paramiko

_MAGIC = b"openssh-key-v1\0"
_PROMPTS = 3


@attrs.frozen
class Identity:
    """A key that can be shown to a host."""

    name: str
    """What the user calls it: a file, or the agent's comment."""
    key: "paramiko.PKey"


@attrs.frozen(kw_only=True)
class Identities:
    """The keys for one host. `skipped` says, after use, which could not be tried and why."""

    host: str
    files: tuple[Path, ...]
    explicit: bool
    """The user named `files`: each must be there."""
    only: bool
    """No other key of the agent (IdentitiesOnly)."""
    agent: str | None
    """The agent's socket; None: no agent."""
    options: Options
    skipped: list[str] = attrs.field(factory=list)

    def candidates(self) -> Generator[Identity, None, None]:
        """The keys, lazily: a passphrase is asked for when the keys before have been refused.

        Raises `TargetError` for a file that the user named and that is no usable key.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            held = self._agent_keys(connection, self.agent) if self.agent else {}
            publics = {path: _public_blob(path) for path in self.files}
            named = [blob for blob in publics.values() if blob in held]
            others = [] if self.only else [blob for blob in held if blob not in named]
            yield from (held[blob] for blob in [*dict.fromkeys(named), *others] if blob)
            for path in self.files:
                if publics[path] not in held:
                    yield from self._from_file(path)

    def _agent_keys(self, connection: socket.socket, path: str) -> dict[bytes | None, Identity]:
        agent = paramiko.agent.AgentSSH()
        try:
            connection.settimeout(self.options.timeouts.authenticate)
            connection.connect(path)
            # Private, but the only way to name the socket (IdentityAgent) and to bound the waits.
            agent._connect(connection)  # type: ignore[attr-defined]  # noqa: SLF001
        except (OSError, paramiko.SSHException) as error:
            self.skipped.append(f"the agent at {path}: {error}")
            return {}
        keys = (key for key in agent.get_keys() if isinstance(key, paramiko.AgentKey))
        return {key.blob: Identity(f"{key.comment or 'a key'} (agent)", key) for key in keys}

    def _from_file(self, path: Path) -> Iterator[Identity]:
        if not path.exists():
            if self.explicit:
                raise self._unusable(path, "there is no such file")
            return
        key = self.options.once(("identity", path), lambda: self._load(path))
        if key is None:
            return
        if key.public_blob:  # paramiko has loaded PATH-cert.pub, and shows it in the key's place
            yield Identity(f"{path}-cert.pub", key)
            key = copy.copy(key)
            key.public_blob = None
        yield Identity(f"{path}", key)

    def _load(self, path: Path) -> "paramiko.PKey | None":
        try:
            return self._decrypt(path)
        except OSError as error:
            problem = error.strerror or str(error)
        except (paramiko.SSHException, UnsupportedAlgorithm, ValueError, IndexError) as error:
            problem = f"not a private key that can be used: {error}"
        if self.explicit:
            raise self._unusable(path, problem)
        self.skipped.append(f"{path}: {problem}")
        return None

    def _decrypt(self, path: Path) -> "paramiko.PKey | None":
        try:
            return paramiko.PKey.from_path(path)
        except (TypeError, paramiko.PasswordRequiredException):
            pass  # it is encrypted: cryptography says so by a TypeError
        for attempt in range(_PROMPTS):
            again = " (the last one was wrong)" if attempt else ""
            ask = self.options.ask
            passphrase = ask(f"Passphrase of {path}{again}") if ask else None
            if not passphrase:
                self.skipped.append(f"{path}: encrypted, and no passphrase was given")
                return None
            try:
                # Bytes, whatever its annotation says: cryptography takes no text.
                return paramiko.PKey.from_path(path, passphrase.encode())  # type: ignore[arg-type]
            except (ValueError, paramiko.SSHException):
                continue
        raise self._unusable(path, f"the passphrase was wrong {_PROMPTS} times")

    def _unusable(self, path: Path, problem: str) -> TargetError:
        summary = f"the key {path} cannot be used"
        return TargetError(Diagnostic(summary=summary, detail=problem, address=self.host))


def _public_blob(path: Path) -> bytes | None:
    """The public half of a key file without decrypting it: from its .pub, or from inside it."""
    for candidate in (path.with_name(path.name + ".pub"), path):
        try:
            text = candidate.read_bytes()
        except OSError:
            continue
        try:
            if text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
                return _public_part(
                    base64.b64decode(b"".join(text.split(b"\n")[1:]).split(b"-")[0])
                )
            return base64.b64decode(text.split()[1], validate=True)
        except (IndexError, ValueError, struct.error):
            continue
    return None


def _public_part(data: bytes) -> bytes:
    """The first public key of the openssh-key-v1 format (OpenSSH's PROTOCOL.key)."""
    if not data.startswith(_MAGIC):
        msg = "not openssh-key-v1"
        raise ValueError(msg)
    rest = data[len(_MAGIC) :]
    for _ in ("cipher", "kdf", "kdf options"):
        (size,) = struct.unpack_from("!I", rest)
        rest = rest[4 + size :]
    _count, size = struct.unpack_from("!II", rest)
    return rest[8 : 8 + size]


def agent_socket(configured: str | None) -> str | None:
    """The agent's socket that IdentityAgent of the configuration, or the environment, names."""
    if configured in (None, "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK") or None
    if configured.lower() == "none":
        return None
    if configured.startswith("$"):
        return os.environ.get(configured[1:].strip("{}")) or None
    return configured
