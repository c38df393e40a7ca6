"""The form of plan files: one line that vouches for all the rest, two documents, contents.

    {"cfgdsl_plan":1,"digest":SHA256,"signature":null}
    {"part":"plan","sha256":SHA256,"size":N}        N bytes follow, and a newline: `plan --json`
    {"part":"execution","sha256":SHA256,"size":N}   `cfgdsl.core.saved`
    {"part":"content","sha256":SHA256,"size":N}     any number, by rising sha256

The digest in the first line is of every byte after that line. Each line is the one canonical
spelling of its value, so that the same plan is the same bytes, and no byte can be another one.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import attrs

from cfgdsl.core.content import TEXT_LIMIT, Content
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.engine.ownership import refuse_writable_by_others
from cfgdsl.runner.wire import canonical

VERSION = 1
"""Raised when an older cfgdsl would go wrong with what is written now."""

END = b"\n"
"""After each part, so that the next one begins on a line of its own."""
_START = b'{"cfgdsl_plan":'
_LONGEST_LINE = 1024
_LARGEST_DOCUMENT = 1024 * 1024 * 1024
_CHUNK = 128 * 1024
_HEX = re.compile(r"[0-9a-f]+")
TRUST = {
    "why": "Whoever writes there would decide what is done to your hosts.",
    "hint": "Copy the plan into a folder of your own, when you trust it.",
}


@attrs.frozen
class PlanFile:
    """What is in a plan file that has proven to be whole."""

    plan: str
    execution: str
    contents: Mapping[str, Content]
    digest: str
    signature: dict[str, str] | None


def is_plan_file(path: Path) -> bool:
    """Whether a file means to be a plan, whatever its name; a configuration never begins so."""
    try:
        with path.open("rb") as file:
            return file.read(2) == _START[:2]
    except OSError:
        return False


def read_plan_file(path: Path) -> PlanFile:
    """Read a plan file, and verify every byte of it; raises `ConfigurationError`.

    Large contents stay in the file, to be streamed from there.
    """
    path = path.absolute()
    try:
        refuse_writable_by_others(path, **TRUST)
        with path.open("rb") as file:
            return _Reader(path, file).read()
    except OSError as error:
        raise refused(path, f"cannot read {path.name}: {error.strerror}") from None


class _Reader:
    """Reads one file, from its start to its end."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._digest = hashlib.sha256()

    def read(self) -> PlanFile:
        header = self._header()
        parts = list(self._parts())
        if self._digest.hexdigest() != header["digest"]:
            raise self._damaged(
                "It was changed or cut off since it was written: its digest differs."
            )
        names = [name for name, _ in parts]
        if names != ["plan", "execution", *["content"] * (len(parts) - 2)]:
            raise self._damaged("It lacks a part.")
        (_, plan), (_, execution), *rest = parts
        contents = {content.sha256: content for _, content in rest}
        if list(contents) != sorted(contents) or len(contents) != len(rest):
            raise self._damaged("Its contents are not in order.")
        signature = header["signature"]
        if signature is not None and not _is_signed(signature, header["digest"]):
            raise self._damaged("Its signature is not that of its key over this plan.")
        return PlanFile(
            self._text(plan), self._text(execution), contents, header["digest"], signature
        )

    def _header(self) -> dict[str, Any]:
        line = self._file.readline(_LONGEST_LINE)
        if not line.startswith(_START):
            raise self._damaged("It does not begin as a plan does.")
        found = self._canonical(line)
        if found.get("cfgdsl_plan") != VERSION:
            raise self._damaged(f"Its format is {found.get('cfgdsl_plan')!r}, not {VERSION}.")
        signature = found.get("signature")
        shape = {"key": 64, "signature": 128}
        is_well = (
            set(found) == {"cfgdsl_plan", "digest", "signature"}
            and _is_hex(found["digest"], 64)
            and (
                signature is None
                or (
                    isinstance(signature, dict)
                    and signature.keys() == shape.keys()
                    and all(_is_hex(signature[name], size) for name, size in shape.items())
                )
            )
        )
        if not is_well:
            raise self._damaged("Its first line is damaged.")
        return found

    def _parts(self) -> Iterator[tuple[str, Content]]:
        while line := self._file.readline(_LONGEST_LINE):
            self._digest.update(line)
            head = self._canonical(line)
            name, sha256, size = (head.get(each) for each in ("part", "sha256", "size"))
            if not _is_hex(sha256, 64) or type(size) is not int or size < 0 or len(head) != 3:
                raise self._damaged("The head of a part is damaged.")
            yield str(name), self._part(str(name), str(sha256), size)

    def _part(self, name: str, sha256: str, size: int) -> Content:
        in_memory = name != "content" or size <= TEXT_LIMIT
        if name != "content" and size > _LARGEST_DOCUMENT:
            raise self._damaged("A document in it is too long.")
        offset, left = self._file.tell(), size
        digest, kept = hashlib.sha256(), bytearray()
        while left:
            piece = self._file.read(min(_CHUNK, left))
            if not piece:
                raise self._damaged("It was cut off.")
            left -= len(piece)
            self._digest.update(piece)
            digest.update(piece)
            if in_memory:
                kept += piece
        end = self._file.read(len(END))
        self._digest.update(end)
        if not end:
            raise self._damaged("It was cut off.")
        if digest.hexdigest() != sha256 or end != END:
            raise self._damaged(
                "It was changed since it was written: the digest of a part differs."
            )
        if in_memory:
            return Content(sha256, size, data=bytes(kept))
        return Content(sha256, size, path=str(self._path), offset=offset)

    def _canonical(self, line: bytes) -> dict[str, Any]:
        """The object on a line that is spelt in the one way there is."""
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and canonical(found).encode() + b"\n" == line:
            return found
        is_cut = not line.endswith(b"\n") and len(line) < _LONGEST_LINE
        raise self._damaged("It was cut off." if is_cut else "A line of it is damaged.")

    def _text(self, content: Content) -> str:
        try:
            return (content.data or b"").decode("ascii")
        except UnicodeDecodeError:
            raise self._damaged("A document in it is damaged.") from None

    def _damaged(self, why: str) -> ConfigurationError:
        return refused(self._path, f"{self._path.name} is not a plan to rely on", why)


def _is_hex(value: Any, size: int) -> bool:
    return isinstance(value, str) and len(value) == size and bool(_HEX.fullmatch(value))


def _is_signed(signature: dict[str, str], digest: str) -> bool:
    from cfgdsl.engine.signing import is_signed  # noqa: PLC0415 - only signed plans pay for it

    return is_signed(signature, digest)


def refused(path: Path, summary: str, detail: str = "") -> ConfigurationError:
    """The error about a plan file: what, why, which, and what to do."""
    return ConfigurationError(
        Diagnostic(
            summary=summary,
            detail="\n".join(part for part in (detail, f"It is {path}.") if part),
            hint="Plans are written by `cfgdsl plan --out FILE`.",
        )
    )
