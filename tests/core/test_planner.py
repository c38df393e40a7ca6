"""The planner: what is sure, what is open, what is possible; conditions, problems, selections."""

from typing import Any

import pytest

from cfgdsl import Change, Diagnostic, Output, Step, command_ok, exists
from cfgdsl.core.decide import decide_open
from cfgdsl.core.predict import Identity
from cfgdsl.core.request import questions

from .kinds import TinyCommand, TinyDir, TinyFile, TinyKey, TinyPackage, TinyService, TinyUser
from .machine import FOLDER, Machine, names

EMPTY = {**FOLDER, "kind": "file", "mode": 0o644, "data": b""}


def only(steps: tuple[Step, ...]) -> Step:
    assert len(steps) == 1, steps
    return steps[0]


def test_a_step_says_what_changes_why_and_where_it_was_declared() -> None:
    file = TinyFile("/f", content="new\n", mode=0o600)
    step = only(Machine(paths={"/f": dict(EMPTY)}).plan(file).plan.steps)
    assert (step.address, step.action) == ("h/tiny-file:/f", "update")
    assert step.reason == "mode, content differ"
    assert [c.name for c in step.fields] == ["mode", "content"]
    assert step.origin == file.origin
    assert not step.possible
    assert not step.is_open


def test_a_host_that_is_as_declared_needs_nothing() -> None:
    plan = Machine(paths={"/f": dict(EMPTY)}).plan(TinyFile("/f", content="", mode=0o644)).plan
    assert plan.is_empty
    assert plan.unchanged == 1


def test_questions_that_are_equal_are_asked_once() -> None:
    one, other = TinyFile("/a/1", owner="u"), TinyFile("/a/2", owner="u")
    asked = questions([one, other])
    assert len(asked) == len(set(asked)) == 6  # stat and read of each, their folder, their owner


def test_a_file_whose_folder_nothing_makes_is_a_problem() -> None:
    plan = Machine().plan(TinyFile("/a/f")).plan
    assert plan.steps == ()
    assert "its folder /a does not exist, and nothing in the plan makes it" in str(plan.problems[0])
    assert plan.problems[0].address == "h/tiny-file:/a/f"


def test_what_cannot_be_planned_is_not_said_again_of_those_that_need_it() -> None:
    plan = Machine().plan(TinyDir("/a/b"), TinyFile("/a/b/f"), TinyFile("/c/f")).plan
    assert [p.address for p in plan.problems] == ["h/tiny-dir:/a/b", "h/tiny-file:/c/f"]


def test_a_file_in_a_folder_that_a_package_may_bring_is_an_open_step() -> None:
    step = Machine().plan(TinyFile("/etc/x/f"), TinyPackage("x")).plan["tiny-file:/etc/x/f"]
    assert step.is_open
    assert not step.possible  # absent before, there afterwards: that much is sure
    assert step.after == (1,)


def test_an_open_step_may_do_nothing_when_its_time_comes() -> None:
    machine = Machine(brought={"x": ("/etc/", "/etc/f")})
    planned = machine.plan(TinyFile("/etc/f"), TinyPackage("x"))
    assert machine.apply(planned)["tiny-file:/etc/f"] == "unneeded"


def test_an_installed_package_makes_nothing_uncertain_though_it_waits_for_a_change() -> None:
    machine = Machine(packages={"x"})
    plan = machine.plan(
        TinyFile("/r"),
        TinyPackage("x", after="tiny-file:/r"),
        TinyFile("/f", after="tiny-package:x"),
    ).plan
    assert not plan["tiny-file:/f"].is_open
    assert plan["tiny-file:/f"].after == (0,)


def test_absence_waits_for_what_may_bring_it_and_is_possible_only() -> None:
    machine = Machine(brought={"x": ("/default",)})
    resources = [TinyFile("/default", absent=True), TinyPackage("x")]
    planned = machine.plan(*resources)
    step = planned.plan["tiny-file:/default"]
    assert (step.action, step.is_open, step.possible) == ("delete", True, True)
    assert machine.apply(planned)["tiny-file:/default"] == "changed"
    assert machine.plan(*resources).plan.is_empty


def test_a_command_that_runs_each_time_leaves_no_plan_full_of_maybes() -> None:
    plan = Machine().plan(TinyCommand(["c"], always=True), TinyFile("/gone", absent=True)).plan
    assert names(plan) == ["tiny-command:c"]
    assert plan.is_empty


def test_a_service_waits_for_the_package_that_may_bring_its_unit() -> None:
    machine = Machine(brought={"p": ("unit:s",)})
    resources = [TinyService("s", running=True), TinyPackage("p")]
    planned = machine.plan(*resources)
    assert names(planned.plan)[-1] == "tiny-service:s"
    machine.apply(planned)
    assert machine.units == {"s": "active"}
    assert machine.plan(*resources).plan.is_empty


