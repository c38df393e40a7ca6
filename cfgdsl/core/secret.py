"""Secrets by reference: a `Secret` never holds its value, so nothing that prints, stores or copies
one can give it away.

Put into text (an f-string, `str.join`, a template) a secret becomes a *token*: a short marked
reference that survives every string operation. Only the engine, on its way to the encrypted channel,
replaces tokens by values; everything that people read replaces them by ``(secret ...)``.
The marks are two private-use characters, and whatever comes from a host is stripped of them, so that
a host cannot ask for a secret by naming it.
"""

import json
import re
from collections.abc import Sequence

import attrs

_OPEN, _CLOSE = "\ue000", "\ue001"
_TOKEN = re.compile(f"{_OPEN}([a-z]+):([^{_OPEN}{_CLOSE}]*){_CLOSE}")


@attrs.frozen(init=False, repr=False, str=False)
class Secret:
    """A reference to a secret value; resolved late, shown never.

    >>> password = Secret.env("DB_PASSWORD")
    >>> password
    Secret.env('DB_PASSWORD')
    >>> redact(f"password={password}")
    'password=(secret env DB_PASSWORD)'
    """

    source: str
    """Where the value comes from: ``env``, ``file``, ``command``, ``prompt`` or ``store``."""
    argument: str
    """Which one there: a name, a path, a JSON list of arguments, a question."""

    def __init__(self, name: str) -> None:
        self.__attrs_init__("store", name)

    @classmethod
    def _of(cls, source: str, argument: str) -> "Secret":
        secret = cls.__new__(cls)
        secret.__attrs_init__(source, argument)
        return secret

    @classmethod
    def env(cls, name: str) -> "Secret":
        """The value of an environment variable of the controller."""
        return cls._of("env", name)

    @classmethod
    def file(cls, path: str) -> "Secret":
        """The content of a file on the controller, without its last newline."""
        return cls._of("file", path)

    @classmethod
    def command(cls, argv: Sequence[str]) -> "Secret":
        """The output of a command on the controller, without its last newline; no shell."""
        return cls._of("command", json.dumps(list(argv)))

    @classmethod
    def prompt(cls, question: str) -> "Secret":
        """Asked for on the terminal, once per run, without echo."""
        return cls._of("prompt", question)

    @property
    def token(self) -> str:
        """The reference as it stands in text."""
        return f"{_OPEN}{self.source}:{self.argument}{_CLOSE}"

    def __str__(self) -> str:
        return self.token

    def __format__(self, spec: str) -> str:
        return format(self.token, spec) if not spec else self.token

    def __repr__(self) -> str:
        if self.source == "store":
            return f"Secret({self.argument!r})"
        argument = json.loads(self.argument) if self.source == "command" else self.argument
        return f"Secret.{self.source}({argument!r})"


def secrets_in(text: str) -> tuple[Secret, ...]:
    """Every secret that `text` refers to, each once, in order."""
    if _OPEN not in text:
        return ()
    found = dict.fromkeys(match.groups() for match in _TOKEN.finditer(text))
    return tuple(Secret._of(source, argument) for source, argument in found)


def redact(text: str) -> str:
    """`text` with each reference to a secret as people may see it."""
    if _OPEN not in text:
        return text
    return _TOKEN.sub(lambda m: f"(secret {m.group(1)} {m.group(2)})", text)


def reveal(text: str, values: dict[Secret, str]) -> str:
    """`text` with each reference replaced by its value; `KeyError` for one that has none."""
    return _TOKEN.sub(lambda m: values[Secret._of(m.group(1), m.group(2))], text)


def strip_marks(text: str) -> str:
    """`text` from a host, unable to pose as a reference to a secret."""
    if _OPEN not in text and _CLOSE not in text:
        return text
    return text.replace(_OPEN, "\ufffd").replace(_CLOSE, "\ufffd")
