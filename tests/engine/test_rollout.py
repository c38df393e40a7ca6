"""Which hosts are worked on when, and when the rest is left alone."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import ConfigurationError
from cfgdsl.engine.rollout import Budget, Halt, for_each_host


def run(
    names: list[str],
    failing: set[str] = frozenset(),  # type: ignore[assignment]
    *,
    parallel: int = 4,
    first: int | None = None,
    budget: str | int | None = None,
) -> tuple[list[str], Halt | None]:
    started: list[str] = []

    def work(name: str) -> bool:
        started.append(name)
        return name not in failing

    halt = for_each_host(
        names,
        work,
        parallel=parallel,
        first=first,
        budget=Budget.parse(budget),
        stopping=threading.Event(),
    )
    return started, halt


def test_every_host_is_worked_on_once() -> None:
    names = [f"h{n}" for n in range(20)]
    started, halt = run(names)
    assert sorted(started) == sorted(names)
    assert halt is None


def test_no_more_hosts_than_parallel_at_once() -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def work(_: str) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        return True

    for_each_host([str(n) for n in range(12)], work, parallel=3, stopping=threading.Event())
    assert most == 3


def test_a_failed_first_host_keeps_the_rest_from_starting() -> None:
    started, halt = run(["a", "b", "c", "d"], {"a"}, first=2)
    assert sorted(started) == ["a", "b"]
    assert halt == Halt("1 of the first 2 failed", ("c", "d"))


def test_the_rest_starts_when_the_first_ended_well() -> None:
    started, halt = run(["a", "b", "c"], first=1)
    assert started == ["a", "b", "c"]
    assert halt is None


def test_no_new_host_is_started_beyond_the_budget() -> None:
    started, halt = run([str(n) for n in range(10)], {"0", "1"}, parallel=1, budget=1)
    assert started == ["0", "1"]
    assert halt is not None
    assert halt.not_started == tuple(str(n) for n in range(2, 10))


def test_by_default_two_failures_are_not_too_many() -> None:
    started, halt = run(["a", "b", "c", "d"], {"a", "b"}, parallel=1)
    assert len(started) == 4
    assert halt is None


def test_by_default_a_quarter_and_at_least_three_is_too_many() -> None:
    started, _ = run([str(n) for n in range(8)], {"0", "1", "2"}, parallel=1)
    assert started == ["0", "1", "2"]


@pytest.mark.parametrize("text", ["", "x", "-1", "10%%", "1.5", "²"])
def test_a_bad_budget_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="bad failure budget"):
        Budget.parse(text)


@given(
    size=st.integers(1, 12),
    failing=st.sets(st.integers(0, 11)),
    parallel=st.integers(1, 5),
    budget=st.one_of(st.none(), st.integers(0, 5), st.integers(0, 100).map("{}%".format)),
)
def test_hosts_are_either_worked_on_or_reported_as_not_started(
    size: int, failing: set[int], parallel: int, budget: int | str | None
) -> None:
    names = [str(n) for n in range(size)]
    started, halt = run(names, {str(n) for n in failing}, parallel=parallel, budget=budget)
    left = halt.not_started if halt else ()
    assert sorted([*started, *left]) == sorted(names)
    if not failing:
        assert halt is None
