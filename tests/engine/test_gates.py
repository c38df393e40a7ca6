"""Gates between hosts, and the order in which hosts are planned and started because of them."""

import threading
from collections.abc import Mapping

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import HostPlan, Step
from cfgdsl.core.exchange import Export
from cfgdsl.core.origin import Origin
from cfgdsl.core.summary import HostSummary, summary_of
from cfgdsl.engine.across import grouped, order_of
from cfgdsl.engine.gates import Gates
from cfgdsl.engine.rollout import Budget, for_each_host
from cfgdsl.engine.run_links import RunLinks


def plan(host: str, *gates: str) -> HostSummary:
    step = Step(
        id=0,
        host=host,
        identity="file:/f",
        action="create",
        reason="",
        origin=Origin("infra.py", 1),
        gates=gates,
    )
    return summary_of(HostPlan(host=host, steps=(step,)))


def gates_of(exports: Mapping[str, Export], *waited: str) -> Gates:
    return Gates([plan("w", *waited)], lambda host, identity: exports[f"{host}/{identity}"])


def listening(gates: Gates, address: str) -> list[str | None]:
    told: list[str | None] = []
    gates.wait(address, told.append)
    return told


def test_a_gate_opens_after_the_last_of_its_steps() -> None:
    gates = gates_of({"a/x": Export(frozenset((1, 2)))}, "a/x")
    told = listening(gates, "a/x")
    gates.step_ended("a", 1, None)
    gates.step_ended("other", 2, None)
    assert told == []
    gates.step_ended("a", 2, None)
    assert told == [None]
    assert listening(gates, "a/x") == [None], "who comes late is told at once"


def test_a_gate_is_shut_by_the_first_failure_and_says_the_cause() -> None:
    gates = gates_of({"a/x": Export(frozenset((1, 2)))}, "a/x")
    told = listening(gates, "a/x")
    gates.step_ended("a", 1, "a/the-cause")
    gates.step_ended("a", 2, None)
    gates.host_ended("a")
    assert told == ["a/the-cause"]


def test_a_host_that_ends_shuts_what_it_has_not_opened() -> None:
    exports = {"a/x": Export(frozenset((1,))), "a/y": Export(frozenset((2,)))}
    gates = gates_of(exports, "a/x", "a/y")
    gates.step_ended("a", 1, None)
    gates.host_ended("a")
    assert listening(gates, "a/x") == [None]
    assert listening(gates, "a/y") == ["a"]


def test_a_host_that_is_not_planned_shuts_its_gates_at_once() -> None:
    assert listening(gates_of({"a/x": Export(is_planned=False)}, "a/x"), "a/x") == ["a"]


@pytest.mark.parametrize("cause", [None, "a/cause"])
def test_gates_behind_gates(cause: str | None) -> None:
    exports = {
        "b/y": Export(gates=frozenset(("a/x",))),
        "a/x": Export(frozenset((1,))),
    }
    gates = gates_of(exports, "b/y")
    told = listening(gates, "b/y")
    gates.host_ended("b")  # it has nothing to do itself
    assert told == []
    gates.step_ended("a", 1, cause)
    assert told == [cause]


names = st.integers(1, 8).map(lambda size: [f"h{n}" for n in range(size)])


@given(names.flatmap(lambda n: st.tuples(
    st.just(n), st.lists(st.tuples(st.sampled_from(n), st.sampled_from(n)), max_size=14)
)))  # fmt: skip
def test_hosts_come_after_what_they_wait_for_and_knots_stay_together(
    case: tuple[list[str], list[tuple[str, str]]],
) -> None:
    known, edges = case
    sources: dict[str, set[str]] = {name: set() for name in known}
    for before, after in edges:
        if before != after:
            sources[after].add(before)
    groups = grouped(known, sources)
    assert sorted(name for group in groups for name in group) == sorted(known)
    place = {name: number for number, group in enumerate(groups) for name in group}
    for after, befores in sources.items():
        for before in befores:
            assert place[before] <= place[after]
            reaches = before in reachable(after, sources)
            assert (place[before] == place[after]) is reaches_back(before, after, sources)
            assert reaches


def reachable(start: str, sources: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for source in sources[todo.pop()]:
            if source not in seen:
                seen.add(source)
                todo.append(source)
    return seen


def reaches_back(before: str, after: str, sources: Mapping[str, set[str]]) -> bool:
    return after in reachable(before, sources)


def test_without_references_the_order_is_as_declared() -> None:
    assert order_of([plan("b"), plan("a")]) == [("b",), ("a",)]


def test_the_first_hosts_bring_along_those_that_they_wait_for() -> None:
    knots = tuple(order_of([plan("c", "a/x"), plan("b"), plan("a", "d/x"), plan("d", "a/x")]))
    assert knots == (("b",), ("a", "d"), ("c",))
    links = RunLinks(gates=None, values=None, knots=knots)  # type: ignore[arg-type]
    assert [links.first(n) for n in (None, 1, 2, 3, 4)] == [None, 1, 3, 3, 4]


def test_who_runs_is_told_of_hosts_that_will_not_be_started() -> None:
    left: list[str] = []
    waits = threading.Event()

    def left_out(name: str) -> None:
        left.append(name)
        waits.set()

    def work(name: str) -> bool:
        return name == "waits" and waits.wait(10)

    halt = for_each_host(
        ["fails", "waits", "never"],
        work,
        parallel=2,
        budget=Budget(count=0),
        stopping=threading.Event(),
        left_out=left_out,
    )
    assert halt is not None
    assert left == ["never"] == list(halt.not_started)


def test_an_export_is_a_value() -> None:
    assert attrs.evolve(Export(frozenset((1,))), steps=frozenset()) == Export()
