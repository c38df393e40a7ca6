"""Contents: resolves references to local files, templates and secret texts, and streams them."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from cfgdsl.core.content import TEXT_LIMIT, Content, LocalFile, Template, Text
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.origin import Origin
from cfgdsl.core.resource import Resource, state_fields
from cfgdsl.core.secret import secrets_in
from cfgdsl.engine.vault import Vault

if TYPE_CHECKING:
    import jinja2

_CHUNK = 128 * 1024
_Stamp = tuple[int, int, int]


def _stamp(path: str) -> _Stamp:
    """What changes when a file does."""
    status = Path(path).stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


class Contents:
    """What references to contents stand for: each file is read, each template compiled once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._files: dict[str, tuple[_Stamp, Content]] = {}
        self._environment: jinja2.Environment | None = None
        self._templates: dict[str, tuple[_Stamp, jinja2.Template]] = {}
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
        return resolved.observed(**resolved.complete())  # a secret content changes defaults

    def _content(self, value: Content | LocalFile | Template | Text, origin: Origin) -> Content:
        match value:
            case LocalFile(path):
                return self._local(path, origin)
            case Template(path, variables):
                return self._text(self._render(path, dict(variables), origin))
            case Text(text):
                return self._text(text)
        return value

    def _text(self, text: str) -> Content:
        if not secrets_in(text):
            return Content.of(text)
        return attrs.evolve(Content.of(self._vault.reveal(text)), secret=True, shown=text)

    def _local(self, path: str, origin: Origin) -> Content:
        """Hashed once however many hosts share it; read again when it changes on disk."""
        try:
            stamp = _stamp(path)
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
        import jinja2  # noqa: PLC0415 - 50 ms that a run without templates saves

        try:
            return self._template(path).render(variables)
        except jinja2.TemplateNotFound as error:  # an OSError too
            line = _template_line(error, path)
            summary = f"template {path}:{line}: there is no template {error.name}"
            detail = "Templates include others by absolute paths."
        except OSError as error:
            summary, detail = f"cannot read template {path}: {error.strerror}", ""
        except jinja2.TemplateSyntaxError as error:
            summary, detail = (
                f"template {error.filename or path}:{error.lineno}: {error.message}",
                "",
            )
        except jinja2.UndefinedError as error:
            line = _template_line(error, path)
            summary = f"template {path}:{line}: {error.message}"
            detail = f"It was given: {', '.join(sorted(variables)) or 'no variables'}."
        except Exception as error:  # noqa: BLE001 - whatever the user's expressions raise
            line = _template_line(error, path)
            summary, detail = f"template {path}:{line}: {type(error).__name__}: {error}", ""
        raise ConfigurationError(Diagnostic(summary=summary, detail=detail, origins=(origin,)))

    def _template(self, path: str) -> "jinja2.Template":
        stamp = _stamp(path)
        known = self._templates.get(path)
        if known is None or known[0] != stamp:
            source = Path(path).read_text()
            environment = self._jinja()
            code = environment.compile(source, filename=path)
            template = environment.template_class.from_code(
                environment, code, environment.make_globals(None)
            )
            self._templates[path] = (stamp, template)
        return self._templates[path][1]

    def _jinja(self) -> "jinja2.Environment":
        if self._environment is None:
            import jinja2.sandbox  # noqa: PLC0415 - see above

            self._environment = jinja2.sandbox.SandboxedEnvironment(
                undefined=jinja2.StrictUndefined,
                keep_trailing_newline=True,
                autoescape=False,
                loader=jinja2.FunctionLoader(_included),
            )
        return self._environment


def stream(content: Content) -> Iterator[bytes]:
    """The bytes of a content, in pieces."""
    if content.data is not None:
        yield content.data
        return
    try:
        with Path(str(content.path)).open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as error:
        raise ConfigurationError(
            Diagnostic(
                summary=f"cannot read {content.path} any more: {error.strerror}",
                hint="Plan again.",
            )
        ) from None


def _included(name: str) -> str | None:
    """For `include` and `extends`: absolute paths only: one environment serves all folders."""
    path = Path(name)
    return path.read_text() if path.is_absolute() and path.is_file() else None


def _template_line(error: BaseException, path: str) -> int:
    """The line of the template that an error came from: its last frame in that file."""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


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
