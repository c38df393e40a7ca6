"""What a resource makes on the way, without owning it, orders others and conflicts with nobody."""

from typing import Any

from cfgdsl import Answers, Footprint, Op, Probe, Resource
from cfgdsl.core.fields import Field, field, key
from cfgdsl.core.graph import build


class Thing(Resource):
    """Has the footprint that it is given."""

    kind = "thing"
    name: Field[str] = key(kw_only=False)
    print_: Field[Any] = field(kw_only=True, how=True)

    def footprint(self) -> Footprint:
        footprint: Footprint = self.print_
        return footprint

    def probes(self) -> tuple[Probe, ...]:
        return ()

    def observe(self, answers: Answers) -> "Thing":
        return self

    def ops(self, change: Any) -> tuple[Op, ...]:
        return ()


def edges(**footprints: Footprint) -> set[tuple[str, str]]:
    graph = build([Thing(name, print_=footprint) for name, footprint in footprints.items()], {})
    return {(graph.resources[e.before].key, graph.resources[e.after].key) for e in graph.edges}


def test_who_needs_what_is_made_on_the_way_comes_after_it() -> None:
    made = edges(user=Footprint(reads=["a"]), maker=Footprint(makes=["a"]))
    assert made == {("maker", "user")}


def test_who_writes_what_is_made_on_the_way_comes_after_it() -> None:
    made = edges(file=Footprint(writes=["a"]), command=Footprint(makes=["a"]))
    assert made == {("command", "file")}


def test_a_maker_that_needs_a_declared_thing_waits_for_it_instead() -> None:
    made = edges(deep=Footprint(reads=["a"], makes=["a"]), folder=Footprint(writes=["a"]))
    assert made == {("folder", "deep")}


def test_of_many_makers_the_first_is_waited_for() -> None:
    made = edges(
        one=Footprint(reads=["a"], makes=["a"]),
        two=Footprint(reads=["a"], makes=["a"]),
        user=Footprint(reads=["a"]),
    )
    assert made == {("one", "two"), ("one", "user")}


def test_who_writes_what_a_maker_needs_does_not_wait_for_what_it_makes_on_the_way() -> None:
    made = edges(
        deep=Footprint(writes=["a/b/c"], reads=["a", "a/b"], makes=["a", "a/b"]),
        link=Footprint(writes=["a/b"], reads=["a"]),
    )
    assert made == {("link", "deep")}
