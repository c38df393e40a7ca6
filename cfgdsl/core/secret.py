"""Secrets by reference: a `Secret` never holds its value, so nothing that prints, stores or copies
one can give it away.

Put into text (an f-string, `str.join`, a template, `json.dumps`) a secret becomes a *token*: a
short marked reference that goes where the text goes. Only the engine, on its way to the encrypted
channel, replaces tokens by values; everything that people read replaces them by ``(secret ...)``.
The marks are two private-use characters, and whatever comes from a host is stripped of them, so
that a host cannot ask for a secret by naming it.
"""

import json
import re
from collections.abc import Callable, Sequence

import attrs

GENERATED = "generated"
"""The source of secrets that hosts make and keep; their argument is ``host/name``."""

_OPEN, _CLOSE = "\ue000", "\ue001"
# The second half is how `json.dumps` spells a token: the argument has JSON's escapes, and the value
# must get them too.
_TOKEN = re.compile(
    rf"{_OPEN}([a-z]+):([^{_OPEN}{_CLOSE}]*){_CLOSE}"
    r"|\\ue000([a-z]+):((?:(?!\\ue00[01]).)*)\\ue001",
    re.DOTALL,
)
_MARKS = re.compile(rf"[{_OPEN}{_CLOSE}]|\\ue00[01]")


@attrs.frozen(init=False, repr=False, str=False)
class Secret:
    """A reference to a secret value; resolved late, shown never.

    ``Secret("name")`` looks in ``project(..., secrets=...)``.

    >>> password = Secret.env("DB_PASSWORD")
    >>> password
    Secret.env('DB_PASSWORD')
    >>> redact(f"password={password}")
    'password=(secret env DB_PASSWORD)'
    """

    source: str
    """Where the value comes from: ``env``, ``file``, ``command``, ``prompt``, ``store``, or
    ``generated``, which no configuration writes down."""
    argument: str
    """Which one there: a name, a path, a JSON list of arguments, a question, ``host/name``."""

    def __init__(self, name: str) -> None:
        self.__attrs_init__("store", _argument(name))

    @classmethod
    def env(cls, name: str) -> "Secret":
        """The value of an environment variable of the controller."""
        return _secret("env", name)

    @classmethod
    def file(cls, path: str) -> "Secret":
        """The content of a file on the controller, without its last newline."""
        return _secret("file", path)

    @classmethod
    def command(cls, argv: Sequence[str]) -> "Secret":
        """The output of a command on the controller, without its last newline; no shell.

        >>> Secret.command(["pass", "show", "db"])
        Secret.command(['pass', 'show', 'db'])
        """
        return _secret("command", json.dumps(list(argv), ensure_ascii=False))

    @classmethod
    def prompt(cls, question: str) -> "Secret":
        """Asked for on the terminal, once per run, without echo."""
        return _secret("prompt", question)

    @property
    def token(self) -> str:
        """The reference as it stands in text."""
        return f"{_OPEN}{self.source}:{self.argument}{_CLOSE}"

    def __str__(self) -> str:
        return self.token

    def __format__(self, spec: str) -> str:
        return self.token  # a width or precision would cut the reference

    def __repr__(self) -> str:
        if self.source == "store":
            return f"Secret({self.argument!r})"
        argument = json.loads(self.argument) if self.source == "command" else self.argument
        return f"Secret.{self.source}({argument!r})"


def _argument(text: str) -> str:
    if not isinstance(text, str) or _MARKS.search(text):
        raise ValueError(f"a secret is named by text without marks of other secrets, not {text!r}")
    return text


def _secret(source: str, argument: str) -> Secret:
    secret = Secret.__new__(Secret)
    secret.__attrs_init__(source, _argument(argument))
    return secret


def generated_secret(host: str, name: str) -> Secret:
    """A secret that a host has made, and keeps.

    >>> redact(str(generated_secret("web1", "db")))
    '(secret generated web1/db)'
    """
    return _secret(GENERATED, f"{host}/{name}")


def has_marks(text: str) -> bool:
    """Whether `text` may refer to a secret; cheap, for the many that do not."""
    return _OPEN in text or "\\ue000" in text or _CLOSE in text


def secrets_in(text: str) -> tuple[Secret, ...]:
    """Every secret that `text` refers to, each once, in order.

    >>> secrets_in(f"{Secret.env('A')} and {Secret.env('A')}")
    (Secret.env('A'),)
    """
    found: dict[Secret, None] = {}
    _replace(text, lambda secret: found.setdefault(secret) or "")
    return tuple(found)


def redact(text: str) -> str:
    """`text` with each reference to a secret as people may see it."""
    return _replace(text, lambda secret: f"(secret {secret.source} {secret.argument})")


def reveal(text: str, values: dict[Secret, str]) -> str:
    """`text` with each reference replaced by its value; `KeyError` for one that has none.

    >>> key = Secret.env("KEY")
    >>> reveal(json.dumps({"key": str(key)}), {key: 'a"b'})
    '{"key": "a\\\\"b"}'
    """
    return _replace(text, values.__getitem__)


def is_damaged(text: str) -> bool:
    """Whether a reference in `text` was cut or changed, so that nobody could resolve it.

    >>> is_damaged(str(Secret.env("KEY")).upper())
    True
    """
    return has_marks(text) and _MARKS.search(_replace(text, lambda _: "")) is not None


def strip_marks(text: str) -> str:
    """`text` from a host, unable to pose as a reference to a secret."""
    return _MARKS.sub("\ufffd", text) if has_marks(text) else text


def _replace(text: str, value_of: Callable[[Secret], str]) -> str:
    if not has_marks(text):
        return text

    def replaced(match: re.Match[str]) -> str:
        source, argument, escaped_source, escaped = match.groups()
        if source is not None:
            return value_of(_secret(source, argument))
        try:
            argument = json.loads(f'"{escaped}"')
        except ValueError:
            return match.group()
        return json.dumps(value_of(_secret(escaped_source, argument)))[1:-1]

    return _TOKEN.sub(replaced, text)
