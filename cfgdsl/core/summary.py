"""A host's plan in brief: what can be said of thousands of hosts without their steps in memory."""

from collections.abc import Mapping

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.host_plan import HostPlan


@attrs.frozen(kw_only=True)
class HostSummary:
    """What one host needs, in numbers.

    >>> summary = summary_of(HostPlan(host="web1", unchanged=3))
    >>> summary.is_empty, summary.steps, summary.unchanged
    (True, 0, 3)
    """

    host: str
    machine_id: str | None = None
    steps: int = 0
    """How many there are."""
    counts: Mapping[str, int] = attrs.field(factory=dict)
    """How many steps of each action; `always` and `possible` ones under these words."""
    corrective: int = 0
    """How many put back what drifted."""
    intended: int = 0
    """How many others there are, without commands that run each time."""
    unchanged: int = 0
    skipped: int = 0
    gates: tuple[str, ...] = ()
    """The resources of other hosts that its steps wait for, by address."""
    is_noted: bool = True
    """As of `HostPlan.is_noted`."""
    bootstrap: bool = False
    problems: tuple[Diagnostic, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed; `always` commands are no change."""
        return not self.problems and self.steps == self.counts.get("always", 0)


def summary_of(plan: HostPlan) -> HostSummary:
    """A host's plan in brief."""
    counts: dict[str, int] = {}
    gates: dict[str, None] = {}
    corrective = intended = 0
    for step in plan.steps:
        word = "always" if step.always else "possible" if step.possible else step.action
        counts[word] = counts.get(word, 0) + 1
        corrective += step.corrective
        intended += not step.corrective and not step.always
        gates.update(dict.fromkeys(step.gates))
    return HostSummary(
        host=plan.host,
        machine_id=plan.machine_id,
        steps=len(plan.steps),
        counts=counts,
        corrective=corrective,
        intended=intended,
        unchanged=plan.unchanged,
        skipped=len(plan.skipped),
        gates=tuple(gates),
        is_noted=plan.is_noted,
        bootstrap=plan.bootstrap,
        problems=plan.problems,
    )
