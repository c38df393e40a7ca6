"""Several declarations of one file: one resource, one step, one write; and what cannot be one."""

import json
from typing import Any

import attrs
import pytest

from cfgdsl import (
    ConfigurationError,
    Content,
    Field,
    FileContent,
    Output,
    Plan,
    Probe,
    exists,
    field,
)
from cfgdsl.core.decide import decide_open
from cfgdsl.core.diff import compare
from cfgdsl.core.edits import EDIT_LIMIT
from cfgdsl.core.graph import build
from cfgdsl.core.ledger import note_of
from cfgdsl.core.ops import Put
from cfgdsl.core.origin import Origin
from cfgdsl.core.planner import plan_host
from cfgdsl.core.predict import Identity
from cfgdsl.core.record import ownership
from cfgdsl.core.request import Request, questions
from cfgdsl.core.resource import Resource

from .kinds import (
    TinyCommand,
    TinyDir,
    TinyFile,
    TinyLine,
    TinyPackage,
    TinyService,
    TinyUser,
)
from .machine import FOLDER, Machine, graph_of, names


def machine(text: str | bytes = "old\n", **values: Any) -> Machine:
    data = text.encode() if isinstance(text, str) else text
    node = {**FOLDER, "kind": "file", "mode": 0o640, "data": data, **values}
    return Machine(paths={"/f": node})


