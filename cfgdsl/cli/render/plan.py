"""The plan as people approve it."""

from collections.abc import Iterator

from cfgdsl.cli.render.diagnostics import diagnostic_lines
from cfgdsl.cli.render.entries import always_of, changes_of
from cfgdsl.cli.render.groups import entry_lines, gathered, host_title, named
from cfgdsl.cli.text import Line, Span, counted, line
from cfgdsl.cli.view import View
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.plan import HostSummary, Plan

_ORDER = ("create", "update", "delete", "run", "restart", "reload")


def plan_lines(plan: Plan, view: View) -> Iterator[Line]:
    """Everything that will change, host groups first by size, then problems, then one summary."""
    if plan.project is None and any(host.steps for host in plan.summaries):
        words = 'This configuration has no project("name"): nothing it drops is ever removed.'
        yield line(Span(words, "dim"))
        yield ()
    planned = [index for index, host in enumerate(plan.summaries) if not host.problems]
    changes = gathered((h.host, changes_of(h, view)) for h in map(plan.hosts.__getitem__, planned))
    for hosts, entries in changes.items():
        yield host_title(hosts, view)
        yield from entry_lines(entries, view)
        yield ()
    repeating = [index for index in planned if plan.summaries[index].counts.get("always")]
    always = gathered((h.host, always_of(h, view)) for h in map(plan.hosts.__getitem__, repeating))
    for hosts, entries in always.items():
        yield line(*host_title(hosts, view), Span("  each time, not counted as a change", "dim"))
        yield from entry_lines(entries, view)
        yield ()
    yield from plan_problem_lines(plan, view)
    yield line(Span(plan_summary(plan), "heading"))


def plan_problem_lines(plan: Plan, view: View) -> Iterator[Line]:
    """Why hosts could not be planned; the same problem of many hosts once."""
    for hosts, problems in gathered(
        (host.host, [_without_host(p, host.host) for p in host.problems]) for host in plan.summaries
    ).items():
        for problem in problems:
            address = named(problem.address, hosts, view)
            yield from diagnostic_lines(problem, view, title="Cannot plan", address=address)
        yield ()


def _without_host(problem: Diagnostic, host: str) -> Diagnostic:
    address = problem.address.removeprefix(host).removeprefix("/")
    return Diagnostic(
        summary=problem.summary,
        detail=problem.detail,
        hint=problem.hint,
        address=address,
        origins=problem.origins,
    )


def plan_summary(plan: Plan) -> str:
    """One line: ``3 hosts: 12 to create, 2 to update, 1 to restart; 88 unchanged``."""
    planned = [host for host in plan.summaries if not host.problems]
    counts = dict(plan.counts())
    always, possible = counts.pop("always", 0), counts.pop("possible", 0)
    words = [*_ORDER, *sorted(set(counts) - set(_ORDER))]
    changes = [f"{counts[word]} to {word}" for word in words if counts.get(word)]
    if possible:
        changes.append(f"{possible} possible")
    parts = [", ".join(changes) or "nothing to do"]
    parts.append(", ".join(_others(planned)))
    if always:
        parts.append(f"{counted(always, 'command')} each time")
    failed = len(plan.summaries) - len(planned)
    if failed:
        parts.append(f"{counted(failed, 'host')} cannot be planned")
    if not planned:
        return "; ".join(parts[-1:])
    return f"{counted(len(planned), 'host')}: {'; '.join(p for p in parts if p)}"


def _others(hosts: list[HostSummary]) -> Iterator[str]:
    unchanged = sum(host.unchanged for host in hosts)
    skipped = sum(host.skipped for host in hosts)
    if unchanged:
        yield f"{unchanged} unchanged"
    if skipped:
        yield f"{skipped} skipped"
