"""The plan is the truth: what it says is what happens on a host that was written without it.

Random configurations on random hosts are planned, and then executed as the runner does. Each
property is a function, so that it can be shown to catch mutants of the core.
"""

import json
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest

from cfgdsl import ConfigurationError, HostPlan, Plan, Resource
from cfgdsl.core import diff, edits, tasks, view, walk
from cfgdsl.core.decide import differences
from cfgdsl.core.graph import build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.predict import World
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.core.resource import state_fields

from .kinds import TinyFile, TinyLine, TinyPackage
from .machine import Machine, names
from .strategies import Check, forall

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "plan.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def planned(machine: Machine, resources: list[Resource]) -> Planned | None:
    """The plan; None for what contradicts itself or this host."""
    try:
        found = machine.plan(*resources)
    except ConfigurationError:
        return None
    return None if found.plan.problems else found


def document(plan: HostPlan) -> str:
    return Plan(project="p", hosts=(plan,)).to_json()


def happens_as_planned_and_nothing_is_left(machine: Machine, resources: list[Resource]) -> None:
    plan = planned(machine, resources)
    if plan is None:
        return
    outcomes = machine.apply(plan)
    if "failed" in outcomes.values():
        return
    closed = [s for s in plan.plan.steps if not s.possible and not s.is_open and not s.triggers]
    assert all(outcomes[step.identity] == "changed" for step in closed)
    edited = {resource.path for resource in resources if isinstance(resource, TinyLine)}
    assert [lack for r in resources if (lack := machine.lacks(r, edited))] == []
    again = machine.plan(*resources)
    assert again.plan.problems == ()
    assert again.plan.is_empty, names(again.plan)


def predicts_a_world_as_declared(machine: Machine, resources: list[Resource]) -> None:
    plan = planned(machine, resources)
    if plan is None or any(step.is_open or step.want is None for step in plan.plan.steps):
        return
    resources = list(build(resources, {}).resources)
    world = World({probe: machine.answer(probe) for probe in questions(resources)})
    for step in plan.plan.steps:
        for op in step.ops or ():
            world.apply(op)
    for resource in resources:
        probes = resource.probes()
        assert differences(resource, probes, [world.answer(p) for p in probes]) == ()


def keeps_what_nobody_declares(machine: Machine, resources: list[Resource]) -> None:
    """What is in an edited file stays there, but for the lines that are declared absent."""
    plan = planned(machine, resources)
    if plan is None:
        return
    whole = {r.path for r in resources if isinstance(r, TinyFile) and r.content is not None}
    edits = [r for r in resources if isinstance(r, TinyLine) and r.path not in whole]
    machine.bring("q" if TinyPackage("q") in resources else "")
    before = {edit.path: machine.lines(edit.path) for edit in edits}
    machine.apply(plan)
    for path, lines in before.items():
        gone = {edit.line for edit in edits if edit.path == path and edit.absent}
        assert set(lines) - gone <= set(machine.lines(path))


def is_the_same_for_the_same_input(machine: Machine, resources: list[Resource]) -> None:
    plan = planned(machine, resources)
    if plan is None:
        return
    asked = questions(build(list(resources), {}).resources)
    backwards = {probe: machine.answer(probe) for probe in reversed(asked)}
    again = plan_host(Request(host="h", graph=build(list(resources), {})), backwards)
    assert document(again.plan) == document(plan.plan)


def survives_its_json(machine: Machine, resources: list[Resource]) -> None:
    plan = planned(machine, resources)
    if plan is not None:
        text = document(plan.plan)
        VALIDATOR.validate(json.loads(text))
        assert Plan.from_json(text).to_json() == text


def waits_in_order(machine: Machine, resources: list[Resource]) -> None:
    """A step waits for the steps of all that its resource comes after, and for nothing later."""
    plan = planned(machine, resources)
    if plan is None:
        return
    steps = plan.plan.steps
    waits: list[set[int]] = []
    for step in steps:
        after = plan.plan.expanded(step.after)
        assert all(i < step.id for i in after | plan.plan.expanded(step.triggers))
        waits.append(set(after).union(*(waits[i] for i in after)))
    graph = build(resources, {})
    of_resource: dict[str, set[int]] = {}
    for step in steps:
        of_resource.setdefault(plan.resources[step.id].identity, set()).add(step.id)
    for edge in graph.edges:
        before = of_resource.get(graph.resources[edge.before].identity, set())
        for step_id in of_resource.get(graph.resources[edge.after].identity, set()):
            shared = steps[step_id].identity.startswith("task:")
            assert shared or before <= waits[step_id]


def test_what_is_planned_happens_and_a_second_apply_has_nothing_to_do() -> None:
    forall(happens_as_planned_and_nothing_is_left, examples=400)


def test_the_predicted_world_is_as_declared() -> None:
    forall(predicts_a_world_as_declared, examples=200)


def test_an_edit_keeps_the_rest_of_its_file() -> None:
    forall(keeps_what_nobody_declares, examples=200)


def test_the_same_input_gives_the_same_plan_byte_for_byte() -> None:
    forall(is_the_same_for_the_same_input, examples=100)


def test_a_plan_fits_its_schema_and_survives_its_json() -> None:
    forall(survives_its_json, examples=100)


def test_a_step_waits_for_the_steps_of_all_that_it_comes_after() -> None:
    forall(waits_in_order, examples=200)


def forget_the_owner(patch: pytest.MonkeyPatch) -> None:
    real = World._attributes

    def mutant(self: World, kind: str, path: str, op: Any, **kwargs: Any) -> Any:
        return real(self, kind, path, attrs.evolve(op, owner=None), **kwargs)

    patch.setattr(World, "_attributes", mutant)


def believe_that_packages_bring_nothing(patch: pytest.MonkeyPatch) -> None:
    real = view.foresee
    patch.setattr(view, "foresee", lambda p, world, *, uncertain: real(p, world, uncertain=False))


def wait_for_no_bringer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(walk, "with_awaits", lambda graph, _: graph)


def ignore_the_mode(patch: pytest.MonkeyPatch) -> None:
    slots = lambda cls: [s for s in state_fields(cls) if s.name != "mode"]  # noqa: E731
    patch.setattr(diff, "state_fields", slots)


def reload_no_units(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tasks.TaskSteps, "before", lambda *_: (frozenset(), {}))


def forget_the_last_edit(patch: pytest.MonkeyPatch) -> None:
    real = edits.edited_text
    patch.setattr(edits, "edited_text", lambda parts, text: real(parts[:-1], text))


def edit_nothing_but_what_is_declared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edits.Folded, "_text", lambda *_: "")


@pytest.mark.parametrize(
    ("mutate", "check"),
    [
        (forget_the_last_edit, happens_as_planned_and_nothing_is_left),
        (edit_nothing_but_what_is_declared, keeps_what_nobody_declares),
        (forget_the_owner, happens_as_planned_and_nothing_is_left),
        (forget_the_owner, predicts_a_world_as_declared),
        (believe_that_packages_bring_nothing, happens_as_planned_and_nothing_is_left),
        (wait_for_no_bringer, happens_as_planned_and_nothing_is_left),
        (reload_no_units, happens_as_planned_and_nothing_is_left),
        (ignore_the_mode, happens_as_planned_and_nothing_is_left),
    ],
)
def test_a_mutant_of_the_core_is_caught(
    mutate: Any, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        forall(check, examples=1000, explain=False)
