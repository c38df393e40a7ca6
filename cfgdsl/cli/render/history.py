"""Past runs, and what one of them did."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfgdsl.cli.render.diagnostics import diagnostic_lines
from cfgdsl.cli.render.fields import field_lines
from cfgdsl.cli.text import Line, Span, clean, counted, line, listed, padded
from cfgdsl.cli.view import View
from cfgdsl.core.content import Content
from cfgdsl.core.diff import FieldChange
from cfgdsl.core.errors import Diagnostic
from cfgdsl.engine.history import PastRun, PastStep


def history_lines(
    found: Mapping[str, Sequence[PastRun | Diagnostic]], view: View
) -> Iterator[Line]:
    """A line for each run, with the hosts that remember it."""
    runs: dict[str, list[PastRun]] = {}
    for told in found.values():
        for each in told:
            if isinstance(each, PastRun):
                runs.setdefault(each.id, []).append(each)
    first = {run_id: min(run.began for run in on_hosts) for run_id, on_hosts in runs.items()}
    for run_id in sorted(runs, key=lambda run_id: (first[run_id], run_id)):
        on_hosts = runs[run_id]
        one = on_hosts[0]
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first[run_id]))
        cut = [run.host for run in on_hosts if run.ended is None]
        commit = f"  {clean(one.commit)}" if one.commit else ""
        yield line(
            Span(clean(run_id), "heading"),
            f"  {when}  {clean(one.who)}{commit}  {listed([r.host for r in on_hosts], 4)}",
            Span(f"  interrupted on {listed(cut, 4)}" if cut else "", "warning"),
        )
    if not runs:
        yield line("No runs yet.")
    yield from _trouble(found, view)


def past_lines(
    run: str, found: Mapping[str, Sequence[PastStep | Diagnostic]], view: View
) -> Iterator[Line]:
    """What a run did, host by host."""
    total = 0
    for host, told in found.items():
        steps = [each for each in told if isinstance(each, PastStep)]
        total += len(steps)
        if steps:
            yield line(Span(host, "heading"))
        for step in steps:
            style = "ok" if step.outcome in {"changed", "unneeded"} else "error"
            what = _done(step) if step.outcome == "changed" else step.outcome
            yield line(
                "  ",
                Span(padded(clean(what), 12), style),
                clean(step.identity),
                Span(f"  {clean(step.origin)}" if step.origin else "", "dim"),
            )
            if view.verbose:
                for each in field_lines(tuple(_changes(step)), verbose=True):
                    yield line("      ", *each)
    yield line(f"run {clean(run)}: {counted(total, 'change')}")
    yield from _trouble(found, view)


def _done(step: PastStep) -> str:
    if step.after is None:
        return "done" if step.before is None else "deleted"
    return "created" if step.before is None else "updated"


def _changes(step: PastStep) -> Iterator[FieldChange]:
    """What differs of what was declared, as the values were noted."""
    before = step.before or {}
    for name, after in (step.after or {}).items():
        if before.get(name) != after:
            yield FieldChange(name, _value(before.get(name)), _value(after))


def _value(noted: Any) -> Any:
    if not isinstance(noted, dict):
        return noted
    known = {"sha256", "size"} <= noted.keys()
    return Content(str(noted["sha256"]), int(noted["size"])) if known else Content.hidden()


def _trouble(
    found: Mapping[str, Sequence[PastRun | PastStep | Diagnostic]], view: View
) -> Iterator[Line]:
    for host, told in found.items():
        for each in told:
            if isinstance(each, Diagnostic):
                yield from diagnostic_lines(
                    each, view, title="Failed", address=each.address or host
                )