def refusal(*resources: Resource, **components: tuple[str, ...]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        graph_of(*resources, **components)
    return str(caught.value)


def at(line: int, resource: Any) -> Any:
    """The resource as if it was declared at that line."""
    resource.__dict__["#origin"] = Origin("infra.py", line)
    return resource


def test_a_content_and_edits_are_one_content() -> None:
    host = machine()
    plan = host.plan(TinyFile("/f", content="base\n"), TinyLine("/f", "one"), TinyLine("/f", "two"))
    (step,) = plan.plan.steps
    assert step.identity == "tiny-file:/f"
    assert step.ops == (Put("/f", Content.of("base\none\ntwo\n")),)
    assert host.apply(plan) == {"tiny-file:/f": "changed"}
    assert host.lines("/f") == ["base", "one", "two"]


def test_edits_alone_keep_the_rest_of_the_file_and_its_attributes() -> None:
    host = machine("old\nbad", owner="u")
    plan = host.plan(TinyLine("/f", "one"), TinyLine("/f", "bad", absent=True))
    (step,) = plan.plan.steps
    (change,) = step.fields
    assert (step.action, step.identity, step.reason) == (
        "update",
        "tiny-file:/f",
        "content differs",
    )
    assert (change.before.text, change.after.text) == ("old\nbad", "old\none\n")
    assert not step.is_open
    host.apply(plan)
    assert host.paths["/f"]["data"] == b"old\none\n"
    assert (host.paths["/f"]["owner"], host.paths["/f"]["mode"]) == ("u", 0o640)


def test_a_file_without_a_content_manages_attributes_and_leaves_the_content_to_its_edits() -> None:
    host = machine()
    declared = (TinyFile("/f", mode=0o600), TinyLine("/f", "one"))
    (step,) = host.plan(*declared).plan.steps
    assert {change.name for change in step.fields} == {"mode", "content"}
    host.apply(host.plan(*declared))
    assert host.lines("/f") == ["old", "one"]
    assert host.paths["/f"]["mode"] == 0o600
    assert host.plan(*declared).plan.is_empty
    host.paths["/f"]["mode"] = 0o644
    (step,) = host.plan(*declared).plan.steps
    assert [change.name for change in step.fields] == ["mode"]


def test_a_step_names_its_parts_and_their_lines() -> None:
    file, one, two = TinyFile("/f"), TinyLine("/f", "one"), TinyLine("/f", "two")
    plan = machine().plan(at(9, one), at(5, two), at(7, file), TinyUser("u"))
    step = plan.plan["tiny-line:/f:two"]
    assert step is plan.plan["tiny-file:/f"]
    assert [(part.identity, part.origin.line) for part in step.parts] == [
        ("tiny-file:/f", 7),
        ("tiny-line:/f:one", 9),
        ("tiny-line:/f:two", 5),
    ]
    assert step.origin.line == 7
    text = Plan(project="p", hosts=(plan.plan,)).to_json()
    parts = json.loads(text)["hosts"][0]["steps"][step.id]["parts"]
    assert parts[1]["identity"] == "tiny-line:/f:one"
    assert parts[1]["origin"]["line"] == 9
    assert Plan.from_json(text)["tiny-line:/f:one"].parts == step.parts


def test_a_lone_edit_is_a_step_of_its_file_at_its_own_line() -> None:
    (step,) = machine().plan(at(3, TinyLine("/f", "one"))).plan.steps
    assert (step.identity, step.origin.line) == ("tiny-file:/f", 3)
    assert [part.identity for part in step.parts] == ["tiny-line:/f:one"]


def test_after_decides_the_order_of_edits() -> None:
    first = TinyLine("/f", "one", after="tiny-line:/f:two")
    graph = graph_of(first, TinyLine("/f", "two"), TinyLine("/f", "three"))
    parts = [part.identity.rpartition(":")[2] for part in graph.parts["tiny-file:/f"]]
    assert parts == ["two", "one", "three"]
    assert graph.edges == ()


def test_parts_may_be_named_by_whatever_comes_after() -> None:
    one, two = TinyLine("/f", "one"), TinyLine("/f", "two")
    package = TinyPackage("p", after=two)
    graph = graph_of(one, two, package, c=(one.identity, two.identity, package.identity))
    assert {(e.before, e.after, e.kind) for e in graph.edges} == {(0, 1, "declared")}
    assert graph.position["tiny-line:/f:two"] == graph.position["tiny-file:/f"] == 0
    user = TinyUser("u", after="component:c")
    edges = graph_of(one, two, package, user, c=tuple(graph.position)).edges
    assert [(e.before, e.after) for e in edges if e.after == 2] == [(0, 2), (1, 2)]


def test_what_a_part_comes_after_comes_before_the_whole() -> None:
    edit = TinyLine("/f", "two", after=TinyUser("u"))
    graph = graph_of(TinyLine("/f", "one"), edit, TinyUser("u"))
    assert [graph.resources[i].identity for i in graph.order] == ["tiny-user:u", "tiny-file:/f"]


def test_an_unknown_reference_is_said_at_the_line_of_the_part() -> None:
    edit = at(8, TinyLine("/f", "two", after="tiny-user:x"))
    why = refusal(at(7, TinyLine("/f", "one")), edit)
    assert "tiny-line:/f:two: refers to tiny-user:x" in why
    assert "infra.py:8" in why
    assert "infra.py:7" not in why


def test_a_service_restarts_when_any_part_changes() -> None:
    host = machine("one\n")
    host.units["s"] = "active"
    edits = (TinyLine("/f", "one"), TinyLine("/f", "two"))
    service = TinyService("s", restart_on=edits[0])
    plan = host.plan(*edits, service)
    assert names(plan.plan) == ["tiny-file:/f", "tiny-service:s#restart"]
    host.apply(plan)
    assert host.starts == {"s": 1}


def test_a_part_that_is_selected_selects_the_file() -> None:
    edits = (TinyLine("/f", "one", tags=["a"]), TinyLine("/f", "two", tags=["b"]))
    host = machine()
    assert host.plan(*edits, selected=lambda r: "b" in r.tags).plan.steps
    assert not host.plan(*edits, selected=lambda r: "c" in r.tags).plan.steps


def test_the_component_of_the_first_part_that_has_one_shows_the_step() -> None:
    components = {"component:c": ("tiny-line:/f:two",)}
    plan = machine().plan(TinyLine("/f", "one"), TinyLine("/f", "two"), components=components)
    assert plan.plan.steps[0].component == "component:c"


@pytest.mark.parametrize(
    "base", [(), (TinyFile("/f"),), (TinyFile("/f", content="x\n"),)], ids=["none", "attrs", "all"]
)
def test_edits_that_undo_each_other_are_an_error_that_names_both_lines(base: Any) -> None:
    there = at(4, TinyLine("/f", "one"))
    gone = at(6, TinyLine("/f", "one", id="gone", absent=True))
    why = refusal(*base, there, TinyLine("/f", "two"), gone)
    assert "tiny-line:gone undoes tiny-line:/f:one" in why
    assert "infra.py:4" in why
    assert "infra.py:6" in why


def test_a_conflict_that_only_the_host_shows_is_a_problem_of_its_plan() -> None:
    class Picky(TinyLine):
        """One that its file must have a place for."""

        def edit(self, text: str) -> str:
            return super().edit(text) if text else text

    there, gone = at(4, Picky("/f", "one")), at(6, Picky("/f", "one", id="gone", absent=True))
    (problem,) = machine().plan(there, gone).plan.problems
    assert ":gone undoes" in problem.summary
    assert [origin.line for origin in problem.origins] == [4, 6]


def test_an_edit_that_does_not_hold_in_its_own_result_is_an_error() -> None:
    class Growing(TinyLine):
        """A mistake."""

        def edit(self, text: str) -> str:
            return f"{text}{self.line}\n"

    assert "does not hold in its own result" in refusal(Growing("/f", "one"))


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ((TinyFile("/f", absent=True), TinyLine("/f", "one")), "is declared absent, and edited by"),
        ((TinyDir("/f"), TinyLine("/f", "one")), "both write path:/f"),
        (
            (TinyLine("/f", "one", only_if=exists("/a")), TinyLine("/f", "two")),
            "different only_if= conditions",
        ),
        ((TinyFile("/f"), TinyLine("/f", "one", on_drop="delete")), "an edit has no on_drop="),
        (
            (TinyLine("/f", "one", after="tiny-line:/f:one"),),
            "parts of one file wait for each other: tiny-line:/f:one",
        ),
        (
            (TinyFile("/f", after="tiny-line:/f:one"), TinyLine("/f", "one")),
            "A file comes before its edits",
        ),
        ((TinyFile("/f", content=b"\xff"), TinyLine("/f", "one")), "cannot be edited"),
        ((TinyFile("/f", content=b"a\0"), TinyLine("/f", "one")), "cannot be edited"),
        (
            (TinyFile("/f", content="a" * EDIT_LIMIT + "a"), TinyLine("/f", "one")),
            "or too large",
        ),
        (
            (TinyFile("/f", content=Output(TinyUser("u"), "home")), TinyLine("/f", "one")),
            "content is known only after apply",
        ),
    ],
)
def test_what_cannot_be_one_file_is_an_error(resources: tuple[Any, ...], why: str) -> None:
    assert why in refusal(*resources)


