"""Which step may start when: invariants over random graphs with locks, and small exact cases."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.runner.schedule import WELL, Schedule, Step
from cfgdsl.runner.wire import WireError

from .harness import run, step


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Steps that wait for earlier ones, some alike, with locks."""
    steps = []
    for n in range(draw(st.integers(1, 12))):
        earlier = [str(i) for i in range(n)]
        some = st.lists(st.sampled_from(earlier), max_size=3) if earlier else st.just([])
        after = draw(some)
        causes = draw(some) if draw(st.booleans()) else []
        locks = draw(st.lists(st.sampled_from(["l1", "l2", "l3"]), max_size=2))
        ops = [run("install", items=[str(n)])] if draw(st.booleans()) else [run("own", str(n))]
        steps.append(step(str(n), ops=ops, after=after, causes=causes, locks=locks))
    return steps


@given(graphs(), st.data())
def test_whatever_happens_every_step_ends_once_and_in_order(
    specs: list[dict[str, Any]], data: st.DataObject
) -> None:
    schedule = Schedule(specs)
    running: list[list[Step]] = []
    ended: dict[str, str] = {}
    while schedule.unfinished:
        for group in schedule.take():
            assert len({s.alike or s.id for s in group}) == 1
            for taken in group:
                assert all(ended.get(other) in WELL for other in [*taken.after, *taken.causes])
                others = [s for g in running for s in g]
                assert not any(set(taken.locks) & set(other.locks) for other in others)
            running.append(group)
        locked = [frozenset(lock for s in g for lock in s.locks) for g in running]
        assert sum(map(len, locked)) == len(frozenset().union(*locked))
        assert running, "nothing runs, but steps are left: a deadlock"
        group = running.pop(data.draw(st.integers(0, len(running) - 1)))
        for taken in group:
            schedule.release(taken)
            outcome = data.draw(st.sampled_from(["changed", "unneeded", "failed"]))
            for finished in schedule.finish(taken, outcome):
                assert finished.id not in ended
                assert finished.outcome is not None
                ended[finished.id] = finished.outcome
    assert set(ended) == set(schedule.steps)
    for each in schedule.steps.values():
        if each.outcome == "skipped":
            assert each.because is not None
            assert ended[each.because] == "failed"
        elif each.outcome == "changed":
            assert not each.causes or any(ended[cause] == "changed" for cause in each.causes)


def ids(groups: list[list[Step]]) -> list[list[str]]:
    return [[s.id for s in group] for group in groups]


def test_steps_alike_but_for_their_items_are_one_group() -> None:
    def install(name: str, *argv: str, **fields: Any) -> dict[str, Any]:
        return step(name, ops=[run(*argv, items=[name])], locks=["dpkg"], **fields)

    schedule = Schedule([install("a", "apt"), install("b", "apt"), install("c", "snap")])
    assert ids(schedule.take()) == [["a", "b"]]
    assert ids(schedule.take()) == []
    for name in ("a", "b"):
        schedule.release(schedule.steps[name])
    assert ids(schedule.take()) == [["c"]]


def test_what_becomes_ready_while_a_lock_is_held_is_one_group_later() -> None:
    def install(name: str, **fields: Any) -> dict[str, Any]:
        return step(name, ops=[run("apt", items=[name])], locks=["dpkg"], **fields)

    schedule = Schedule(
        [install("a"), step("go"), install("b", after=["go"]), install("c", after=["go"])]
    )
    assert ids(schedule.take()) == [["a"], ["go"]]
    schedule.finish(schedule.steps["go"], "changed")
    assert schedule.take() == []
    schedule.release(schedule.steps["a"])
    assert ids(schedule.take()) == [["b", "c"]]


def test_a_restart_is_due_only_when_a_cause_changed() -> None:
    specs = [step("a"), step("b"), step("r", causes=["a", "b"]), step("after", after=["r"])]
    schedule = Schedule(specs)
    schedule.take()
    schedule.finish(schedule.steps["a"], "unneeded")
    ended = schedule.finish(schedule.steps["b"], "unneeded")
    assert [(s.id, s.outcome) for s in ended] == [("b", "unneeded"), ("r", "unneeded")]
    assert ids(schedule.take()) == [["after"]]


