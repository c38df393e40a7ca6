"""What of the host after earlier steps can be known when a plan is made, and what cannot."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import Change, Footprint, Probe, Task, keys, ops, probes, resource
from cfgdsl.core.content import Content
from cfgdsl.core.overlay import PathOverlay
from cfgdsl.core.predict import World
from tests.core.kinds import TinyDir, TinyFile, TinyPackage, TinyService, TinyUser
from tests.core.machine import FOLDER, Machine

FILE = {**FOLDER, "kind": "file", "mode": 0o644}
LINK = {"kind": "link", "target": "releases/1", "owner": "root", "group": "root"}
MAYBE = probes.Unknown("only the run can tell")


def asked(**answers: Any) -> dict[Probe, Any]:
    """Answers to `Stat`; the names have no leading slash, and "__" where a path has one."""
    return {probes.Stat("/" + name.replace("__", "/")): a for name, a in answers.items()}


# Folders that are made on the way


@pytest.mark.parametrize("follow", [True, False])
def test_a_folder_made_on_the_way_is_known_however_its_absence_was_seen(follow: bool) -> None:
    world = World({probes.Stat("/a", follow=follow): None, probes.Stat("/a/b"): None})
    world.apply(ops.Mkdir("/a/b", parents=True))
    assert world.answer(probes.Stat("/a")) == FOLDER
    assert world.answer(probes.Stat("/a", follow=True)) == FOLDER


def test_a_folder_that_may_be_there_keeps_what_it_may_have() -> None:
    world = World({probes.Stat("/a/b"): None})
    world.apply(ops.Mkdir("/a/b", parents=True))
    assert isinstance(world.answer(probes.Stat("/a")), probes.Unknown)


def test_nothing_is_in_a_folder_that_is_new() -> None:
    world = World(asked(a=None, a__b=None))
    world.apply(ops.Mkdir("/a/b", parents=True))
    assert world.answer(probes.Stat("/a/never-asked")) is None
    assert world.answer(probes.Read("/a/b/never-asked")) is None


# What hangs on a folder of which only the run can tell


def test_what_is_not_there_now_may_come_with_the_folder_above() -> None:
    overlay = PathOverlay(asked(a=None, a__f=None, a__b__c=None, b__f=None))
    overlay.set("/a", MAYBE, None)
    assert overlay.stat("/a/f") is MAYBE
    assert overlay.stat("/a/b/c") is MAYBE
    assert overlay.stat("/b/f") is None
    overlay.set("/a/b", FOLDER, None)  # whatever it is, it is known from here on
    assert overlay.stat("/a/b/c") is None
    overlay.remove("/a")
    assert overlay.stat("/a/f") is None


# Links that are new


def test_what_is_below_a_new_link_is_where_it_leads() -> None:
    world = World(
        {
            **asked(
                srv__now=None, srv__releases__1__f=FILE, srv__now__f=None, srv__releases__1__g=None
            ),
            ROOT: FOLDER,
        }
    )
    world.apply(ops.Link("/srv/now", "releases/1"))
    assert world.answer(probes.Stat("/srv/now/f")) == FILE
    world.apply(ops.Put("/srv/now/g", Content.of("x")))
    assert world.answer(probes.Stat("/srv/releases/1/g")) == FILE
    world.apply(ops.Link("/srv/now", "releases/2"))
    assert isinstance(world.answer(probes.Stat("/srv/now/f")), probes.Unknown)
    world.apply(ops.Remove("/srv/now"))
    assert world.answer(probes.Stat("/srv/now/f")) is None
    assert world.answer(probes.Stat("/srv/releases/1/f")) == FILE


ROOT = probes.Stat("/srv", follow=True)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=4))
def test_links_that_lead_in_circles_end_nowhere(links: list[tuple[str, str]]) -> None:
    overlay = PathOverlay({})
    for name, target in links:
        overlay.set(f"/{name}", {**LINK, "target": target}, None)
    for name in "abc":
        found = [
            overlay.stat(f"/{name}/x/y", follow=True),
            overlay.read(probes.Read(f"/{name}/x", follow=True)),
        ]
        assert all(answer is None or isinstance(answer, probes.Unknown) for answer in found)
        assert not isinstance(overlay.names(f"/{name}"), dict)


# What somebody may bring


def test_an_owner_that_a_package_may_bring_is_awaited_by_what_is_there_already() -> None:
    file = TinyFile("/f", owner="daemon")
    machine = Machine(paths={"/f": {**FILE, "data": b""}})
    plan = machine.plan(file, TinyPackage("d")).plan
    step = plan[file.identity]
    assert (step.action, step.is_open, step.possible) == ("update", True, False)
    assert step.after == tuple(plan.expanded(step.after))
    assert "there is no user 'daemon'" in str(machine.plan(file).plan.problems[0])


def test_a_removal_waits_for_nobody_to_bring_an_owner() -> None:
    file = TinyFile("/f", owner="daemon", absent=True)
    machine = Machine(paths={"/f": {**FILE, "data": b""}})
    assert not machine.plan(file, TinyPackage("d")).plan[file.identity].is_open


# Refreshes that may turn out to be unneeded


@resource("tiny-doubter")
class TinyDoubter(TinyService):
    """A service of which only the run can tell whether its restart is needed."""

    def tasks(self, change: Change[Any]) -> tuple[Task, ...]:
        run = ops.Run(("svc", "restart"), (self.name,))
        return (Task(name="restart", ops=(run,), causes=self.restart_on, sure=False),)


def test_a_refresh_that_may_be_moot_is_possible_though_its_cause_is_sure() -> None:
    file = TinyFile("/f", content="x")
    machine = Machine(units={"s": "active"})
    doubter = TinyDoubter("s", running=True, restart_on=file)
    step = machine.plan(file, doubter).plan[f"{doubter.identity}#restart"]
    assert (step.possible, step.causes) == (True, (file.identity,))
    sure = machine.plan(file, TinyService("s", running=True, restart_on=file)).plan
    assert not sure["tiny-service:s#restart"].possible


# What a removal takes along


@resource("tiny-taker")
class TinyTaker(TinyUser):
    """Something whose removal takes a folder and a unit along."""

    def footprint(self) -> Footprint:
        return Footprint(writes=[keys.user(self.name)])

    def takes(self, change: Change[Any]) -> tuple[str, ...]:
        return (keys.path("/conf"), keys.unit("s"))


TAKER = TinyTaker("t", absent=True)


def taking(*resources: Any, there: bool = True) -> list[str]:
    machine = Machine(
        paths={"/conf": dict(FOLDER), "/conf/d": dict(FOLDER)},
        units={"s": "active"},
        users={"root": "/bin/sh", **({"t": "/bin/sh"} if there else {})},
    )
    plan = machine.plan(TAKER, *resources).plan
    assert all(len(problem.origins) == 2 for problem in plan.problems)
    return [problem.summary for problem in plan.problems]


def test_what_needs_what_a_removal_takes_along_is_an_error_that_names_both() -> None:
    (folder,) = taking(TinyFile("/conf/d/f"))
    assert folder.startswith("needs path:/conf, which tiny-taker:t takes away: its folder /conf/d")
    (unit,) = taking(TinyService("s", running=True))
    assert unit == "needs unit:s, which tiny-taker:t takes away: there is no unit s"


def test_what_needs_nothing_of_it_is_left_alone() -> None:
    assert taking(TinyFile("/other"), TinyFile("/conf/d/f", absent=True)) == []
    assert taking(TinyFile("/conf/d/f"), there=False) == []


def test_a_folder_that_is_declared_itself_stays() -> None:
    assert taking(TinyDir("/conf"), TinyDir("/conf/d"), TinyFile("/conf/d/f")) == []


def test_what_another_package_may_bring_again_is_no_error() -> None:
    assert taking(TinyFile("/conf/d/f"), TinyPackage("p")) == []
