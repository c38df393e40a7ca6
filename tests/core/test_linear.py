"""Every pass is linear: twice the resources cost about twice the calls, in every shape.

Counted, not timed, so that a busy machine changes nothing: quadratic work shows as factor four.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.passes.shapes import SHAPES, bare, components_of, converged
from cfgdsl import Plan
from cfgdsl.core.graph import build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.request import Request, questions


def calls(work: Callable[[], object]) -> int:
    """How many functions, built-in ones too, `work` calls."""
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def passes(shape: str, size: int) -> dict[str, int]:
    resources = SHAPES[shape](size)
    components = components_of(resources)
    graph = build(resources, components)
    asked = questions(graph.resources)
    request = Request(host="h", graph=graph)
    fresh, done = bare(asked), converged(asked, resources)
    changes = plan_host(request, fresh).plan
    assert changes.steps
    assert plan_host(request, done).plan.is_empty
    document = Plan(project=None, hosts=(changes,))
    works: dict[str, Callable[[], Any]] = {
        "construct": lambda: SHAPES[shape](size),
        "graph": lambda: build(resources, components),
        "questions": lambda: questions(graph.resources),
        "plan, all change": lambda: plan_host(request, fresh),
        "plan, no change": lambda: plan_host(request, done),
        "JSON": document.to_json,
    }
    edges = sum(len(s.after) + len(s.triggers) + len(s.causes) for s in changes.steps)
    edges += sum(len(barrier.steps) for barrier in changes.barriers)
    counts = {name: calls(work) for name, work in works.items()}
    return {**counts, "edges": len(graph.edges) + edges, "bytes": len(document.to_json())}


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_resources_cost_twice_the_calls(shape: str) -> None:
    small, large = passes(shape, 200), passes(shape, 400)
    grown = {name: round(large[name] / small[name], 2) for name in small}
    assert all(1.7 < factor < 2.3 for factor in grown.values()), grown


def test_a_chain_of_ten_thousand_is_planned_without_recursion() -> None:
    graph = build(SHAPES["chain"](10_000), {})
    assert graph.order == tuple(range(10_000))
    plan = plan_host(Request(host="h", graph=graph), bare(questions(graph.resources))).plan
    assert [step.after for step in plan.steps[1:]] == [(i,) for i in range(9_999)]
