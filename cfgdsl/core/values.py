"""Normal forms of field values: what each annotation accepts and what it is turned into.

A converter takes what the user wrote and returns the one spelling that is compared, recorded and
shown; it raises `ValueError` with a sentence that ends up behind the user's line.
"""

import re
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs

from cfgdsl.core.content import Content, LocalFile, Template, Text
from cfgdsl.core.secret import Secret, secrets_in

Convert: TypeAlias = Callable[[Any], Any]


@attrs.frozen
class As:
    """Marks an annotation with the function that brings its values to normal form."""

    convert: Convert
    shown: str
    """How the type is called in the reference and in errors."""


def _text(value: object) -> str:
    if isinstance(value, Secret):
        return value.token
    if type(value) is not str and not isinstance(value, str):
        raise ValueError(f"must be text, not {_shown(value)}")
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    return str(value)


def absolute_path(value: object) -> str:
    """An absolute path in normal form: no `.`, `..`, doubled or trailing slash.

    >>> absolute_path("/etc//nginx/")
    '/etc/nginx'
    """
    text = _text(str(value) if hasattr(value, "__fspath__") else value)
    if not text.startswith("/"):
        raise ValueError(f"must be an absolute path, not {text!r}")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ValueError(f"must not contain '..': {text!r}")
    if secrets_in(text):
        raise ValueError("must not contain a secret: paths are shown")
    return "/" + "/".join(parts)


_OCTAL = re.compile(r"(0o?)?[0-7]{3,4}\Z")


def file_mode(value: object) -> int:
    """Permission bits, from ``0o644`` or ``"0644"``.

    >>> file_mode("0644") == file_mode("644") == 0o644
    True
    """
    if isinstance(value, str):
        if not _OCTAL.match(value):
            raise ValueError(f"must be octal digits like '0644', not {value!r}")
        return int(value.removeprefix("0o"), 8)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a mode like 0o644 or '0644', not {_shown(value)}")
    if not 0 <= value <= 0o7777:
        raise ValueError(f"must be between 0 and 0o7777, not {value}")
    if value in {644, 755, 600, 700, 640, 750, 400, 440, 444, 555, 664, 775, 777, 1777}:
        raise ValueError(f"is decimal {value}; write 0o{value} (octal) or '{value:04}'")
    return value


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+:~-]*\$?\Z")


def system_name(value: object) -> str:
    """The name of a user, group, package or unit: never empty, never like an option.

    >>> system_name("www-data")
    'www-data'
    """
    text = _text(value)
    if not _NAME.match(text) or len(text) > 255:
        raise ValueError(f"is no valid name: {text!r}")
    return text


def owner_name(value: object) -> str:
    """A user or group by name, or by number."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return system_name(value)


def file_content(value: object) -> "Content | LocalFile | Template | Text":
    """The content of a file, from text, bytes, `template(...)` or a local file.

    >>> file_content("hello").size
    5
    """
    if isinstance(value, Content | LocalFile | Template | Text):
        return value
    if isinstance(value, Secret):
        return Text(value.token)
    if isinstance(value, str):
        return Text(value) if secrets_in(value) else Content.of(value)
    if isinstance(value, bytes | bytearray):
        return Content.of(bytes(value))
    raise ValueError(f"must be text, bytes or template(...), not {_shown(value)}")


def argument_list(value: object) -> tuple[str, ...]:
    """A command as a list of arguments.

    >>> argument_list(["nginx", "-t"])
    ('nginx', '-t')
    """
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of arguments like ['nginx', '-t'], not {_shown(value)}")
    if not value:
        raise ValueError("must not be empty")
    return tuple(_text(str(a) if hasattr(a, "__fspath__") else a) for a in value)


def environment(value: object) -> tuple[tuple[str, str], ...]:
    """Environment variables, from a mapping; sorted pairs.

    >>> environment({"LANG": "C"})
    (('LANG', 'C'),)
    """
    if not isinstance(value, Mapping | tuple):
        raise ValueError(f"must be a mapping of names to text, not {_shown(value)}")
    pairs = value.items() if isinstance(value, Mapping) else value
    result = sorted((_text(name), _text(text)) for name, text in pairs)
    bad = [name for name, _ in result if not name or "=" in name]
    if bad:
        raise ValueError(f"has a bad variable name: {bad[0]!r}")
    return tuple(result)


AbsPath = Annotated[str, As(absolute_path, "absolute path")]
"""An absolute path of the host."""
Mode = Annotated[int, As(file_mode, "mode")]
"""Permission bits; written ``0o644`` or ``"0644"``."""
Name = Annotated[str, As(system_name, "name")]
"""The name of a user, group, package or unit."""
Owner = Annotated[str, As(owner_name, "name or number")]
"""A user or group by name or number."""
Argv = Annotated[tuple[str, ...], As(argument_list, "list of arguments")]
"""A command without a shell."""
Env = Annotated[tuple[tuple[str, str], ...], As(environment, "mapping of text")]
"""Environment variables."""
FileContent = Annotated[Content | LocalFile | Template | Text, As(file_content, "text or bytes")]
"""What a file holds."""


def _shown(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}"


def _plain(kind: type) -> Convert:
    def convert(value: object) -> object:
        if kind is str:
            return _text(value)
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise ValueError(f"must be {_NAMES.get(kind, kind.__name__)}, not {_shown(value)}")
        return value

    return convert


_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
}


@lru_cache(maxsize=256)
def converter_for(annotation: Any) -> Convert:
    """The function that brings a value of this annotation to normal form."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = [m for m in arguments[1:] if isinstance(m, As)]
        return marks[0].convert if marks else converter_for(arguments[0])
    if origin in {Union, types.UnionType}:
        return _either(arguments)
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _each(converter_for(arguments[0]))
    if annotation is Any or annotation is object:
        return lambda value: value
    return _plain(annotation)


def _either(choices: tuple[Any, ...]) -> Convert:
    optional = type(None) in choices
    converters = [converter_for(c) for c in choices if c is not type(None)]

    def convert(value: object) -> object:
        if value is None and optional:
            return None
        problems = []
        for attempt in converters:
            try:
                return attempt(value)
            except ValueError as error:
                problems.append(str(error))
        raise ValueError(" or ".join(dict.fromkeys(problems)))

    return convert


def _one_of(choices: tuple[Any, ...]) -> Convert:
    def convert(value: object) -> object:
        if (value in choices and type(value) is not bool) or any(value is c for c in choices):
            return value
        raise ValueError(f"must be one of {', '.join(map(repr, choices))}, not {_shown(value)}")

    return convert


def _each(convert_item: Convert) -> Convert:
    def convert(value: object) -> object:
        if isinstance(value, str | bytes) or not isinstance(value, list | tuple | set | frozenset):
            raise ValueError(f"must be a list, not {_shown(value)}")
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return tuple(convert_item(item) for item in items)

    return convert


def type_name(annotation: Any) -> str:
    """How an annotation is called in the reference.

    >>> type_name(Mode | None)
    'mode'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = [m for m in arguments[1:] if isinstance(m, As)]
        return marks[0].shown if marks else type_name(arguments[0])
    if origin in {Union, types.UnionType}:
        return " or ".join(type_name(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return ", ".join(map(repr, arguments))
    if origin is tuple:
        return f"list of {type_name(arguments[0])}"
    return {str: "text", int: "integer", float: "number", bool: "bool"}.get(
        annotation, getattr(annotation, "__name__", str(annotation))
    )
