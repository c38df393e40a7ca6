"""Normal forms of field values: what each annotation accepts and what it is turned into.

A converter takes what the user wrote and returns the one spelling that is compared, recorded and
shown; it raises `ValueError` with a sentence that ends up behind the user's line.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

import attrs

from cfgdsl.core.content import Content, LocalFile, Template, Text, as_text
from cfgdsl.core.output import Output
from cfgdsl.core.secret import Secret, has_marks, is_damaged

Convert: TypeAlias = Callable[[Any], Any]


@attrs.frozen
class As:
    """Marks an annotation with the function that brings its values to normal form."""

    convert: Convert
    shown: str
    """How the type is called in the reference and in errors."""


def plain_text(value: object) -> str:
    """Text as users may write it: secrets by reference, no NUL.

    >>> plain_text("deploy")
    'deploy'
    """
    if isinstance(value, Secret):
        return value.token
    if not isinstance(value, str):
        raise must_be("text", value)
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    if is_damaged(value):
        raise ValueError("contains part of a reference to a secret: put secrets in whole")
    return str(value)


def shown_text(value: object) -> str:
    """Text that plans, errors and process lists show: never with a secret in it."""
    text = plain_text(value)
    if has_marks(text):
        raise ValueError("must not contain a secret: it is shown")
    return text


def absolute_path(value: object) -> str:
    """An absolute path in normal form: no `.`, `..`, doubled or trailing slash.

    >>> absolute_path("/etc//nginx/")
    '/etc/nginx'
    """
    text = shown_text(str(value) if hasattr(value, "__fspath__") else value)
    if not text.startswith("/"):
        raise ValueError(f"must be an absolute path, not {text!r}")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ValueError(f"must not contain '..': {text!r}")
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
        raise must_be("a mode like 0o644 or '0644'", value)
    if not 0 <= value <= 0o7777:
        raise ValueError(f"must be between 0 and 0o7777, not {value}")
    if value in {644, 755, 600, 700, 640, 750, 400, 440, 444, 555, 664, 775, 777, 1777}:
        raise ValueError(
            f"is decimal {value}; write 0o{value} (for 0o{value:o} itself write '{value:04o}')"
        )
    return value


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+:~-]*\$?\Z")


def system_name(value: object) -> str:
    """The name of a user, group, package or unit: never empty, never like an option.

    >>> system_name("www-data")
    'www-data'
    """
    text = shown_text(value)
    if not _NAME.match(text) or len(text) > 255:
        raise ValueError(f"is no valid name: {text!r}")
    return text


def owner_name(value: object) -> str:
    """A user or group by name, or by number; hosts answer with names, so 0 is ``root``.

    >>> owner_name(0), owner_name(1000)
    ('root', '1000')
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value) if value else "root"
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
        if is_damaged(value):
            raise ValueError("contains part of a reference to a secret: put secrets in whole")
        return Text(value) if has_marks(value) else Content.of(value)
    if isinstance(value, bytes | bytearray):
        text = as_text(bytes(value))
        return file_content(text) if text and has_marks(text) else Content.of(bytes(value))
    raise must_be("text, bytes or template(...)", value)


def argument_list(value: object) -> tuple[str, ...]:
    """A command as a list of arguments; every user of the host may see them, so no secrets.

    >>> argument_list(["nginx", "-t"])
    ('nginx', '-t')
    """
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise must_be("a list of arguments like ['nginx', '-t']", value)
    if not value:
        raise ValueError("must not be empty")
    return tuple(shown_text(str(a) if hasattr(a, "__fspath__") else a) for a in value)


def environment(value: object) -> tuple[tuple[str, str], ...]:
    """Environment variables, from a mapping; sorted pairs.

    >>> environment({"LANG": "C"})
    (('LANG', 'C'),)
    """
    if not isinstance(value, Mapping | tuple):
        raise must_be("a mapping of names to text", value)
    pairs = value.items() if isinstance(value, Mapping) else value
    result = sorted((plain_text(name), plain_text(text)) for name, text in pairs)
    bad = [name for name, _ in result if not name or "=" in name]
    if bad:
        raise ValueError(f"has a bad variable name: {bad[0]!r}")
    return tuple(result)


def _at_least(least: float, kind: type[int | float], what: str) -> Convert:
    def convert(value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | kind) or not value >= least:
            raise must_be(what, value)
        return kind(value)

    return convert


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
Count = Annotated[int, As(_at_least(0, int, "a whole number from 0 on"), "integer")]
"""How often."""
Seconds = Annotated[float, As(_at_least(0.001, float, "a number of seconds"), "seconds")]
"""How long."""
FileContent = Annotated[Content | LocalFile | Template | Text, As(file_content, "text or bytes")]
"""What a file holds."""


T = TypeVar("T")

ListOf: TypeAlias = Sequence[T | Output[T]]
"""The wider input form of a list field: of values, of outputs, or of both."""


def must_be(what: str, value: object) -> ValueError:
    """The error for a value of another kind than wanted.

    >>> must_be("text", 1.5)
    ValueError('must be text, not float 1.5')
    """
    shown = repr(value)
    shown = shown if len(shown) < 60 else f"{shown[:57]}..."
    return ValueError(f"must be {what}, not {type(value).__name__} {shown}")
