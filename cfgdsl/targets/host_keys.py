"""Decides whether a host is the one that its name promises (S2), from OpenSSH's known_hosts files.

Strict whatever the user's configuration says of StrictHostKeyChecking: an unknown key is refused,
or, when this run was told so, recorded; a changed or revoked one is always refused. ``@revoked``
lines count. ``@cert-authority`` lines do not: paramiko verifies no host certificates (its issue
771), so such a host counts as unknown.

paramiko's own `HostKeys` reads neither markers nor wildcards, hence this reader.
"""

import base64
import fcntl
import functools
import hashlib
import hmac
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.targets.ssh_config import pattern_matches


@attrs.frozen
class KnownKey:
    """One line of a known_hosts file."""

    place: str
    """FILE:LINE"""
    patterns: tuple[str, ...]
    kind: str
    blob: bytes
    revoked: bool

    def names(self, name: str) -> bool:
        """Whether this line is about `name` (``web1`` or ``[web1]:2222``)."""
        if self.patterns[0].startswith("|1|"):
            return _hash_matches(self.patterns[0], name)
        return pattern_matches(name, self.patterns)


@attrs.frozen
class _KnownHosts:
    """The lines of one file: by name where a line has plain names, the others to be searched."""

    exact: dict[str, tuple[KnownKey, ...]]
    others: tuple[KnownKey, ...]

    def of(self, name: str) -> Iterator[KnownKey]:
        yield from self.exact.get(name, ())
        yield from (key for key in self.others if key.names(name))


