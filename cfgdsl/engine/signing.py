"""Signatures of plan files: ed25519 keys in OpenSSH's formats.

A signature is over the format, its version and the digest of the file: nothing that somebody else
signs with the same key can pose as a plan.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    load_ssh_private_key,
    load_ssh_public_key,
)

from cfgdsl.core.errors import ConfigurationError, Diagnostic

_CONTEXT = b"cfgdsl plan 1\n"
_KIND = "ssh-ed25519"


def signer(file: Path, ask: Callable[[str], str | None] | None) -> Ed25519PrivateKey:
    """The private key in a file; `ask` gives its passphrase, where it has one."""
    try:
        data = file.read_bytes()
        if file.stat().st_mode & 0o077:
            raise _refused(f"others may read the key {file}", hint=f"chmod 600 {file}")
    except OSError as error:
        raise _refused(f"cannot read the key {file}: {error.strerror}") from None
    key = _load(file, data, None)
    if key is None:
        passphrase = ask(f"Passphrase of {file}") if ask is not None else None
        key = _load(file, data, passphrase.encode()) if passphrase else None
    if key is None:
        raise _refused(f"the key {file} has a passphrase, and nobody could be asked for it")
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused(f"{file} is no ed25519 key", hint="Make one: ssh-keygen -t ed25519")
    return key


def _load(file: Path, data: bytes, passphrase: bytes | None) -> object:
    """The key; None when it is encrypted, and there is no passphrase."""
    try:
        return load_ssh_private_key(data, passphrase)
    except TypeError:  # encrypted, or not although there is a passphrase
        return None
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "the passphrase is wrong, or it is damaged" if passphrase else str(error)
        hint = "It must be an ed25519 key in OpenSSH's format: ssh-keygen -t ed25519"
        raise _refused(f"cannot use the key {file}: {what}", hint=hint) from None


def sign(key: Ed25519PrivateKey, digest: str) -> dict[str, str]:
    """The signature of a file with this digest, as its first line has it."""
    made = key.sign(_CONTEXT + digest.encode())
    return {"key": key.public_key().public_bytes_raw().hex(), "signature": made.hex()}


def is_signed(signature: dict[str, str], digest: str) -> bool:
    """Whether the key named in a signature has made it."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature["key"]))
        key.verify(bytes.fromhex(signature["signature"]), _CONTEXT + digest.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def trusted_keys(text: str) -> frozenset[str]:
    """Public keys, in hex, from OpenSSH's spelling of one or from a file of them.

    >>> line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 42 * "A" + "B"
    >>> len(trusted_keys(line))
    1
    """
    lines = [text] if text.startswith(_KIND) else _lines(Path(text))
    found = set()
    for line in lines:
        try:
            key = load_ssh_public_key(line.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _refused(f"{line[:40]!r} is no public key: {error}") from None
        if not isinstance(key, Ed25519PublicKey):
            raise _refused(f"{line[:40]!r} is no ed25519 key")
        found.add(key.public_bytes_raw().hex())
    if not found:
        raise _refused(f"there is no public key in {text}")
    return frozenset(found)


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _refused(
            f"cannot read the public key {os.fspath(file)}: {why}",
            hint=f"Name a .pub file, or write the key itself: '{_KIND} AAAA...'.",
        ) from None
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]


def _refused(summary: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError(Diagnostic(summary=summary, hint=hint))
