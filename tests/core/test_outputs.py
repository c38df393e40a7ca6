"""Outputs: values that only the run brings, as plans and declarations have them."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import ConfigurationError, Output, Resource, Step, UnknownValueError, exists
from cfgdsl.core.exchange import Export
from cfgdsl.core.inputs import HOST, known_part, substituted
from cfgdsl.core.output import filled, gathered
from cfgdsl_stdlib import Command, File, SshKey, Symlink, User

from .kinds import TinyCommand, TinyDir, TinyFile, TinyKey
from .machine import FOLDER, Machine

EMPTY = {**FOLDER, "kind": "file", "mode": 0o644, "data": b""}
KEY = {**EMPTY, "data": b"key"}


def only(steps: tuple[Step, ...]) -> Step:
    assert len(steps) == 1, steps
    return steps[0]


def problem(machine: Machine, *resources: Resource, **request: Any) -> str:
    (found,) = machine.plan(*resources, **request).plan.problems
    return str(found)


def content_of(step: Step) -> bytes:
    (op,) = step.ops or ()
    data: bytes = op.content.data  # type: ignore[attr-defined]
    return data


def on_host(host: str, resource: Resource) -> Any:
    resource.__dict__[HOST] = host
    return resource


# Making outputs


def test_several_outputs_become_one_of_a_tuple() -> None:
    one, two = TinyKey("/1").text, TinyKey("/2").text.map(str.upper)
    both = Output.all(one, two).map(" ".join)
    assert [(s.source.identity, s.name) for s in both.sources] == [
        ("tiny-key:/1", "text"),
        ("tiny-key:/2", "text"),
    ]
    assert both.resolve(lambda source, _: source.path) == "/1 /2"


nested = st.recursive(
    st.integers() | st.text() | st.just("an output"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(nested)
def test_outputs_are_found_and_filled_however_deep_they_are(value: Any) -> None:
    def with_outputs(part: Any, made: Callable[[], Any]) -> Any:
        match part:
            case "an output":
                return made()
            case dict():
                return {key: with_outputs(item, made) for key, item in part.items()}
            case list() | tuple():
                return type(part)(with_outputs(item, made) for item in part)
        return part

    source = TinyKey("/k")
    given_value = with_outputs(value, lambda: Output(source, "text"))
    expected = with_outputs(value, lambda: "known")
    assert filled(given_value, lambda *_: "known") == expected
    output = gathered(given_value)
    if isinstance(output, Output):
        assert output.resolve(lambda *_: "known") == expected
    else:
        assert output is given_value
        assert "an output" not in repr(value) or value == "an output" or isinstance(value, str)


@pytest.mark.parametrize(
    "use",
    [
        lambda o: f"{o}",
        lambda o: "%s" % o,  # noqa: UP031 - one more way to use it
        lambda o: o == "x",
        bool,
        list,
        lambda o: o in {"x": 1}.values(),
        lambda o: o["x"],
        lambda o: o + "x",
        lambda o: o.strip(),
        os.fspath,
        lambda o: sorted([o, "x"]),
    ],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_using_one_as_a_plain_value_names_both_lines(
    use: Callable[[Any], object], mapped: bool
) -> None:
    output: Output[Any] = TinyKey("/k").text
    output = output.map(str.upper) if mapped else output
    with pytest.raises(UnknownValueError) as caught:
        use(output)
    assert "tiny-key:/k.text is known only after apply" in str(caught.value)
    assert str(caught.value).count(__file__) == 2


def test_json_does_not_take_one_either() -> None:
    with pytest.raises(TypeError, match="Output is not JSON"):
        json.dumps({"key": TinyKey("/k").text})


def test_a_misspelt_output_is_an_error_at_its_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        str(SshKey("/k").publik_key)  # type: ignore[attr-defined]
    (found,) = caught.value.diagnostics
    assert found.summary == "SshKey has no attribute 'publik_key'"
    assert found.hint == "Did you mean 'public_key'?"
    assert found.origins[0].file == __file__
    assert not hasattr(SshKey("/k"), "publik_key")


@pytest.mark.parametrize(
    ("declare", "complaint"),
    [
        (TinyFile, "path must be known now"),
        (lambda o: TinyFile("/f", absent=o), "absent must be known now"),
        (lambda o: TinyFile("/f", id=o), "id must be known now"),
        (lambda o: Command(["echo", o], always=True), "argv must be known now"),
        (lambda o: Command(shell="x", unless=[o]), "needs a guard"),
    ],
)
def test_what_a_plan_cannot_do_without_must_be_known(
    declare: Callable[[Any], object], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        declare(TinyKey("/k").text)


def test_types_never_meet_an_output_that_has_a_default() -> None:
    output: Any = TinyKey("/k").text
    user = User("u", groups=["adm", output], home=output)
    assert user.footprint().reads == ("group:u",)
    link = Symlink("/l", to=output)
    assert link.footprint().writes == ("path:/l",)
    file = File("/f", content="x", owner=output)
    assert known_part(file).owner is None
    assert file.probes() == File("/f", content="x").probes()
    assert substituted(User("u", home=output), lambda *_: "/www").home == "/www"
    assert substituted(User("u", groups=["www", output]), lambda *_: "adm").groups == (
        "adm",
        "www",
    )


# Plans


def test_what_is_there_is_used_as_it_is() -> None:
    key = TinyKey("/k")
    machine = Machine(paths={"/k": dict(KEY)})
    step = only(machine.plan(key, TinyFile("/f", content=key.text)).plan.steps)
    assert not step.is_open
    assert content_of(step) == b"key"


def test_what_is_foreseen_is_used_although_it_is_still_to_come() -> None:
    source = File("/a", content="hello")
    plan = Machine().plan(source, TinyFile("/f", content=source.sha256)).plan
    assert [s.is_open for s in plan.steps] == [False, False]
    assert content_of(plan["tiny-file:/f"]).startswith(b"2cf24dba")
    assert plan["tiny-file:/f"].after == (0,)


def test_what_only_the_run_brings_leaves_the_step_open() -> None:
    key = TinyKey("/k")
    plan = Machine().plan(key, TinyFile("/f", content=key.text)).plan
    step = plan["tiny-file:/f"]
    assert (step.is_open, step.possible, step.action) == (True, False, "create")
    there = Machine(paths={"/f": dict(EMPTY)}).plan(key, TinyFile("/f", content=key.text)).plan
    assert (there["tiny-file:/f"].is_open, there["tiny-file:/f"].possible) == (True, True)
    assert json.loads(json.dumps(step.to_json()))["changes"][0]["after"] == {"known": "after apply"}


def test_a_value_of_an_earlier_run_is_taken_from_the_record() -> None:
    made = TinyCommand(["touch", "/x"], creates="/x")
    machine = Machine(paths={"/x": dict(EMPTY)})
    file = TinyFile("/f", content=Output[str](made, "stdout"))
    recorded = {made.identity: {"stdout": "said"}}
    step = only(machine.plan(made, file, recorded_outputs=recorded).plan.steps)
    assert content_of(step) == b"said"
    assert "no record of an earlier run has it" in problem(machine, made, file)


def test_what_is_about_to_run_again_makes_the_recorded_value_old() -> None:
    made = TinyCommand(["touch", "/x"], creates="/x")
    recorded = {made.identity: {"stdout": "said"}}
    file = TinyFile("/f", content=Output[str](made, "stdout"))
    assert Machine().plan(made, file, recorded_outputs=recorded).plan["tiny-file:/f"].is_open


def test_an_absent_source_has_no_value() -> None:
    key = TinyKey("/k", absent=True)
    gone = problem(Machine(paths={"/k": dict(KEY)}), key, TinyFile("/f", content=key.text))
    assert "tiny-key:/k.text has no value: it is declared absent" in gone


def test_one_that_is_not_selected_is_used_as_it_is_now() -> None:
    key = TinyKey("/k")
    file = TinyFile("/f", content=key.text, tags=["web"])

    def web(resource: Resource) -> bool:
        return "web" in resource.tags

    there = Machine(paths={"/k": dict(KEY)}).plan(key, file, selected=web).plan
    assert content_of(only(there.steps)) == b"key"
    assert "has no value" in problem(Machine(), key, file, selected=web)


def test_one_that_is_skipped_is_used_as_it_is_now() -> None:
    key = TinyKey("/k", only_if=exists("/nowhere"))
    file = TinyFile("/f", content=key.text)
    there = Machine(paths={"/k": dict(KEY)}).plan(key, file).plan
    assert content_of(only(there.steps)) == b"key"
    assert "has no value" in problem(Machine(), key, file)


def test_a_value_that_a_field_does_not_take_is_a_problem_with_both_lines() -> None:
    key = TinyKey("/k")
    told = problem(Machine(paths={"/k": dict(KEY)}), key, TinyFile("/f", mode=key.text))
    assert "mode, from tiny-key:/k.text" in told
    assert "must be octal digits" in told
    assert told.count(__file__) == 2


def test_a_mistake_in_map_is_a_problem_of_the_resource() -> None:
    key = TinyKey("/k")
    wrong = key.text.map(lambda text: text.index("nothing"))
    told = problem(Machine(paths={"/k": dict(KEY)}), key, TinyFile("/f", mode=wrong))
    assert "what is made of tiny-key:/k.text" in told
    assert "raised ValueError: substring not found" in told


def test_an_output_that_only_says_how_matters_only_where_something_is_done() -> None:
    key = TinyKey("/k")
    command = Command(["x"], creates="/done", input=key.text)
    plan = Machine(paths={"/done": dict(EMPTY)}).plan(key, command).plan
    assert [s.identity for s in plan.steps] == ["tiny-key:/k"]
    assert Machine().plan(key, command).plan["command:x"].is_open


def test_what_runs_on_changes_needs_its_values_before() -> None:
    key, directory = TinyKey("/k"), TinyDir("/d")
    command = Command(["x"], on_change=directory, input=key.text)
    assert "too late for what runs on changes of others" in problem(
        Machine(), key, directory, command
    )


def test_equal_declarations_with_equal_outputs_are_one() -> None:
    key = TinyKey("/k")
    twice = [TinyFile("/f", content=gathered_text(key)) for _ in range(2)]
    machine = Machine(paths={"/k": dict(KEY)})
    assert len(machine.plan(key, *twice).plan.steps) == 1
    other = TinyFile("/f", content=TinyKey("/other").text)
    with pytest.raises(ConfigurationError, match="different content"):
        machine.plan(key, TinyKey("/other"), twice[0], other)


def gathered_text(key: TinyKey) -> Output[str]:
    return Output.all(key.text, key.text).map("".join)


# Across hosts


def test_a_resource_of_another_host_is_a_gate_while_it_is_pending() -> None:
    key = on_host("other", TinyKey("/k"))
    file, late = TinyFile("/f", content=key.text), TinyDir("/late", after=key)
    unplanned = Machine().plan(file, late, foreign=lambda *_: Export(is_planned=False)).plan
    for step in unplanned.steps:
        assert step.gates == ("other/tiny-key:/k",)
    assert [step.is_open for step in unplanned.steps] == [True, False]
    known = Machine().plan(file, late, foreign=lambda *_: Export(values={"text": "x"})).plan
    assert [(s.gates, s.is_open) for s in known.steps] == [((), False)] * 2


def test_a_gate_holds_for_what_comes_after_an_unchanged_resource() -> None:
    first = TinyDir("/d", after=on_host("other", TinyKey("/k")))
    second = TinyFile("/f", after=first)
    third = TinyFile("/g", after=second)
    plan = (
        Machine(paths={"/d": dict(FOLDER)})
        .plan(first, second, third, foreign=lambda *_: Export(frozenset((0,))))
        .plan
    )
    assert [(s.identity, s.gates) for s in plan.steps] == [
        ("tiny-file:/f", ("other/tiny-key:/k",)),
        ("tiny-file:/g", ()),
    ]


def test_outside_of_the_limit_only_what_is_there_is_known() -> None:
    key = on_host("other", TinyKey("/k"))
    told = problem(
        Machine(), TinyFile("/f", content=key.text), foreign=lambda *_: Export(is_outside=True)
    )
    assert "other/tiny-key:/k.text has no value yet, and other is outside of --limit" in told
    assert "--limit other,h" in told


def test_refreshes_across_hosts_are_refused_with_both_lines() -> None:
    key = on_host("other", TinyKey("/k"))
    with pytest.raises(ConfigurationError) as caught:
        Machine().plan(TinyCommand(["x"], on_change=key))
    (found,) = caught.value.diagnostics
    assert found.summary.startswith("on_change= refers to other/tiny-key:/k, which is on another")
    assert len(found.origins) == 2


def test_exports_say_what_a_resource_hangs_on() -> None:
    key, file = TinyKey("/k"), TinyFile("/f")
    planned = Machine().plan(key, file, exporting=True)
    assert planned.export(key.identity).steps == {0}
    assert planned.export(key.identity).values == {}
    there = Machine(paths={"/k": dict(KEY), "/f": dict(EMPTY)}).plan(key, file, exporting=True)
    assert there.export(key.identity) == Export(values={"text": "key"})
    assert there.export("tiny-key:/unknown").is_pending
