"""The controller's half of an execution, over a host that says what the test wants."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import attrs

from cfgdsl import Content, Event, HostPlan, Step, probes
from cfgdsl.core.exchange import Export
from cfgdsl.core.graph import build
from cfgdsl.core.origin import Origin
from cfgdsl.core.planner import plan_host
from cfgdsl.core.predict import Identity
from cfgdsl.core.probes import Probe
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.core.resource import Resource
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.events import StepDone
from cfgdsl.engine.execute import HostExecution
from cfgdsl.engine.gates import Gates
from cfgdsl.engine.values import Values
from cfgdsl.engine.vault import Vault
from cfgdsl.targets.session import Session
from cfgdsl_stdlib import Command, Line


@attrs.define
class FakeSession:
    """Says its messages, and keeps what it is told."""

    messages: Sequence[dict[str, Any]]
    resolved: list[dict[str, Any]] = attrs.field(factory=list)
    contents: Sequence[tuple[str, int]] = ()
    looked: None = None

    def execute(
        self, _: Any, *, contents: Sequence[tuple[str, int]], **__: Any
    ) -> Iterator[dict[str, Any]]:
        self.contents = contents
        return iter(self.messages)

    def resolve(self, decisions: dict[str, Any]) -> None:
        self.resolved.append(decisions)


def execution(plan: HostPlan, resources: dict[int, Resource], seen: list[Event]) -> HostExecution:
    return HostExecution(
        run="r",
        by={},
        project=None,
        planned=Planned(plan, resources),
        vault=Vault(),
        identity=Identity(),
        verify=lambda *_: (),
        emit=seen.append,
        values=Values((), lambda *_: Export(), Contents(Vault()), Vault()),
        gates=Gates((), lambda *_: Export()),
    )


def test_how_a_step_ended_is_told_without_texts_of_the_host() -> None:
    step = Step(
        id=0, host="h", identity="file:/f", action="update", reason="", origin=Origin("infra.py", 1)
    )
    answers = [None, {"sha256": "0" * 64, "size": 5, "text": "older secret"}]
    ended = {"event": "done", "step": "0", "outcome": "unproven", "detail": {"answers": answers}}
    seen: list[Event] = []
    made = execution(HostPlan(host="h", steps=(step,)), {}, seen)
    assert not made.execute(cast("Session", FakeSession([ended])))
    (done,) = (event for event in seen if isinstance(event, StepDone))
    assert done.detail == {"answers": [None, {"sha256": "0" * 64, "size": 5}]}


def test_a_content_that_the_run_decides_goes_with_its_decision() -> None:
    folder = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}
    command = Command(["make-it"], creates="/etc/f")
    graph = build((Line("/etc/f", "grün"), command), {})
    base: dict[Probe, Any] = dict.fromkeys(questions(graph.resources))
    base[probes.Stat("/etc", follow=True)] = folder
    planned = plan_host(Request(host="h", graph=graph), base)
    step = planned.plan["line:/etc/f:grün"]
    assert step.is_open
    text = "first\n"
    found = Content.of(text)
    read = {"sha256": found.sha256, "size": found.size, "text": text}
    by_kind = {"read": read, "stat": {**folder, "kind": "file"}}
    answers = [
        folder if probe == probes.Stat("/etc", follow=True) else by_kind[probe.kind]
        for probe in step.probes
    ]
    message = {"event": "observed", "step": str(step.id), "phase": "before", "answers": answers}
    session = FakeSession([message])
    execution(planned.plan, dict(planned.resources), []).execute(cast("Session", session))
    ((decision,),) = (decisions.values() for decisions in session.resolved)
    assert decision["texts"] == ["first\ngrün\n"]
    (put,) = decision["ops"]
    assert put["sha256"] == Content.of("first\ngrün\n").sha256
    assert put["sha256"] not in {sha256 for sha256, _ in session.contents}
