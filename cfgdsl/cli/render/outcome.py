"""What became of a run: its summary, and each failure with all that one needs to act."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from cfgdsl.cli.render.diagnostics import diagnostic_lines
from cfgdsl.cli.render.groups import gathered, named
from cfgdsl.cli.render.stale import side_by_side_lines
from cfgdsl.cli.text import Line, Span, counted, line, listed, without_sequences, wrapped
from cfgdsl.cli.view import View
from cfgdsl.core.plan import Plan, Step
from cfgdsl.engine.events import StepDone
from cfgdsl.engine.run import Run

PAST = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "restore": "restored",
    "run": "run",
    "restart": "restarted",
    "reload": "reloaded",
}
_MOST_OUTPUT_LINES = 15
_ENOUGH = 4
"""So many lines on stderr say it all; with fewer, stdout may say more: apt's, of what dpkg did."""


@attrs.frozen
class Failure:
    """A failed step, without its host: equal failures of many hosts are shown once."""

    identity: str
    outcome: str
    where: str
    body: tuple[str, ...]


def run_lines(run: Run, plan: Plan, view: View, *, seconds: float) -> Iterator[Line]:
    """The end of a run: failures, what was not started, one summary."""
    by_host: dict[str, list[Failure]] = {}
    for done in run.failures:
        by_host.setdefault(done.host, []).append(_failure(done, view))
    for hosts, failures in gathered(by_host.items()).items():
        for failure in failures:
            yield from _failure_lines(failure, hosts, view)
            yield ()
    for host, problems in run.failed_hosts.items():
        for problem in problems:
            address = problem.address if problem.address.startswith(host) else host
            yield from diagnostic_lines(problem, view, title="Failed", address=address)
        yield ()
    for host, deviations in run.deviations.items():
        for deviation in deviations:
            yield from diagnostic_lines(
                deviation, view, title="Deviated", address=deviation.address or host
            )
        yield ()
    halted = run.halted
    if halted is not None:
        left = listed(halted.not_started, None if view.verbose else 6)
        yield line(Span("Halted: ", "error"), f"{halted.reason}; not started: {left}")
        yield ()
    style = "ok" if run.ok else "error"
    yield line(Span(run_summary(run, plan), style), Span(f"  in {shown_time(seconds)}", "dim"))


def run_summary(run: Run, plan: Plan) -> str:
    """One line: ``3 hosts: 12 created, 1 restarted; 88 unchanged``."""
    counts = run.counts()
    good = [f"{counts.pop(word)} {past}" for word, past in PAST.items() if word in counts]
    bad_words = ("failed", "unproven", "stale", "skipped", "stopped", "unneeded")
    bad = [f"{counts.pop(word)} {word}" for word in bad_words if word in counts]
    good += [f"{count} {PAST.get(word, word + ' done')}" for word, count in counts.items()]
    unchanged = sum(host.unchanged for host in plan.summaries)
    failed_hosts = len(run.failed_hosts)
    parts = [
        ", ".join(good) or "nothing changed",
        ", ".join(bad),
        f"{counted(failed_hosts, 'host')} failed" if failed_hosts else "",
        f"{unchanged} unchanged" if unchanged else "",
    ]
    return f"{counted(len(plan.hosts), 'host')}: {'; '.join(p for p in parts if p)}"


def shown_time(seconds: float, *, whole: bool = False) -> str:
    """A duration, as short as it can be read.

    >>> shown_time(0.04), shown_time(75)
    ('0.04 s', '1 min 15 s')
    """
    if seconds < 10 and not whole:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def past(step: Step) -> str:
    """What was done, as a word."""
    return PAST.get(step.action, step.action)


def _failure_lines(failure: Failure, hosts: tuple[str, ...], view: View) -> Iterator[Line]:
    title = _TITLES.get(failure.outcome, failure.outcome)
    yield line(Span(f"{title}: ", "error"), named(failure.identity, hosts, view))
    for text in failure.body:
        yield line("  ", text)
    yield line("  ", Span(f"at {failure.where}", "dim"))
    yield from wrapped(_HINTS.get(failure.outcome, ""), view.width, indent="  ", style="dim")


_TITLES = {"failed": "Failed", "unproven": "Not proven", "stale": "Changed in between"}
_HINTS = {
    "unproven": "It ran without an error, but is not as declared afterwards.",
    "stale": "Something has changed it since the plan was made. It was left alone: plan again.",
}


def _failure(done: StepDone, view: View) -> Failure:
    return Failure(
        identity=done.step.identity,
        outcome=done.outcome,
        where=view.where(done.step.origin),
        body=tuple(_evidence(done.detail, verbose=view.verbose)),
    )


def _evidence(detail: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    """Whatever a host said about a failure; it may have left out anything."""
    if detail.get("error"):
        yield from str(detail["error"]).splitlines()
    if detail.get("argv"):
        yield f"command: {shown_command(detail['argv'])}"
    if detail.get("exit") is not None:
        yield f"exit status: {detail['exit']}"
    differences = detail.get("differences") or ()
    yield from side_by_side_lines(detail.get("side_by_side"), verbose=verbose)
    for difference in differences if isinstance(differences, list | tuple) else [differences]:
        yield f"{difference}"
    for stream in ("stderr", "stdout"):
        yield from _tail(stream, str(detail.get(stream) or ""), verbose=verbose)
        if not verbose and len(str(detail.get("stderr") or "").splitlines()) >= _ENOUGH:
            return


def _tail(stream: str, text: str, *, verbose: bool) -> Iterator[str]:
    lines = without_sequences(text).rstrip().splitlines()
    if not lines:
        return
    shown = lines if verbose else lines[-_MOST_OUTPUT_LINES:]
    cut = f" (last {len(shown)} of {len(lines)} lines)" if len(shown) < len(lines) else ""
    yield f"{stream}{cut}:"
    yield from (f"  {text}" for text in shown)


def shown_command(argv: Any) -> str:
    """A command as one could type it."""
    return shlex.join(map(str, argv)) if isinstance(argv, list | tuple) else str(argv)
