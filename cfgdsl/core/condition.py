"""Conditions for `only_if=`: a question to the target and what answer makes it true."""

from collections.abc import Sequence

import attrs

from cfgdsl.core.probes import Answer, Probe, Run, Stat
from cfgdsl.core.values import absolute_path, argument_list


@attrs.frozen
class Condition:
    """A probe, and whether its answer counts as true.

    >>> Condition(Stat("/etc/motd")).holds(None)
    False
    """

    probe: Probe
    negated: bool = False

    def holds(self, answer: Answer) -> bool:
        """Whether `answer` makes the condition true."""
        true = answer["exit"] == 0 if isinstance(self.probe, Run) else answer is not None
        return true is not self.negated

    def __invert__(self) -> "Condition":
        return Condition(self.probe, not self.negated)

    def __str__(self) -> str:
        what = (
            f"command_ok({list(self.probe.argv)})"
            if isinstance(self.probe, Run)
            else f"exists({getattr(self.probe, 'path', '')})"
        )
        return f"not {what}" if self.negated else what


def exists(path: str) -> Condition:
    """True where something is at `path`; ``~exists(path)`` for the opposite.

    >>> str(~exists("/etc/debian_version"))
    'not exists(/etc/debian_version)'
    """
    return Condition(Stat(absolute_path(path), follow=True))


def command_ok(argv: Sequence[str]) -> Condition:
    """True where the command (argv, no shell) exits with 0. It must change nothing.

    >>> str(command_ok(["systemctl", "is-active", "nginx"]))
    "command_ok(['systemctl', 'is-active', 'nginx'])"
    """
    return Condition(Run(argument_list(argv)))
