"""Refreshes and shared work: once, after the last of their causes, only when one has changed."""

import pytest

from cfgdsl import Resource, exists

from .kinds import TinyCommand, TinyDir, TinyFile, TinyPackage, TinyService, TinyUser
from .machine import FOLDER, Machine, names


def running() -> Machine:
    return Machine(units={"s": "active", "t": "active"}, users={"u": "x"})


def test_a_restart_comes_once_after_the_last_of_its_causes() -> None:
    files = [TinyFile(f"/{n}") for n in range(3)]
    service = TinyService("s", running=True, restart_on=files)
    machine = running()
    planned = machine.plan(service, *files)
    step = planned.plan["tiny-service:s#restart"]
    assert step.triggers == (0, 1, 2)
    assert step.causes == ("tiny-file:/0", "tiny-file:/1", "tiny-file:/2")
    assert step.reason == "tiny-file:/0, tiny-file:/1, tiny-file:/2 change"
    assert step.refresh
    machine.apply(planned)
    assert machine.ran == ["svc restart s"]


def test_no_cause_changes_no_restart() -> None:
    file = TinyFile("/f")
    machine = running()
    machine.apply(machine.plan(file))
    assert machine.plan(file, TinyService("s", restart_on=file)).plan.is_empty


def test_a_change_before_an_unchanged_cause_restarts_nothing() -> None:
    user = TinyUser("u", after="tiny-file:/f")
    plan = running().plan(TinyFile("/f"), user, TinyService("s", restart_on=user)).plan
    assert names(plan) == ["tiny-file:/f"]


def test_a_service_that_is_started_needs_no_restart() -> None:
    file = TinyFile("/f")
    machine = Machine(units={"s": "inactive"})
    plan = machine.plan(file, TinyService("s", running=True, restart_on=file)).plan
    assert names(plan) == ["tiny-file:/f", "tiny-service:s"]


def test_a_cause_that_is_skipped_or_a_command_that_always_runs_restarts_nothing() -> None:
    command = TinyCommand(["c"], always=True)
    plan = running().plan(command, TinyService("s", restart_on=command)).plan
    assert names(plan) == ["tiny-command:c"]


def test_a_refresh_can_cause_the_next_and_names_the_whole_chain() -> None:
    file = TinyFile("/f")
    one = TinyService("s", restart_on=file)
    two = TinyService("t", restart_on=one)
    step = running().plan(file, one, two).plan["tiny-service:t#restart"]
    assert step.causes == ("tiny-service:s#restart", "tiny-file:/f")


def test_a_component_as_cause_stands_for_all_that_is_inside() -> None:
    file, other = TinyFile("/f"), TinyFile("/g")
    service = TinyService("s", restart_on="component:c")
    components = {"component:c": ("tiny-file:/f", "tiny-file:/g")}
    plan = running().plan(file, other, service, components=components).plan
    assert plan["tiny-service:s#restart"].triggers == (0, 1)
    assert plan["tiny-file:/f"].component == "component:c"


def test_a_restart_is_only_possible_when_all_of_its_causes_are() -> None:
    machine = running()
    gone = TinyFile("/x", absent=True)
    plan = machine.plan(TinyPackage("p"), gone, TinyService("s", restart_on=gone)).plan
    assert plan["tiny-service:s#restart"].possible
    sure = [gone, TinyFile("/y")]
    plan = machine.plan(TinyPackage("p"), *sure, TinyService("s", restart_on=sure)).plan
    assert not plan["tiny-service:s#restart"].possible


def test_a_possible_cause_that_does_not_come_restarts_nothing() -> None:
    machine = running()
    gone = TinyFile("/x", absent=True)
    planned = machine.plan(TinyPackage("p"), gone, TinyService("s", restart_on=gone))
    assert machine.apply(planned)["tiny-service:s#restart"] == "unneeded"


def test_a_handler_runs_once_after_the_last_of_its_causes() -> None:
    files = [TinyFile("/1"), TinyFile("/2")]
    machine = Machine()
    resources = [TinyCommand(["touch", "/t"], on_change=files), *files]
    machine.apply(machine.plan(*resources))
    assert machine.ran == ["touch /t"]
    assert machine.plan(*resources).plan.is_empty


def test_packages_share_one_update_before_them() -> None:
    plan = Machine().plan(*(TinyPackage(name) for name in "abc")).plan
    assert names(plan) == ["task:pkg-update", "tiny-package:a", "tiny-package:b", "tiny-package:c"]
    assert all(plan[f"tiny-package:{name}"].after == (0,) for name in "abc")


def machine_with_units() -> Machine:
    folders = {path: dict(FOLDER) for path in ("/units", "/units/s.d", "/units/t.d")}
    return Machine(paths=folders, units={"s": "active", "t": "active"})


def test_services_share_one_reload_after_all_changed_units() -> None:
    files = [TinyFile("/units/s.d/x"), TinyFile("/units/t.d/x")]
    machine = machine_with_units()
    planned = machine.plan(*files, TinyService("s"), TinyService("t"))
    step = planned.plan["task:units-reload"]
    assert names(planned.plan) == [
        "tiny-file:/units/s.d/x",
        "tiny-file:/units/t.d/x",
        step.identity,
    ]
    assert step.triggers == (0, 1)
    assert step.reason == "tiny-file:/units/s.d/x, tiny-file:/units/t.d/x change"
    machine.apply(planned)
    assert machine.ran == ["svc reload-units"]


