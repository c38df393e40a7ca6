"""What hosts answer: facts, command results, and why there are none; equal answers shown once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.cli.render.diagnostics import diagnostic_lines
from cfgdsl.cli.render.groups import gathered, host_title
from cfgdsl.cli.text import Line, Span, counted, line, padded, without_sequences
from cfgdsl.cli.view import View
from cfgdsl.core.errors import Diagnostic
from cfgdsl.engine.ad_hoc import CommandResult


def fact_lines(facts: Mapping[str, Any], view: View) -> Iterator[Line]:
    """Facts by host; lists of objects one to a line."""
    for host, found in facts.items():
        yield host_title((host,), view)
        if isinstance(found, tuple):
            yield from _problems(found, host, view)
        else:
            column = max(map(len, found), default=0)
            for name, value in found.items():
                yield from _fact(name, value, column)
        yield ()


def _fact(name: str, value: Any, column: int) -> Iterator[Line]:
    texts = [_shown(v) for v in value] if isinstance(value, list | tuple) else [_shown(value)]
    for number, text in enumerate(texts or ["none"]):
        title = name if number == 0 else ""
        yield line(Span(f"  {padded(title, column)}  ", "dim"), text)


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            first, *others = value.values()
            rest = [f"{k} {_shown(v)}" for k, v in list(value.items())[1:] if v not in (None, ())]
            return f"{_shown(first)}: {', '.join(rest)}" if others else _shown(first)
        case list() | tuple():
            return ", ".join(map(_shown, value))
    return _shown(attrs.asdict(value)) if attrs.has(type(value)) else str(value)


def command_lines(
    results: Mapping[str, CommandResult | tuple[Diagnostic, ...]], view: View
) -> Iterator[Line]:
    """What a command printed, hosts with the same output together, and how it ended."""
    for hosts, found in gathered((host, [result]) for host, result in results.items()).items():
        for result in found:
            yield host_title(hosts, view)
            if isinstance(result, tuple):
                yield from _problems(result, hosts[0], view)
            else:
                yield from _output(result)
            yield ()
    yield line(Span(command_summary(results), "heading"))


def _output(result: CommandResult) -> Iterator[Line]:
    for text in _lines(result.stdout):
        yield line("  ", text)
    for text in _lines(result.stderr):
        yield line("  ", Span(text, "warning"))
    if result.exit != 0:
        yield line("  ", Span(f"exit status {result.exit}", "error"))


def _lines(text: str) -> list[str]:
    return without_sequences(text).rstrip().splitlines()


def command_summary(results: Mapping[str, CommandResult | tuple[Diagnostic, ...]]) -> str:
    """``3 hosts: 2 ok, 1 failed, 1 not reached``."""
    answered = [r for r in results.values() if isinstance(r, CommandResult)]
    counts = {
        "ok": sum(r.exit == 0 for r in answered),
        "failed": sum(r.exit != 0 for r in answered),
        "without an answer": len(results) - len(answered),
    }
    words = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{counted(len(results), 'host')}: {words}"


def _problems(problems: Sequence[Diagnostic], host: str, view: View) -> Iterator[Line]:
    for problem in problems:
        address = problem.address.removeprefix(host).removeprefix("/")
        for each in diagnostic_lines(problem, view, title="Failed", address=address):
            yield (Span("  "), *each)
