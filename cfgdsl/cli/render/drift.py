"""What drifted, apart from what is intended."""

from collections.abc import Iterator

import attrs

from cfgdsl.cli.render.plan import plan_lines
from cfgdsl.cli.text import Line, Span, counted, line
from cfgdsl.cli.view import View
from cfgdsl.core.plan import Plan


def drift_lines(plan: Plan, view: View) -> Iterator[Line]:
    """The changes that only put back what was applied before, and how many others are pending."""
    drifted = sum(host.corrective for host in plan.summaries)
    if drifted or not plan.ok:
        hosts = (
            attrs.evolve(
                host,
                steps=tuple(step for step in host.steps if step.corrective),
                barriers=(),
                notes=(),
                skipped=(),
            )
            for host in (
                plan.hosts[index]
                for index, summary in enumerate(plan.summaries)
                if summary.corrective or summary.problems
            )
        )
        yield from plan_lines(attrs.evolve(plan, hosts=tuple(hosts)), view)
    else:
        yield line(Span(f"{counted(len(plan.hosts), 'host')}: nothing has drifted", "ok"))
    intended = sum(host.intended for host in plan.summaries)
    if intended:
        yield line(Span(f"{counted(intended, 'intended change')} pending too: cfgdsl plan", "dim"))
