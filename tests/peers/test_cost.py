"""What planning and applying cost, counted in calls and messages: no clock, so never flaky.

Seconds are measured in `benchmarks/`.
"""

import sys
from collections import Counter
from types import FrameType
from typing import Any

import cfgdsl
from cfgdsl.core import graph, planner
from cfgdsl.core.predict import Identity
from cfgdsl.core.request import Request, questions
from cfgdsl_stdlib import File
from tests.badinput.workspace import Workspace


def calls_of(work: Any) -> int:
    """How many Python functions `work` calls: the same on every machine, however busy."""
    count = 0

    def traced(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(traced)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def plan_of(size: int) -> None:
    """Plan so many files with three dependencies each, on a host that has none of them."""
    declared: list[File] = []
    for number in range(size):
        declared.append(File(f"/f{number}", content="x", after=declared[-3:]))
    built = graph.build(declared, {})
    folder = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}
    asked = questions(built.resources)
    answers: dict[Any, Any] = {p: folder if getattr(p, "path", "") == "/" else None for p in asked}
    request = Request(
        host="web1",
        graph=built,
        components={},
        identity=Identity("root", "root"),
        machine_id=None,
        selected=lambda _: True,
    )
    assert len(planner.plan_host(request, answers).plan.steps) == size


def test_ten_thousand_resources_with_three_dependencies() -> None:
    """Linear: counted in calls. Ten thousand are what a thousand cost, ten times, and bounded."""
    plan_of(10)  # imports, caches
    small, large = calls_of(lambda: plan_of(300)), calls_of(lambda: plan_of(3000))
    assert large < 10.5 * small
    assert large / 3000 < 700  # a call is well below 0.15 us: 10,000 in about a second


def test_no_op_is_never_dearer_than_the_change(work: Workspace) -> None:
    """In messages, and in steps."""
    work.local("for n in range(200):\n    File(f'/{n}', content=str(n))")
    costs = []
    for _ in range(2):
        with cfgdsl.load(work.file) as project:
            events: list[Any] = []
            made = project.plan(listen=events.append)
            done = project.apply(made, listen=events.append)
            (session,) = project._sessions.opened()
            costs.append((sum(session.traffic.messages), len(made.steps), len(events)))
            assert done.ok
            counts = Counter(type(event).__name__ for event in events)
    change, no_op = costs
    assert no_op[1] == 0
    assert all(less <= more for less, more in zip(no_op, change, strict=True))
    assert counts["StepDone"] == 0
