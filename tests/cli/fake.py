"""A project that only pretends."""

from collections.abc import Callable
from typing import Any, Self

import attrs

from cfgdsl.core.host import Host
from cfgdsl.core.plan import Plan
from cfgdsl.engine.events import Event, HostDone, HostPlanned, HostReady, Listener, StepDone
from cfgdsl.engine.options import Options
from cfgdsl.engine.run import Run
from tests.cli import samples


@attrs.define
class FakeProject:
    """Answers what the test gave it, and remembers what it was asked."""

    plans: list[Plan] = attrs.field(factory=list)
    outcome: str = "changed"
    results: dict[str, Any] = attrs.field(factory=dict)
    error: Exception | None = None
    options: Options | None = None
    applied: list[Plan] = attrs.field(factory=list)
    asked: dict[str, Any] = attrs.field(factory=dict)
    during_run: Callable[[], None] = lambda: None
    stopped: int = 0
    notices: tuple[str, ...] = ()
    hosts: tuple[Host[Any], ...] = (Host("web1"),)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stop(self) -> None:
        self.stopped += 1

    def plan(self, *, listen: Listener, **asked: Any) -> Plan:
        if self.error is not None:
            raise self.error
        self.asked = asked
        plan = self.plans.pop(0)
        for host in plan.hosts:
            listen(HostReady(host=host.host, notices=self.notices))
            listen(HostPlanned(host=host.host, plan=host))
        return plan

    def apply(self, plan: Plan, *, listen: Listener, **asked: Any) -> Run:
        self.applied.append(plan)
        self.asked = asked
        self.during_run()
        events: list[Event] = [
            StepDone(host=step.host, step=step, outcome=self.outcome, detail=samples.FAILURE)
            for step in plan.steps
        ]
        events.append(HostDone(host="web1", ok=self.outcome == "changed"))
        for event in events:
            listen(event)
        return Run("20260101T000000Z-0", tuple(events))

    def facts(self, *, limit: str | None, listen: Listener) -> dict[str, Any]:
        return self.results

    def run(self, argv: list[str], **asked: Any) -> dict[str, Any]:
        self.asked = {"argv": argv, **asked}
        return self.results
