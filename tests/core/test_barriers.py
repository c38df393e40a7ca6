"""Barriers change nothing but the size: with one everywhere, order and plan are as without any."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgdsl import ConfigurationError, HostPlan, Resource
from cfgdsl.core import barriers, edges
from cfgdsl.core.graph import Graph, build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.request import Request, questions

from . import test_truth
from .kinds import TinyCommand, TinyDir, TinyFile, TinyPackage, TinyService, TinyUser
from .machine import FOLDER, Machine
from .strategies import forall


@contextmanager
def few(count: int) -> Iterator[None]:
    """As if barriers stood for more than so many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edges, "FEW", count)
        patch.setattr(barriers, "FEW", count)
        yield


def links(graph: Graph) -> set[tuple[int, int, str]]:
    """The edges between resources, as they are without barriers."""
    before = graph.predecessors()

    def members(node: int) -> Iterator[int]:
        if node < len(graph.resources):
            yield node
        else:
            for each in before[node]:
                yield from members(each)

    return {
        (member, edge.after, edge.kind)
        for edge in graph.edges
        if edge.after < len(graph.resources)
        for member in members(edge.before)
    }


NAMES = ["component:a", "component:b"]


@st.composite
def configurations(draw: st.DrawFn) -> tuple[list[Resource], dict[str, list[str]]]:
    """Resources that wait for each other and for components, write, read and await."""
    made: list[Resource] = []
    components: dict[str, list[str]] = {name: [] for name in NAMES}
    for n in range(draw(st.integers(2, 8))):
        known = [*made, *NAMES]
        after = draw(st.lists(st.sampled_from(known), max_size=2, unique_by=str))
        causes = draw(st.lists(st.sampled_from(known), max_size=2, unique_by=str))
        choices = [
            TinyFile(f"/units/s{n % 2}.d/{n}", after=after, content=str(n)),
            TinyFile(f"/p/{n}", after=after),
            TinyDir(f"/d/{n}", after=after),
            TinyUser(f"u{n}", after=after),
            TinyPackage(f"p{n}", after=after),
            TinyCommand([str(n)], always=True, after=after),
            TinyCommand([str(n)], on_change=causes, after=after),
            TinyService(f"s{n % 2}", restart_on=causes, after=after, id=f"s{n}"),
        ]
        chosen: Any = draw(st.sampled_from(choices))
        made.append(chosen)
        for name in draw(st.sets(st.sampled_from(NAMES))):
            components[name].append(chosen.identity)
    return made, components


def machine() -> Machine:
    paths = {path: dict(FOLDER) for path in ("/units", "/units/s0.d", "/units/s1.d", "/d")}
    users = {"u0": "/bin/sh", "u3": "/bin/sh"}
    return Machine(paths=paths, units={"s0": "active", "s1": "active"}, users=users)


def planned(resources: list[Resource], components: dict[str, list[str]]) -> tuple[Any, ...]:
    """Order, edges and plan, with everything expanded; or what is wrong."""
    try:
        graph = build(resources, components)
    except ConfigurationError as error:
        return tuple(d.summary for d in error.diagnostics)  # which cycle of a knot may differ
    host = machine()
    answers = {probe: host.answer(probe) for probe in questions(graph.resources)}
    inside = {name: tuple(identities) for name, identities in components.items()}
    plan = plan_host(Request(host="h", graph=graph, components=inside), answers).plan
    return graph.order, links(graph), plan.problems, [described(plan, i) for i in plan.steps]


def described(plan: HostPlan, step: Any) -> tuple[Any, ...]:
    waits, causes = plan.expanded(step.after), plan.expanded(step.triggers)
    return step.identity, step.possible, step.is_open, step.causes, waits, causes


@settings(max_examples=400, deadline=None)
@given(configurations())
def test_with_a_barrier_for_everything_order_and_plan_are_as_without(
    configuration: tuple[list[Resource], dict[str, list[str]]],
) -> None:
    with few(1000):
        without = planned(*configuration)
    for count in (0, 1):
        with few(count):
            assert planned(*configuration) == without


@pytest.mark.parametrize(
    "check",
    [
        test_truth.happens_as_planned_and_nothing_is_left,
        test_truth.survives_its_json,
        test_truth.is_the_same_for_the_same_input,
    ],
)
def test_plans_with_barriers_are_true_too(check: Any) -> None:
    with few(0):
        forall(check, examples=150)


