"""Loading a configuration: runs the user's module and keeps what it declares. Talks to no host."""

import hashlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType

from cfgdsl.core.errors import CfgdslError, ConfigurationError, Diagnostic
from cfgdsl.core.origin import Origin
from cfgdsl.engine.declare import Declarations, loading
from cfgdsl.engine.ownership import refuse_writable_by_others

_MODULE = "__cfgdsl_config__"
_lock = threading.Lock()
"""sys.path and sys.modules belong to the process: one load at a time."""


def load_declarations(file: str | Path) -> Declarations:
    """Run the module and return what it declared; raises `ConfigurationError`."""
    path = Path(file).absolute()
    code, digest = _compile(path)
    refuse_writable_by_others(path)
    declarations = Declarations(folder=path.parent, code={path.name: digest})
    with _lock, importable(path.parent, declarations.code):
        token = loading.set(declarations)
        module = ModuleType(_MODULE)
        module.__file__ = str(path)
        sys.modules[_MODULE] = module
        try:
            exec(code, module.__dict__)  # noqa: S102 - running the user's configuration is the job
        except CfgdslError as error:
            declarations.problems.extend(error.diagnostics)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
            declarations.problems.append(user_error(error, "the configuration"))
        finally:
            loading.reset(token)
            sys.modules.pop(_MODULE, None)
    if not declarations.configured and not declarations.problems:
        declarations.problems.append(
            Diagnostic(
                summary=f"{path.name} configures no host",
                hint="Decorate a function with @configure([Host(...)]).",
                origins=(Origin(str(path), 1),),
            )
        )
    return declarations


def _compile(path: Path) -> tuple[CodeType, str]:
    """The code in a file, and the digest of its text."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            Diagnostic(
                summary=f"cannot read {path.name}: {error.strerror}",
                detail=f"It was looked for at {path}.",
                hint="Name the file, or write a first one with `cfgdsl init`.",
            )
        ) from None
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
        return code, hashlib.sha256(source).hexdigest()
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        text = (getattr(error, "text", None) or "").rstrip()
        raise ConfigurationError(
            Diagnostic(
                summary=f"syntax error: {getattr(error, 'msg', error)}",
                detail=text.strip(),
                origins=(Origin(str(path), line),),
            )
        ) from None


class _Guard(PathFinder):
    """Finds the modules below a folder as Python does, and refuses those that others may write."""

    def __init__(self, folder: str) -> None:
        self._below = folder + os.sep

    def find_spec(  # type: ignore[override]  # PathFinder's is a class method
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None: whoever comes next finds it again."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None and spec.origin.startswith(self._below):
            refuse_writable_by_others(Path(spec.origin))
        return None


@contextmanager
def importable(folder: Path, code: dict[str, str]) -> Iterator[None]:
    """Modules beside the configuration can be imported, after all installed ones, so that none is
    replaced; they are forgotten afterwards, so that the next load runs them again. Their digests
    go into `code`."""
    text = str(folder)
    before = set(sys.modules)
    guard = _Guard(text)
    sys.path.append(text)
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)
        sys.path.remove(text)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(text + os.sep):
                del sys.modules[name]
                code[file.removeprefix(text + os.sep)] = _digest(file)


def _digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""  # gone since it was imported


def user_error(error: BaseException, what: str) -> Diagnostic:
    """An exception of the user's code, with its traceback trimmed to the user's frames (all of it
    where none is the user's: then the mistake is ours)."""
    own = str(Path(__file__).parents[1]) + os.sep
    everything = traceback.extract_tb(error.__traceback__)
    frames = [f for f in everything if _is_users(f.filename, own)] or list(everything)
    lines = [f"{f.filename}:{f.lineno} in {f.name}: {f.line or ''}".rstrip(": ") for f in frames]
    last = frames[-1] if frames else None
    unknown = isinstance(error, TypeError) and "Output" in str(error)
    return Diagnostic(
        hint="An Output has no value before it was applied: give it itself to a resource, or "
        "derive one with .map(function) or Output.all(...)."
        if unknown
        else "",
        summary=f"{what} raised {type(error).__name__}: {error}",
        detail="\n".join(lines[-10:-1]),
        origins=(Origin(last.filename, last.lineno or 0, last.name),) if last else (),
    )


def _is_users(filename: str, own: str) -> bool:
    return not filename.startswith((own, "<frozen", sys.base_prefix + os.sep + "lib"))