def test_a_cycle_through_another_resource_is_shown_with_the_file() -> None:
    user = TinyUser("u", after="tiny-line:/f:one")
    why = refusal(TinyLine("/f", "one"), TinyLine("/f", "two", after=user), user)
    assert "tiny-file:/f before tiny-user:u" in why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\xff\n", "no text in UTF-8"),
        (b"a\0\n", "no text in UTF-8"),
        (b"a" * EDIT_LIMIT + b"a", "larger than 1024 KiB"),
    ],
)
def test_a_found_file_that_cannot_be_edited_is_a_problem(text: bytes, why: str) -> None:
    host = machine(text)
    (problem,) = host.plan(at(3, TinyLine("/f", "one"))).plan.problems
    assert why in problem.summary
    assert [origin.line for origin in problem.origins] == [3]


def test_what_could_not_be_edited_again_is_a_problem() -> None:
    host = machine("a" * (EDIT_LIMIT - 3))
    (problem,) = host.plan(TinyLine("/f", "one")).plan.problems
    assert "it would be too large afterwards" in problem.summary


def test_a_text_that_did_not_arrive_as_it_is_cannot_be_edited() -> None:
    class Stripped(Machine):
        """What `inbound` makes of the texts of hosts."""

        def answer(self, probe: Probe) -> Any:
            found = super().answer(probe)
            return {**found, "text": "icon \ufffd\n"} if probe.kind == "read" else found

    host = Stripped(paths=machine("icon \ue000\n").paths)
    (problem,) = host.plan(TinyLine("/f", "one")).plan.problems
    assert "U+E000" in problem.summary


def test_a_file_that_is_not_there_is_a_problem_unless_an_edit_creates_it() -> None:
    (problem,) = Machine().plan(TinyLine("/f", "one")).plan.problems
    assert "/f does not exist, and nothing in the plan makes it" in problem.summary
    assert "create=True" in problem.hint
    host = Machine()
    declared = (TinyLine("/f", "one"), TinyLine("/f", "two", create=True))
    assert names(host.plan(*declared).plan) == ["tiny-file:/f"]
    host.apply(host.plan(*declared))
    assert host.lines("/f") == ["one", "two"]


def test_nothing_is_to_be_taken_from_a_file_that_is_not_there() -> None:
    plan = Machine().plan(TinyLine("/f", "one", absent=True)).plan
    assert plan.is_empty
    assert plan.problems == ()


def test_a_declared_file_is_made_for_its_edits() -> None:
    host = Machine()
    host.apply(host.plan(TinyFile("/f"), TinyLine("/f", "one")))
    assert host.lines("/f") == ["one"]


def test_an_edit_of_what_a_package_may_bring_is_decided_during_the_run() -> None:
    host = Machine(brought={"p": ("/d/", "/d/f")})
    declared = (at(3, TinyLine("/d/f", "one")), TinyPackage("p"))
    planned = host.plan(*declared)
    step = planned.plan["tiny-line:/d/f:one"]
    assert (step.is_open, step.possible) == (True, True)
    (change,) = step.to_json()["changes"]
    assert change["after"] == {"known": "after apply"}
    assert host.apply(planned)["tiny-file:/d/f"] == "changed"
    assert host.lines("/d/f") == ["brought", "one"]
    assert host.plan(*declared).plan.is_empty


