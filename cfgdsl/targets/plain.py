"""Runs single commands on a host without a runner: what brings a Python to a host that has none."""

import time
from collections.abc import Sequence
from typing import Any

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Connector, printable
from cfgdsl.targets.dialogue import Dialogue
from cfgdsl.targets.options import Options

_KEPT = 64 * 1024


@attrs.frozen
class Plain:
    """How a plain command ended."""

    exit: int | None
    stdout: str
    stderr: str


def run_plain(
    connector: Connector,
    host: Host[Any],
    argv: Sequence[str],
    options: Options,
    *,
    timeout: float = 600.0,
) -> Plain:
    """Run one command without a runner, as the host's `become` user: for ``Host(bootstrap=...)``.

    The end of its output is kept. Raises `TargetError` when it cannot be started or takes longer
    than `timeout` seconds; a failure of the command is in the result.
    """
    dialogue = Dialogue.start(
        connector.open,
        host,
        lambda marker: ["sh", "-c", 'echo "$0 go"; exec "$@"', marker, *argv],
        options,
    )
    channel = dialogue.channel
    try:
        dialogue.line()
        channel.end_input()
        output = dialogue.rest()
        end = time.monotonic() + timeout
        try:
            while data := channel.read(_KEPT, max(0.0, end - time.monotonic())):
                output = (output + data)[-_KEPT:]
        except TimeoutError:
            raise TargetError(
                Diagnostic(
                    summary=f"{argv[0]} took longer than {timeout:g} s",
                    detail=channel.diagnostics(),
                    address=host.name,
                )
            ) from None
        return Plain(channel.exit_status(5.0), printable(output), channel.diagnostics())
    finally:
        channel.close()