def many(count: int = 20) -> tuple[list[Resource], list[Resource], dict[str, list[str]]]:
    """Files after a component of accounts."""
    users: list[Resource] = [TinyUser(f"u{n}") for n in range(count)]
    files: list[Resource] = [TinyFile(f"/{n}", after="component:u") for n in range(count)]
    return users, files, {"component:u": [user.identity for user in users]}


def test_many_after_many_cost_the_sum_not_the_product() -> None:
    users, files, components = many()
    graph = build([*users, *files], components)
    assert len(graph.edges) == len(users) + len(files)
    assert links(graph) == {(u, 20 + f, "declared") for u in range(20) for f in range(20)}
    plan = Machine().plan(*users, *files, components=components).plan
    assert [len(barrier.steps) for barrier in plan.barriers] == [20]
    assert all(step.after == (-1,) for step in plan.steps[20:])


def test_few_after_few_have_no_barrier() -> None:
    users, files, components = many(edges.FEW)
    graph = build([*users, *files], components)
    assert graph.barriers == ()
    assert Machine().plan(*users, *files, components=components).plan.barriers == ()


def test_a_cycle_through_components_names_resources_and_their_lines() -> None:
    users = [TinyUser(f"u{n}", after="component:f") for n in range(20)]
    files = [TinyFile(f"/{n}", after="component:u") for n in range(20)]
    components = {
        "component:u": [user.identity for user in users],
        "component:f": [file.identity for file in files],
    }
    with pytest.raises(ConfigurationError) as caught:
        build([*users, *files], components)
    (problem,) = caught.value.diagnostics
    assert "tiny-user:u0 before tiny-file:/0 (declared: after=)" in problem.detail
    assert "all in" not in str(caught.value)
    assert problem.origins == (users[0].origin, files[0].origin)


def test_one_inside_may_come_after_all_others_and_two_may_not() -> None:
    users = [TinyUser(f"u{n}") for n in range(20)]
    last, other = (TinyFile(path, after="component:all") for path in ("/last", "/other"))
    inside = {"component:all": [r.identity for r in (last, *users, other)]}
    assert build([last, *users], inside).order[-1] == 0
    with pytest.raises(ConfigurationError, match="tiny-file:/last before tiny-file:/other"):
        build([last, *users, other], inside)


def test_a_removal_that_a_reader_waits_for_among_many_is_no_cycle() -> None:
    gone = TinyFile("/units/s.d/old", absent=True)
    files = [TinyFile(f"/units/s.d/{n}") for n in range(20)]
    graph = build([TinyService("s"), gone, *files], {})
    assert graph.order[-1] == 0
    assert len(graph.barriers) == 1


def test_contradicted_edges_through_a_barrier_are_left_out_one_by_one() -> None:
    service = TinyService("s", after="tiny-file:/units/s.d/3")
    files = [TinyFile(f"/units/s.d/{n}") for n in range(20)]
    late = TinyFile("/units/s.d/late", after=service)
    graph = build([late, service, *files], {})
    assert {before for before, after, _ in links(graph) if after == 1} == set(range(2, 22))
    assert graph.order[-2:] == (1, 0)


def test_a_restart_by_a_component_of_many_names_some_and_is_due_by_any() -> None:
    files = [TinyFile(f"/{n:02}", content="new") for n in range(40)]
    service = TinyService("s", restart_on="component:f")
    components = {"component:f": [file.identity for file in files]}
    host = Machine(units={"s": "active"})
    host.apply(host.plan(*files[1:]))
    host.ran.clear()
    made = host.plan(*files[1:], files[0], service, components=components)
    assert made.plan["tiny-service:s#restart"].reason == "tiny-file:/00 changes"
    fresh = Machine(units={"s": "active"})
    made = fresh.plan(*files, service, components=components)
    step = made.plan["tiny-service:s#restart"]
    assert step.reason == "tiny-file:/00, tiny-file:/01, tiny-file:/02 and more change"
    assert step.causes == tuple(file.identity for file in files[: barriers.MANY])
    assert made.plan.expanded(step.triggers) == set(range(40))
    assert fresh.apply(made)[step.identity] == "changed"
    assert fresh.ran == ["svc restart s"]