def test_a_shared_task_whose_cause_comes_later_stands_twice_and_waits_in_no_circle() -> None:
    late = TinyFile("/units/t.d/x", after="tiny-service:s")
    machine = machine_with_units()
    planned = machine.plan(TinyFile("/units/s.d/x"), TinyService("s"), late, TinyService("t"))
    steps = [step for step in planned.plan.steps if step.identity.startswith("task:")]
    assert all(i < step.id for step in steps for i in step.after)
    machine.apply(planned)
    assert machine.stale == set()


def test_a_shared_task_for_a_later_cause_has_a_name_of_its_own() -> None:
    machine = machine_with_units()
    machine.units["s"] = "inactive"
    started = TinyService("s", running=True)
    late = TinyFile("/units/t.d/x", after=started)
    planned = machine.plan(TinyFile("/units/s.d/x"), started, late, TinyService("t"))
    reloads = [name for name in names(planned.plan) if name.startswith("task:")]
    assert reloads == ["task:units-reload", "task:units-reload#2"]
    machine.apply(planned)
    assert machine.ran == ["svc reload-units", "svc start s", "svc reload-units"]


def test_a_reload_changes_what_its_service_is_planned_from() -> None:
    machine = machine_with_units()
    machine.stale = {"s"}
    planned = machine.plan(TinyFile("/units/s.d/x"), TinyService("s", running=False))
    machine.apply(planned)  # fails as stale where the reload's effect is left out
    assert machine.units["s"] == "inactive"


def test_a_removed_drop_in_is_read_before_the_restart_too() -> None:
    machine = machine_with_units()
    machine.paths["/units/s.d/x"] = {**FOLDER, "kind": "file", "data": b""}
    gone = TinyFile("/units/s.d/x", absent=True)
    planned = machine.plan(TinyService("s", restart_on=gone), gone)
    assert names(planned.plan) == [gone.identity, "task:units-reload", "tiny-service:s#restart"]
    machine.apply(planned)


@pytest.mark.parametrize("absent", [True, False])
def test_a_folder_that_goes_or_changes_with_what_is_in_it_reloads(absent: bool) -> None:
    machine = machine_with_units()
    folder = TinyDir("/units/s.d", absent=True) if absent else TinyFile("/units/s.d/x")
    assert "task:units-reload" in names(machine.plan(folder, TinyService("s")).plan)


def test_the_work_of_tasks_is_no_change_of_what_their_resource_writes() -> None:
    file = TinyFile("/f")
    machine = running()
    planned = machine.plan(
        file, TinyService("s", restart_on=file), TinyService("t", restart_on="tiny-service:s")
    )
    assert machine.apply(planned)["tiny-service:t#restart"] == "changed"


def test_a_restart_waits_until_the_units_are_read_again() -> None:
    unit = TinyFile("/units/s.d/x")
    plan = machine_with_units().plan(unit, TinyService("s", restart_on=unit)).plan
    assert plan["task:units-reload"].id in plan["tiny-service:s#restart"].after


def tagged(resource: Resource) -> bool:
    return "x" in resource.tags


def test_a_selected_change_restarts_a_service_that_is_not_selected() -> None:
    file = TinyFile("/f", tags=["x"])
    one = TinyService("s", restart_on=[file, TinyFile("/g")])
    two = TinyService("t", restart_on=one)
    machine = running()
    planned = machine.plan(file, TinyFile("/g"), one, two, selected=tagged)
    assert names(planned.plan) == [
        file.identity,
        f"{one.identity}#restart",
        f"{two.identity}#restart",
    ]
    assert planned.plan[f"{one.identity}#restart"].reason == "tiny-file:/f changes"
    machine.apply(planned)
    assert machine.ran == ["svc restart s", "svc restart t"]


def test_what_else_a_service_that_is_not_selected_needs_is_left() -> None:
    file = TinyFile("/units/s.d/x", tags=["x"])
    machine = machine_with_units()
    machine.units["s"] = "inactive"
    service = TinyService("s", running=True, restart_on=file)
    planned = machine.plan(file, service, selected=tagged)
    assert names(planned.plan) == [file.identity]
    other = machine.plan(
        TinyFile("/f", tags=["x"]), file.observed(tags=()), service, selected=tagged
    )
    assert names(other.plan) == ["tiny-file:/f"]


def test_units_are_read_again_before_a_restart_that_is_owed_by_what_is_not_selected() -> None:
    file = TinyFile("/units/s.d/x", tags=["x"])
    machine = machine_with_units()
    planned = machine.plan(file, TinyService("s", restart_on=file), selected=tagged)
    assert names(planned.plan) == [file.identity, "task:units-reload", "tiny-service:s#restart"]
    machine.apply(planned)
    assert machine.ran == ["svc reload-units", "svc restart s"]


def test_a_command_that_is_owed_after_a_selected_change_runs() -> None:
    file = TinyFile("/f", tags=["x"])
    command = TinyCommand(["touch", "/t"], on_change=file)
    plan = running().plan(file, command, TinyCommand(["touch", "/u"]), selected=tagged).plan
    assert names(plan) == [file.identity, command.identity]


def test_a_service_that_is_not_selected_and_not_there_is_no_problem() -> None:
    file = TinyFile("/f", tags=["x"])
    skipped = TinyService("s", restart_on=file, only_if=exists("/nowhere"))
    plan = running().plan(file, TinyService("gone", restart_on=file), skipped, selected=tagged).plan
    assert (names(plan), plan.problems, plan.skipped) == ([file.identity], (), ())