def fingerprint(blob: bytes) -> str:
    """A public key's fingerprint as ``ssh-keygen -l`` prints it.

    >>> fingerprint(b"")
    'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def lookup_name(host: str, port: int) -> str:
    """How known_hosts calls a host.

    >>> lookup_name("Web1", 22), lookup_name("web1", 2222)
    ('web1', '[web1]:2222')
    """
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


@attrs.frozen(kw_only=True)
class HostKeys:
    """What is known of the keys of one host.

    `host` is the user's name of it, for messages; `name` what known_hosts calls it.
    """

    host: str
    name: str
    files: tuple[Path, ...]
    record_in: Path | None
    """Where a new key is added; None: nowhere, so that none is accepted."""
    hash_names: bool = False

    def known(self) -> list[KnownKey]:
        """Every line about this host. Raises `TargetError` when a file cannot be read."""
        return [key for file in self.files for key in _load(file).of(self.name)]

    def kinds(self) -> tuple[str, ...]:
        """The key types that are known: to be asked for first, as OpenSSH does."""
        return tuple(dict.fromkeys(key.kind for key in self.known() if not key.revoked))

    def verify(self, kind: str, blob: bytes) -> bool:
        """Whether this key is known and may be used; False: it is new.

        Raises `TargetError` when it is revoked, or when others are known for this host.
        """
        known = self.known()
        if any(key.revoked and key.blob == blob for key in known):
            place = next(key.place for key in known if key.revoked and key.blob == blob)
            raise self._refuse(
                f"the host key of {self.name} is revoked",
                f"It shows {kind} {fingerprint(blob)}, which {place} revokes.",
                "Do not connect. Find out who answers there.",
            )
        usable = [key for key in known if not key.revoked]
        if any(key.blob == blob for key in usable):
            return True
        if usable:
            raise self._changed(kind, blob, usable)
        return False

    def refuse_unknown(self, kind: str, blob: bytes) -> TargetError:
        """The error for a key that nobody knows, with the command that makes it known."""
        # Not ssh-keyscan: that would fetch a key anew, maybe another one, and sees no jump host.
        line = self._line(kind, blob).decode().rstrip()
        file = self.record_in or Path("~/.ssh/known_hosts").expanduser()
        return self._refuse(
            f"the host key of {self.name} is not known",
            f"It shows {kind} {fingerprint(blob)}. No line for {self.name} is in "
            f"{', '.join(map(str, self.files)) or 'any known_hosts file'}.",
            f"Compare the fingerprint with the host's own, then: "
            f"{shlex.join(['echo', line])} >> {shlex.quote(str(file))}",
        )

    def accept(self, kind: str, blob: bytes, file: Path) -> str:
        """Record a new key in `file`; returns what was done, for the user.

        Raises `TargetError` when another process has recorded a different one meanwhile, or when
        the file cannot be written.
        """
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "r+b") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                if not self.verify(kind, blob):
                    torn = b"" if stream.read()[-1:] in (b"", b"\n") else b"\n"
                    stream.write(torn + self._line(kind, blob))
        except OSError as error:
            raise self._refuse(
                "the new host key cannot be recorded",
                f"{file}: {error.strerror}",
                f"It shows {kind} {fingerprint(blob)}.",
            ) from None
        return f"{self.host}: new host key {kind} {fingerprint(blob)} recorded in {file}"

    def _line(self, kind: str, blob: bytes) -> bytes:
        name = _hashed(self.name) if self.hash_names else self.name
        return f"{name} {kind} {base64.b64encode(blob).decode()}\n".encode()

    def _changed(self, kind: str, blob: bytes, known: Sequence[KnownKey]) -> TargetError:
        listed = "\n".join(f"{key.place}: {key.kind} {fingerprint(key.blob)}" for key in known)
        file = known[0].place.rpartition(":")[0]
        forget = shlex.join(["ssh-keygen", "-f", file, "-R", self.name])
        return self._refuse(
            f"the host key of {self.name} has changed",
            f"It shows {kind} {fingerprint(blob)}. Known:\n{listed}\n"
            "The host was installed anew, or somebody else answers in its place.",
            f"If you know why it changed: {forget}",
        )

    def _refuse(self, summary: str, detail: str, hint: str) -> TargetError:
        return TargetError(Diagnostic(summary=summary, detail=detail, hint=hint, address=self.host))


def _hashed(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _hash_matches(pattern: str, name: str) -> bool:
    try:
        _, _, salt, digest = pattern.split("|")
        wanted = base64.b64decode(digest)
        return hmac.compare_digest(
            hmac.digest(base64.b64decode(salt), name.encode(), "sha1"), wanted
        )
    except ValueError:
        return False


def _load(path: Path) -> _KnownHosts:
    try:
        status = path.stat()
        return _parse(path, (status.st_mtime_ns, status.st_size, status.st_ino))
    except FileNotFoundError:
        return _KnownHosts({}, ())
    except OSError as error:
        raise TargetError(
            Diagnostic(
                summary="a known_hosts file cannot be read", detail=f"{path}: {error.strerror}"
            )
        ) from None


@functools.lru_cache(maxsize=16)
def _parse(path: Path, _version: tuple[int, int, int]) -> _KnownHosts:
    """Read once for all hosts; `_version` tells a changed file from the one that was read."""
    exact: dict[str, list[KnownKey]] = {}
    others: list[KnownKey] = []
    for key in _lines(path, path.read_bytes().splitlines()):
        if any(character in pattern for pattern in key.patterns for character in "*?!|"):
            others.append(key)
        else:
            for pattern in key.patterns:
                exact.setdefault(pattern, []).append(key)
    return _KnownHosts({name: tuple(keys) for name, keys in exact.items()}, tuple(others))


def _lines(path: Path, lines: Iterable[bytes]) -> Iterator[KnownKey]:
    for number, line in enumerate(lines, 1):
        words = line.decode(errors="replace").split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        # What OpenSSH would not understand either (SSH 1 keys, comments) says nothing of any host.
        if len(words) < 3 or words[0].startswith("#") or marker not in ("", "@revoked"):
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except ValueError:
            continue
        hashed = words[0].startswith("|")
        names = (words[0],) if hashed else tuple(words[0].lower().split(","))
        yield KnownKey(f"{path}:{number}", names, words[1], blob, marker == "@revoked")