def test_a_unit_that_nothing_brings_is_a_problem() -> None:
    assert "there is no unit s" in str(Machine().plan(TinyService("s")).plan.problems)


def test_a_false_condition_skips_and_dependents_go_on() -> None:
    skipped = TinyDir("/a", only_if=exists("/nowhere"))
    plan = Machine().plan(skipped, TinyFile("/f", after=skipped)).plan
    assert names(plan) == ["tiny-file:/f"]
    assert [(s.identity, s.condition) for s in plan.skipped] == [
        ("tiny-dir:/a", "exists(/nowhere)")
    ]


def test_a_condition_sees_what_earlier_steps_make() -> None:
    made = TinyDir("/made")
    plan = Machine().plan(made, TinyFile("/f", only_if=exists("/made"), after=made)).plan
    assert names(plan) == ["tiny-dir:/made", "tiny-file:/f"]


def test_a_condition_that_only_the_run_can_tell_is_asked_in_the_run() -> None:
    machine = Machine(brought={"x": ("/bin/", "/bin/x")})
    file = TinyFile("/f", only_if=exists("/bin/x"), after="tiny-package:x")
    planned = machine.plan(TinyPackage("x"), file)
    step = planned.plan["tiny-file:/f"]
    assert (step.is_open, step.possible) == (True, True)
    assert machine.apply(planned)["tiny-file:/f"] == "changed"
    assert machine.plan(TinyPackage("x"), file).plan.is_empty


def test_a_condition_that_turns_out_false_in_the_run_changes_nothing() -> None:
    file = TinyFile("/f", only_if=exists("/bin/x"), after="tiny-package:x")
    machine = Machine()
    planned = machine.plan(TinyPackage("x"), file)
    assert machine.apply(planned)["tiny-file:/f"] == "unneeded"
    assert "/f" not in machine.paths
    step = planned.plan["tiny-file:/f"]
    answers = [machine.answer(probe) for probe in step.probes]
    assert decide_open(file, step.probes, answers, Identity()) is None


def test_a_condition_may_be_a_command_and_may_be_turned_around() -> None:
    plan = (
        Machine()
        .plan(
            TinyFile("/yes", only_if=command_ok(["test", "true"])),
            TinyFile("/no", only_if=~command_ok(["test", "true"])),
        )
        .plan
    )
    assert names(plan) == ["tiny-file:/yes"]


def test_what_was_not_selected_stays_and_others_are_planned_without_it() -> None:
    plan = (
        Machine()
        .plan(TinyDir("/a"), TinyFile("/f", tags=["web"]), selected=lambda r: "web" in r.tags)
        .plan
    )
    assert names(plan) == ["tiny-file:/f"]
    assert plan.unchanged == 0


def test_an_unanswered_question_is_a_problem_of_its_resource() -> None:
    class Deaf(Machine):
        def answer(self, probe: object) -> object:
            return {"error": "permission denied"}

    assert "cannot look at /f: permission denied" in str(Deaf().plan(TinyDir("/f")).plan.problems)


@pytest.mark.parametrize("count", [1, 50])
def test_steps_after_an_unchanged_hub_wait_for_what_is_before_it(count: int) -> None:
    files = [TinyFile(f"/{n}") for n in range(count)]
    hub = TinyUser("u", after=files)
    plan = Machine(users={"u": "/bin/sh"}).plan(*files, hub, TinyFile("/last", after=hub)).plan
    assert plan.expanded(plan["tiny-file:/last"].after) == set(range(count))


def test_the_reason_of_a_command_is_true() -> None:
    always, once = TinyCommand(["c"], always=True), TinyCommand(["touch", "/t"], creates="/t")
    plan = Machine().plan(always, once).plan
    assert plan[always.identity].reason == "runs each time"
    assert plan[once.identity].reason == "its guard does not hold"


def test_a_field_that_is_not_known_yet_is_not_said_to_differ() -> None:
    key = TinyKey("/k")
    machine = Machine(paths={"/f": dict(EMPTY)})
    mode: Output[int] = key.text.map(int)
    plan = machine.plan(key, TinyFile("/f", mode=mode)).plan
    assert plan["tiny-file:/f"].reason == "mode is known after apply"
    both = machine.plan(key, TinyFile("/f", mode=mode, content="x")).plan
    assert both["tiny-file:/f"].reason == "content differs"


def test_what_a_type_has_to_say_of_a_change_is_in_the_plan_and_in_its_json() -> None:
    class Noisy(TinyFile):
        def notes(self, change: Change[Any]) -> tuple[str, ...]:
            return (f"is {change.action}d",)

    file = Noisy("/f")
    machine = Machine()
    planned = machine.plan(file)
    assert planned.plan.notes == (
        Diagnostic(summary="is created", address="h/tiny-file:/f", origins=(file.origin,)),
    )
    assert planned.plan.to_json()["notes"][0]["summary"] == "is created"
    machine.apply(planned)
    assert machine.plan(file).plan.notes == ()
