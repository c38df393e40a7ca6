"""What goes wrong, as data: every problem says what, where, why and what to do next."""

from collections.abc import Iterable, Iterator

import attrs

from cfgdsl.core.origin import Origin
from cfgdsl.core.secret import redact


@attrs.frozen(kw_only=True)
class Diagnostic:
    """One problem, complete enough to act on.

    >>> print(Diagnostic(summary="No such host: web9", hint="Did you mean web1?"))
    No such host: web9
      Did you mean web1?
    """

    summary: str
    """What is wrong, in one line."""
    detail: str = ""
    """Why: the evidence, over as many lines as it needs."""
    hint: str = ""
    """What to do next."""
    address: str = ""
    """Which resource or host it is about, e.g. ``web1/file:/etc/motd``."""
    origins: tuple[Origin, ...] = ()
    """Every line of the user's code that is involved."""

    def __str__(self) -> str:
        head = f"{self.address}: {self.summary}" if self.address else self.summary
        below = [*self.detail.splitlines(), *(f"at {o}" for o in self.origins), self.hint]
        return redact("\n".join([head, *(f"  {line}" for line in below if line)]))


class CfgdslError(Exception):
    """The base of what cfgdsl raises; carries one or more diagnostics.

    >>> raise ConfigurationError(Diagnostic(summary="nothing declared"))
    Traceback (most recent call last):
    ...
    cfgdsl.core.errors.ConfigurationError: nothing declared
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics

    def __str__(self) -> str:
        return "\n".join(str(d) for d in self.diagnostics)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)


class ConfigurationError(CfgdslError):
    """The user's declaration is wrong; nothing was run anywhere. Exit code 2.

    >>> [d.summary for d in ConfigurationError(Diagnostic(summary="no hosts"))]
    ['no hosts']
    """


class TargetError(CfgdslError):
    """A target cannot be reached, or does not answer as it must. Exit code 1; others go on.

    >>> str(TargetError(Diagnostic(summary="connection refused", address="web1")))
    'web1: connection refused'
    """


class NoPythonError(TargetError):
    """A host has no Python that the runner could run on."""


class ConnectionLost(TargetError):  # noqa: N818 - says what happened, as ConnectionResetError
    """A conversation that had begun ended before its time."""


class SpoolError(CfgdslError):
    """What waited on the controller until its host's turn cannot be read any more."""


class UnknownValueError(CfgdslError):
    """A value that is known only after apply was used as if it were known now.

    >>> issubclass(UnknownValueError, CfgdslError)
    True
    """


def raise_all(problems: Iterable[Diagnostic]) -> None:
    """Raise one `ConfigurationError` with all `problems`, if there are any."""
    found = tuple(problems)
    if found:
        raise ConfigurationError(*found)


class ImpossibleError(Exception):
    """A resource type's word that a change cannot be made from the state that was found.

    The planner turns it into a diagnostic with the resource's address and line.

    >>> ImpossibleError("/etc is a directory, not a file", hint="Remove it first.").summary
    '/etc is a directory, not a file'
    """

    def __init__(self, summary: str, hint: str = "", origins: tuple[Origin, ...] = ()) -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint
        self.origins = origins
        """The lines that it is about; none: that of the resource."""
