"""Which resource types are at hand without the configuration: those of installed packages."""

import contextlib
import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.resource import Resource, ResourceType
from cfgdsl.core.saved_values import NotSavableError


def type_name(resource: Resource) -> str:
    """``package.module:Type``; raises `NotSavableError` for what no installed package exports."""
    cls = type(resource)
    name = f"{cls.__module__}:{cls.__qualname__}"
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None or _file_of(cls.__module__) != file or "<" in name:
        raise NotSavableError(
            f"type {cls.__qualname__} is defined in the configuration, not in an installed package"
        )
    if distribution_of(name) is None:
        raise NotSavableError(f"type {cls.__qualname__} is from {file}, no installed package")
    return name


def type_named(name: str) -> ResourceType:
    """The type with a name that `type_name` gave; raises `ConfigurationError`."""
    module, _, qualname = name.partition(":")
    found = None
    if distribution_of(name) is not None:
        with contextlib.suppress(ImportError, ValueError):
            found = getattr(importlib.import_module(module), qualname, None)
    if not isinstance(found, ResourceType):
        raise ConfigurationError(
            Diagnostic(
                summary=f"the plan needs the resource type {name}, which is not installed here",
                hint="Install the package that has it, as where the plan was made.",
            )
        )
    return found


def packages_of(types: Iterable[str]) -> dict[str, str]:
    """By top-level package of these types: its distribution, version and the digest of its code."""
    names = sorted({name.partition(":")[0].partition(".")[0] for name in types})
    return {name: f"{distribution_of(name)} sha256:{code_digest(name)}" for name in names}


def refuse_others(packages: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` unless the packages here are those that a plan was made with."""
    problems = [
        Diagnostic(
            summary=f"the plan was made with another version of {name}",
            detail=f"Made with {made_with}; here is {here or 'none'}. What its types decide "
            "during the run could differ from what was planned.",
            hint="Apply where it was made, or plan again.",
        )
        for name, made_with in packages.items()
        if (here := packages_of([name]).get(name) if _file_of(name) else None) != made_with
    ]
    if problems:
        raise ConfigurationError(*problems)


@lru_cache(maxsize=256)
def distribution_of(name: str) -> str | None:
    """``name version`` of the installed distribution that has a module; None: none has it."""
    top = name.partition(":")[0].partition(".")[0]
    file = _file_of(top)
    if file is None:
        return None
    for found in _distributions().get(top, ()):
        distribution = metadata.distribution(found)
        if Path(file).is_relative_to(str(distribution.locate_file(""))):
            return f"{found} {distribution.version}"
    for distribution in metadata.distributions():
        folder = _editable_folder(distribution)
        if folder is not None and Path(file).is_relative_to(folder):
            return f"{distribution.name} {distribution.version}"
    return None


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return {top: sorted(set(found)) for top, found in metadata.packages_distributions().items()}


def _editable_folder(distribution: metadata.Distribution) -> str | None:
    """Where a distribution lies that was installed with ``pip install -e``."""
    try:
        data = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    url = urlsplit(str(data.get("url")))
    editable = data.get("dir_info", {}).get("editable") is True
    return unquote(url.path) if editable and url.scheme == "file" else None


def code_digest(top: str) -> str:
    """The digest of all Python code of a top-level package or module."""
    file = _file_of(top)
    if file is None:
        return ""
    path = Path(file)
    inside = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for each in inside:
        name = each.relative_to(path.parent).as_posix()
        digest.update(f"{name}\0{hashlib.sha256(each.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _file_of(module: str) -> str | None:
    """Where a module is found now, without what a configuration brings along."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin
