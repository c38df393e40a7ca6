"""Templates: jinja2, strict and sandboxed; what one includes is found beside it."""

import errno
import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox

from cfgdsl.core.errors import ConfigurationError, Diagnostic, UnknownValueError
from cfgdsl.core.origin import Origin
from cfgdsl.engine.stamp import stamp_of


class Templates:
    """Templates by absolute path, each compiled once and anew when it changes on disk."""

    def __init__(self) -> None:
        self._environment = _Environment(
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
            loader=jinja2.FunctionLoader(self._load),
            cache_size=-1,
        )
        self._loaded: set[str] = set()

    def render(self, path: str, variables: Mapping[str, Any], origin: Origin) -> str:
        """The text of a template; raises `ConfigurationError` with the line that is wrong."""
        detail = ""
        try:
            stamp_of(path)  # what is said of a file that is not there is better than jinja2's
            return self._environment.get_template(path).render(variables)
        except jinja2.TemplateNotFound as error:  # an OSError too
            summary = f"template {self._place(error, path)}: there is no template {error.name}"
            detail = "A relative name is looked for in the folder of the template that names it."
        except OSError as error:
            summary = f"cannot read template {error.filename or path}: {error.strerror}"
        except jinja2.TemplateSyntaxError as error:
            summary = f"template {error.filename or path}:{error.lineno}: {error.message}"
        except jinja2.UndefinedError as error:
            summary = f"template {self._place(error, path)}: {error.message}"
            detail = f"It was given: {', '.join(sorted(variables)) or 'no variables'}."
        except UnknownValueError as error:  # in an attribute of what it was given
            (used,) = error.diagnostics
            summary = f"template {self._place(error, path)}: {used.summary}"
            detail = f"{used.detail} Give template() the output itself."
        except Exception as error:  # noqa: BLE001 - whatever the user's expressions raise
            summary = f"template {self._place(error, path)}: {type(error).__name__}: {error}"
        raise ConfigurationError(Diagnostic(summary=summary, detail=detail, origins=(origin,)))

    def _load(self, path: str) -> tuple[str, str, Callable[[], bool]] | None:
        """A template's text, its file, and whether that is still the same."""
        try:
            stamp = stamp_of(path)
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "it is no UTF-8 text", path) from None
        self._loaded.add(path)
        return text, path, lambda: Path(path).exists() and stamp_of(path) == stamp

    def _place(self, error: BaseException, path: str) -> str:
        """Where an error came from: the last frame in a template, which may be an included one."""
        place = path
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file in self._loaded:
                place = f"{file}:{trace.tb_lineno}"
            trace = trace.tb_next
        return place


class _Environment(jinja2.sandbox.SandboxedEnvironment):
    def join_path(self, template: str, parent: str) -> str:
        """What `include`, `extends` and `import` name in the template `parent`."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(parent), template))