def test_the_step_that_failed_is_named_however_far_away() -> None:
    schedule = Schedule(
        [step("a"), *(step(str(n), after=[str(n - 1) if n else "a"]) for n in range(50))]
    )
    schedule.take()
    ended = schedule.finish(schedule.steps["a"], "failed")
    assert len(ended) == 51
    assert {s.because for s in ended[1:]} == {"a"}


def barrier(name: str, *causes: str) -> dict[str, Any]:
    return {"id": name, "name": "", "probes": [], "causes": list(causes), "barrier": True}


@pytest.mark.parametrize("outcome", ["changed", "unneeded", "failed", "stopped"])
def test_a_barrier_passes_on_how_those_that_it_stands_for_ended(outcome: str) -> None:
    specs = [step("a"), step("b"), barrier("-1", "a", "b"), step("after", after=["-1"])]
    schedule = Schedule([*specs, barrier("-2", "-1"), step("r", causes=["-2"])])
    schedule.take()
    assert [s.id for s in schedule.finish(schedule.steps["a"], "unneeded")] == ["a"]
    ended = schedule.finish(schedule.steps["b"], outcome)
    dependents = {"failed": "skipped", "stopped": "stopped"}
    if outcome in dependents:
        assert {s.id: s.outcome for s in ended[1:]} == dict.fromkeys(
            ("after", "r"), dependents[outcome]
        )
        assert {s.because for s in ended[1:]} == {"b" if outcome == "failed" else None}
    else:
        assert [s.id for s in ended] == (["b"] if outcome == "changed" else ["b", "r"])
        ready = [["after"], ["r"]] if outcome == "changed" else [["after"]]
        assert ids(schedule.take()) == ready
        for name in ["after", "r"][: len(ready)]:
            schedule.finish(schedule.steps[name], "changed")
    assert not schedule.unfinished


@pytest.mark.parametrize(
    "specs",
    [
        [barrier("a")],
        [step("a"), step("a")],
        [step("a", after=["b"])],
        [step("a", after=["a"])],
        [step("a", after=["b"]), step("b", causes=["a"])],
    ],
)
def test_what_could_never_end_is_refused(specs: list[dict[str, Any]]) -> None:
    with pytest.raises(WireError):
        Schedule(specs)


def elapsed(specs: list[dict[str, Any]]) -> float:
    begin = time.perf_counter()
    schedule = Schedule(specs)
    while schedule.unfinished:
        for group in schedule.take():
            for taken in group:
                schedule.release(taken)
                schedule.finish(taken, "changed")
    return time.perf_counter() - begin


@pytest.mark.parametrize("shape", ["chain", "fan", "one lock", "fan of fans"])
def test_ten_thousand_steps_are_a_matter_of_a_second(shape: str) -> None:
    def spec(n: int) -> dict[str, Any]:
        after = [] if not n or shape == "one lock" else [str(n - 1) if shape == "chain" else "0"]
        return step(
            str(n), ops=[run("x", str(n))], after=after, locks=["l"] * (shape == "one lock")
        )

    if shape == "fan of fans":
        first = [str(n) for n in range(5_000)]
        specs = [step(n, ops=[run("x", n)]) for n in first]
        specs += [barrier("-1", *first), step("r", causes=first)]
        specs += [step(f"+{n}", ops=[run("x", n)], after=["-1"]) for n in first]
    else:
        specs = [spec(n) for n in range(10_000)]
    assert elapsed(specs) < 2


def test_a_refresh_is_owed_for_each_step_that_a_barrier_stands_for() -> None:
    refresh = {**step("r", causes=["-2"]), "debt": True}
    last = {**step("last", after=["-1"]), "debt": True}
    schedule = Schedule(
        [step("a"), step("b"), barrier("-1", "a", "b"), barrier("-2", "-1", "b"), refresh, last]
    )
    for name in ("a", "b"):
        assert [s.id for s in schedule.refreshes_after(schedule.steps[name])] == ["r"]