def test_an_open_edit_that_is_as_declared_already_does_nothing() -> None:
    host = Machine(brought={"p": ("/d/", "/d/f")})
    planned = host.plan(TinyLine("/d/f", "brought"), TinyPackage("p"))
    assert host.apply(planned)["tiny-file:/d/f"] == "unneeded"


def test_an_open_edit_of_what_did_not_come_fails_and_says_so() -> None:
    host = Machine()
    planned = host.plan(TinyLine("/f", "one"), TinyPackage("p"))
    assert host.apply(planned)["tiny-file:/f"] == "failed"


def test_an_edit_of_what_a_command_makes_comes_after_it() -> None:
    host = Machine()
    command = TinyCommand(["touch", "/made"], creates="/made")
    declared = (TinyLine("/made", "one"), command, TinyLine("/made", "two"))
    planned = host.plan(*declared)
    assert names(planned.plan) == ["tiny-command:touch /made", "tiny-file:/made"]
    host.apply(planned)
    assert host.lines("/made") == ["one", "two"]
    assert host.plan(*declared).plan.is_empty


@pytest.mark.parametrize(("brought", "outcome"), [("/d/", "changed"), ("/e/", "unneeded")])
def test_a_condition_that_only_the_run_can_tell_leaves_the_edit_open(
    brought: str, outcome: str
) -> None:
    host = machine()
    host.brought = {"p": (brought,)}
    package = TinyPackage("p")
    planned = host.plan(package, TinyLine("/f", "one", only_if=exists("/d"), after=package))
    step = planned.plan["tiny-file:/f"]
    assert (step.is_open, step.possible) == (True, True)
    assert host.apply(planned)["tiny-file:/f"] == outcome
    assert host.lines("/f") == (["old", "one"] if outcome == "changed" else ["old"])


def test_what_changes_under_an_open_edit_is_edited_as_it_is_then() -> None:
    host = Machine(brought={"p": ("/f",)})
    planned = host.plan(TinyLine("/f", "one"), TinyPackage("p"))
    step = planned.plan["tiny-file:/f"]
    host.paths["/f"] = {**FOLDER, "kind": "file", "data": b"another\n"}
    answers = [host.answer(probe) for probe in step.probes]
    decision = decide_open(planned.resources[step.id], step.probes, answers, Identity())
    assert decision is not None
    (put,) = decision.ops
    assert isinstance(put, Put)
    assert put.content.text == "another\none\n"


def test_what_an_edit_with_a_secret_replaces_is_never_shown() -> None:
    older = "password = older\n"
    secret = attrs.evolve(Content.of("password = newer\n"), secret=True)

    class SecretLine(TinyLine):
        """A line with a text that was resolved."""

        text: Field[FileContent | None] = field(default=None, kw_only=True)

    edit = SecretLine("/f", "password = newer", text=secret)
    (step,) = machine(older).plan(edit).plan.steps
    shown = json.dumps(step.to_json())
    assert "older" not in shown
    assert "newer" not in shown.replace(edit.identity, "")
    assert Content.of(older).sha256 not in shown
    (file,) = graph_of(edit).resources
    (change,) = compare(file.refine(None), TinyFile("/f", content=older)).fields
    assert change.before.secret


def test_the_way_back_puts_the_old_file_in_the_place_of_its_edits() -> None:
    host = machine("old\n")
    one, two = TinyLine("/f", "one"), TinyLine("/f", "two")
    declared = (one, TinyUser("u", after=one), two)
    graph = graph_of(*declared)
    own = note_of(graph.resources[0], TinyFile("/f", content="old\n", mode=0o640))
    assert (own.own["kind"], own.own["keys"]) == ("tiny-file", {"path": "/f"})
    assert own.own["drop"] == {"probes": [], "ops": [], "writes": []}
    host.apply(host.plan(*declared))
    was = TinyFile("/f", content="old\n")
    again = build((was, graph.resources[1]), {}, graph.parts)
    assert again.position[two.identity] == 0
    assert [(e.before, e.after) for e in again.edges] == [(0, 1)]
    answers = {probe: host.answer(probe) for probe in questions(again.resources)}
    host.apply(plan_host(Request(host="h", graph=again), answers))
    assert host.lines("/f") == ["old"]


def test_a_removal_of_a_file_whose_edits_hold_a_secret_keeps_no_copy() -> None:
    secret = attrs.evolve(Content.of("newer"), secret=True)

    class HiddenLine(TinyLine):
        """A line with a text that was resolved."""

        text: Field[FileContent | None] = field(default=None, kw_only=True)

    (file,) = graph_of(TinyFile("/f"), HiddenLine("/f", "a", text=secret)).resources
    own = ownership(file)
    assert own["values"] == {"content": {"secret": True}}
    assert own["drop"]["ops"] == [{"kind": "remove", "path": "/f", "secret": True}]
