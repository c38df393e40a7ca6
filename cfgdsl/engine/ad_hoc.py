"""Questions to a host outside of any plan: its facts, the output of a command."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from cfgdsl.core.errors import CfgdslError, Diagnostic
from cfgdsl.core.facts import basic_facts, network_facts
from cfgdsl.targets.session import Session


@attrs.frozen
class CommandResult:
    """What an ad-hoc command did on one host."""

    exit: int
    stdout: str
    stderr: str


def all_facts(session: Session) -> dict[str, Any]:
    """Every built-in fact, as plain values."""
    basic = attrs.asdict(basic_facts(session.basics))
    return {**basic, **attrs.asdict(network_facts(session.facts()))}


def run_command(
    session: Session,
    host: str,
    argv: Sequence[str],
    timeout: float | None,
    scrub: Callable[[str], str],
) -> CommandResult:
    """Run `argv` without a shell; raises `CfgdslError` when it cannot be run."""
    probe: dict[str, Any] = {"kind": "run", "argv": list(argv)}
    if timeout is not None:
        probe["timeout"] = timeout
    answer = session.probe([probe])[0]
    if "error" in answer:
        raise CfgdslError(Diagnostic(summary=str(answer["error"]), address=host))
    return CommandResult(answer["exit"], scrub(answer["stdout"]), scrub(answer.get("stderr", "")))
