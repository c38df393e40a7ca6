"""Contents: resolves references to local files, templates and secret texts, and streams them."""

import hashlib
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from cfgdsl.core.content import TEXT_LIMIT, Content, LocalFile, Template, Text
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.inputs import completed
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output, gathered
from cfgdsl.core.resource import Resource, state_fields
from cfgdsl.core.secret import secrets_in
from cfgdsl.engine.stamp import Stamp, stamp_of
from cfgdsl.engine.vault import Vault

if TYPE_CHECKING:
    from cfgdsl.engine.templates import Templates

_CHUNK = 128 * 1024


class Contents:
    """What references to contents stand for: each file is read, each template compiled once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._files: dict[str, tuple[Stamp, Content]] = {}
        self._templates: Templates | None = None
        self._lock = threading.RLock()

    def resolve(self, resource: Resource) -> Resource:
        """The resource with its references to contents replaced by contents."""
        found = {}
        for slot in state_fields(type(resource)):
            value = getattr(resource, slot.name)
            if isinstance(value, Content | LocalFile | Template | Text):
                with self._lock:
                    content = self._content(value, resource.origin)
                if content is not value:
                    found[slot.name] = content
        if not found:
            return resource
        resolved = resource.observed(**found)
        return resolved.observed(**completed(resolved))  # a secret content changes defaults

    def _content(
        self, value: Content | LocalFile | Template | Text, origin: Origin
    ) -> Content | Output[Content]:
        match value:
            case LocalFile(path):
                return self._local(path, origin)
            case Template(path, variables):
                rendering = _Rendering(path, origin, self)
                given = gathered(dict(variables))
                if isinstance(given, Output):
                    given.origin = origin
                    return given.map(rendering)
                return rendering(given)
            case Text(text):
                return self._text(text)
        return value

    def rendered(self, path: str, variables: Mapping[str, Any], origin: Origin) -> Content:
        """What a template makes of its variables."""
        with self._lock:
            return self._text(self._render(path, dict(variables), origin))

    def _text(self, text: str) -> Content:
        if not secrets_in(text):
            return Content.of(text)
        if not self._vault.has(text):
            return Content.sealed(text)
        return revealed(Content.sealed(text), self._vault)

    def _local(self, path: str, origin: Origin) -> Content:
        """Hashed once however many hosts share it; read again when it changes on disk."""
        try:
            stamp = stamp_of(path)
            known = self._files.get(path)
            if known is None or known[0] != stamp:
                self._files[path] = (stamp, _hash_file(path))
        except OSError as error:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"cannot read {path}: {error.strerror}",
                    hint="source= and template() are relative to the file that declares them.",
                    origins=(origin,),
                )
            ) from None
        return self._files[path][1]

    def _render(self, path: str, variables: dict[str, Any], origin: Origin) -> str:
        if self._templates is None:
            from cfgdsl.engine.templates import (  # noqa: PLC0415 - 50 ms that others save
                Templates,
            )

            self._templates = Templates()
        return self._templates.render(path, variables, origin)


@attrs.frozen
class _Rendering:
    """A template that waits for its variables; equal for the same template."""

    path: str
    origin: Origin = attrs.field(eq=False)
    contents: Contents = attrs.field(eq=False)

    def __call__(self, variables: Mapping[str, Any]) -> Content:
        return self.contents.rendered(self.path, variables, self.origin)


def revealed(content: Content, vault: Vault) -> Content:
    """A sealed content with its bytes, any other as it is; raises `ConfigurationError`."""
    if not content.is_sealed:
        return content
    text = content.shown or ""
    return attrs.evolve(Content.of(vault.reveal(text)), secret=True, shown=text)


def stream(content: Content) -> Iterator[bytes]:
    """The bytes of a content, in pieces."""
    if content.data is not None:
        yield content.data
        return
    left = sys.maxsize if content.offset is None else content.size
    try:
        with Path(str(content.path)).open("rb") as file:
            file.seek(content.offset or 0)
            while piece := file.read(min(_CHUNK, left)):
                left -= len(piece)
                yield piece
    except OSError as error:
        raise ConfigurationError(
            Diagnostic(
                summary=f"cannot read {content.path} any more: {error.strerror}",
                hint="Plan again.",
            )
        ) from None


def _hash_file(path: str) -> Content:
    digest = hashlib.sha256()
    size = 0
    data = b""
    with Path(path).open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
            if size <= TEXT_LIMIT:
                data += piece
    if size <= TEXT_LIMIT:
        return Content(digest.hexdigest(), size, data=data)
    return Content(digest.hexdigest(), size, path=path)
