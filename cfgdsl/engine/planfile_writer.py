"""Writes plan files (`cfgdsl.engine.planfile`): whole or not at all, for their owner alone."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cfgdsl.core.content import Content
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.engine.contents import stream
from cfgdsl.engine.ownership import refuse_writable_by_others
from cfgdsl.engine.planfile import END, TRUST, VERSION, is_plan_file, refused
from cfgdsl.runner.wire import canonical


def write_plan_file(
    path: Path,
    documents: tuple[str, str],
    contents: Iterable[Content],
    sign: "Signer | None" = None,
) -> None:
    """Write a plan file, whole or not at all, readable by its owner alone."""
    path = path.absolute()
    _refuse_to_replace(path)
    beside = path.parent / f".{path.name}.{os.urandom(8).hex()}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with open(os.open(beside, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            _write(file, documents, contents, sign)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise refused(path, f"cannot write {path.name}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


class Signer:
    """Makes the signature of a digest; its length is known before."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __call__(self, digest: str) -> dict[str, str]:
        """The signature, as the first line has it."""
        from cfgdsl.engine.signing import sign  # noqa: PLC0415 - only plans with a signature pay

        return sign(self._key, digest)


def _refuse_to_replace(path: Path) -> None:
    """Only a plan is overwritten: a mistyped ``--out infra.py`` must not cost a configuration."""
    try:
        if path.exists() and not is_plan_file(path) and path.stat().st_size:
            raise refused(path, f"{path.name} is there already, and is no plan")
        refuse_writable_by_others(path, **TRUST)
    except OSError as error:
        raise refused(path, f"cannot write {path.name}: {error.strerror}") from None


def _write(
    file: BinaryIO, documents: tuple[str, str], contents: Iterable[Content], sign: Signer | None
) -> None:
    start = len(_header("0" * 64, None if sign is None else sign("0" * 64)))
    file.seek(start)
    digest = hashlib.sha256()
    for piece in _body(documents, contents):
        digest.update(piece)
        file.write(piece)
    found = digest.hexdigest()
    file.seek(0)
    file.write(_header(found, None if sign is None else sign(found)))


def _body(documents: tuple[str, str], contents: Iterable[Content]) -> Iterator[bytes]:
    for name, text in zip(("plan", "execution"), documents, strict=True):
        content = Content.of(text)
        yield _head(name, content)
        yield content.data or b""
        yield END
    for content in contents:
        yield _head("content", content)
        yield from checked(content)
        yield END


def checked(content: Content) -> Iterator[bytes]:
    """The bytes of a content; raises `ConfigurationError` at their end when they are others."""
    digest, size = hashlib.sha256(), 0
    for piece in stream(content):
        digest.update(piece)
        size += len(piece)
        yield piece
    if (digest.hexdigest(), size) != (content.sha256, content.size):
        where = content.path or "a content"
        raise ConfigurationError(
            Diagnostic(summary=f"{where} changed since it was planned", hint="Plan again.")
        )


def _header(digest: str, signature: dict[str, str] | None) -> bytes:
    line = {"cfgdsl_plan": VERSION, "digest": digest, "signature": signature}
    return canonical(line).encode() + b"\n"


def _head(name: str, content: Content) -> bytes:
    line = {"part": name, "sha256": content.sha256, "size": content.size}
    return canonical(line).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
