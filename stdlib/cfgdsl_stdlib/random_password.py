"""Passwords that are made on their host, once, and shown nowhere."""

import string
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cfgdsl import (
    Answers,
    Change,
    Field,
    Footprint,
    ImpossibleError,
    Name,
    Op,
    Output,
    Probe,
    Resource,
    field,
    key,
    ops,
    probes,
    resource,
)

_SHORTEST, _LONGEST, _FEWEST = 8, 1024, 10
_LETTERS_AND_DIGITS = string.ascii_letters + string.digits


@resource("random_password")
class RandomPassword(Resource):
    """A password, made at random on its host when it is not there, and kept in the host's record.

    Give `value` to whatever needs it, there or on another host: file contents, variables of
    templates, the `input` of commands. It is a secret: no plan, log, record or switch shows it, and
    a file that holds it is private. It is never replaced: to have a new one, declare another name,
    like ``"db-2"``. One that is no longer declared stays, unless ``on_drop="delete"``.

    Example:
        >>> password = RandomPassword("db", length=24)
        >>> password.value.map("postgres://app:{}@db/app".format)
        (known after apply)
    """

    dropping: ClassVar = "forget"

    name: Field[Name] = key(kw_only=False)
    """What it is called in the record of its host."""
    length: Field[int] = field(default=32, how=True, kw_only=True)
    """How many characters it has, from 8 to 1024."""
    alphabet: Field[str] = field(default=_LETTERS_AND_DIGITS, how=True, kw_only=True)
    """The characters that it is made of, each as likely as any other: 10 or more of visible ASCII.
    """
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist: then it is deleted from the record, for good."""

    def complete(self) -> dict[str, Any]:
        """Only what is hard to guess, and what can be typed."""
        if not _SHORTEST <= self.length <= _LONGEST:
            raise ValueError(f"length must be from {_SHORTEST} to {_LONGEST}, not {self.length}")
        if not all("!" <= character <= "~" for character in self.alphabet):
            raise ValueError(f"alphabet must be of visible ASCII characters, not {self.alphabet!r}")
        different = "".join(sorted({*self.alphabet}))
        if len(different) < _FEWEST:
            raise ValueError(f"alphabet must have {_FEWEST} or more different characters")
        return {"alphabet": different}

    @property
    def value(self) -> Output[str]:
        """The password: a secret."""
        return Output(self, "value", secret=True)

    @property
    def _generated(self) -> probes.Generated:
        if self.absent:
            return probes.Generated(self.name)
        return probes.Generated(self.name, self.alphabet, reveal=True)

    def footprint(self) -> Footprint:
        """Nothing that anybody else could touch: each project has its own."""
        return Footprint()

    def probes(self) -> tuple[Probe, ...]:
        """Whether it is there, and as declared."""
        return (self._generated,)

    def observe(self, answers: Answers) -> Self | None:
        """Itself, where it is there; `ImpossibleError` for another than declared."""
        found = answers[self._generated]
        if found is None:
            return None
        if self.absent:
            return self.observed(absent=False)
        if not found["fits"]:
            raise self._another("has characters that are not in its alphabet")
        if found["length"] != self.length:
            raise self._another(f"has {found['length']} characters, not {self.length}")
        return self

    def _another(self, how: str) -> ImpossibleError:
        return ImpossibleError(
            f"the password that is there {how}",
            hint="A password is never replaced: for a new one declare another name, like "
            f'RandomPassword("{self.name}-2").',
        )

    def outputs(self, answers: Answers) -> Mapping[str, Any]:
        """The password, by reference."""
        found = answers[self._generated]
        return {} if found is None or found["text"] is None else {"value": found["text"]}

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:  # noqa: ARG002 - there is one way
        """Make it, or delete it."""
        if self.absent:
            return (ops.Discard(self.name),)
        return (ops.Generate(self.name, self.length, self.alphabet),)
