"""Plans from JSON: what was written comes back, anything else is refused with one message."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import ConfigurationError, Content, Plan, ops, probes
from cfgdsl.core.ops import KINDS, describe
from cfgdsl.runner import wire

from .kinds import TinyDir, TinyFile, TinyPackage, TinyService
from .machine import Machine

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "plan.schema.json").read_text())


def plan() -> Plan:
    machine = Machine(units={"s": "active"})
    file = TinyFile("/a/f", content="text\n", tags=["web"])
    resources = [TinyDir("/a"), file, TinyPackage("p"), TinyService("s", restart_on=file)]
    return Plan(project="p", hosts=(machine.plan(*resources).plan, Machine().plan(file).plan))


def test_a_plan_comes_back_as_it_was() -> None:
    back = Plan.from_json(plan().to_json())
    assert back.to_json() == plan().to_json()
    steps = list(zip(back.steps, plan().steps, strict=True))
    assert steps
    for found, made in steps:
        assert (found.probes, found.before, found.want) == (made.probes, made.before, made.want)
        assert (found.after, found.locks, found.retries) == (made.after, made.locks, made.retries)
        written = [op.to_json() for op in found.ops or ()]
        assert written == [op.to_json() for op in made.ops or ()]
    assert not back.ok
    assert back.hosts[1].problems == plan().hosts[1].problems


def test_a_plan_is_one_line_for_each_step() -> None:
    lines = plan().to_json().splitlines()
    assert sum('"identity":' in line for line in lines) == len(plan().steps)


def test_a_step_is_found_by_its_address() -> None:
    made = plan()
    assert made["h/tiny-dir:/a"].action == "create"
    assert Plan(project=None, hosts=made.hosts[:1])["tiny-dir:/a"].id == 0
    with pytest.raises(KeyError):
        made["tiny-dir:/a"]
    assert made.counts() == {"update": 1, "create": 3, "restart": 1}


BROKEN: list[tuple[str, Any]] = [
    ("not JSON", lambda _: "{"),
    ("another document", lambda _: "[]"),
    ("no format", lambda d: {"hosts": d["hosts"]}),
    ("another format", lambda d: {**d, "format": 2}),
    ("hosts of another type", lambda d: {**d, "hosts": {}}),
    ("nested too deeply", lambda _: "[" * 100_000),
]


@pytest.mark.parametrize("broken", [b for _, b in BROKEN], ids=[n for n, _ in BROKEN])
def test_what_is_no_plan_is_refused(broken: Any) -> None:
    document = broken(json.loads(plan().to_json()))
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(ConfigurationError, match="this is not a plan that this version"):
        Plan.from_json(text)


@given(st.data())
def test_a_plan_with_a_part_left_out_or_of_another_type_is_refused(data: st.DataObject) -> None:
    document = json.loads(plan().to_json())
    place: Any = document["hosts"][0]
    if data.draw(st.booleans()):
        place = data.draw(st.sampled_from(place["steps"]))
    name = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        del place[name]
    else:
        place[name] = {"an": "object"}
    with pytest.raises(ConfigurationError):
        Plan.from_json(json.dumps(document))


def test_the_schema_is_a_schema_and_knows_every_probe_and_op_of_the_wire() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for table, name in ((wire.PROBES, "probe"), (wire.OPS, "op")):
        alternatives = {
            a["properties"]["kind"]["const"]: a["properties"]
            for a in SCHEMA["$defs"][name]["oneOf"]
        }
        assert set(alternatives) == set(table)
        for kind, fields in table.items():
            assert set(alternatives[kind]) - {"kind"} == {field.rstrip("?") for field in fields}


EXAMPLES: list[Any] = [
    probes.Stat("/a", follow=True), probes.Read("/a", unless="0" * 64), probes.List("/a"),
    probes.User("u"), probes.Group("g"),
    probes.AccountName("user", 1), probes.AccountNumber("group", "g"),
    probes.Generated("p", "0123456789", reveal=True),
    probes.Run(("a",), env=(("A", "b"),), timeout=2.0),
    probes.Query(("q",), "i", split="rows", when=probes.Query(("r",), "i", split="blocks")),
    ops.Put("/a", Content.of("x"), mode=0o600, validate=("v", "%s")), ops.Mkdir("/a", 0o700),
    ops.Link("/a", "b"), ops.SetAttrs("/a", owner="u"), ops.Remove("/a", recursive=True),
    ops.Generate("p", 8, "0123456789"), ops.Discard("p"),
    ops.Run(("a",), ("b",), env=(("A", "b"),), ok=(0, 3)),
]  # fmt: skip


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda v: v.kind)
def test_probes_and_ops_come_back_from_json_and_fit_the_wire(value: Any) -> None:
    data = json.loads(json.dumps(value.to_json()))
    read = ops.from_json if isinstance(value, ops.Op) else probes.from_json
    assert read(data) == value
    kind = "op" if isinstance(value, ops.Op) else "probe"
    part = {"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(part).validate(data)
    with pytest.raises(ValueError, match="unexpected keyword"):
        read({**data, "unknown": 1})
    with pytest.raises(ValueError, match="unknown kind"):
        read({**data, "kind": "shell"})


def test_every_op_has_words_for_people() -> None:
    examples = [value for value in EXAMPLES if isinstance(value, ops.Op)]
    assert {type(value) for value in examples} == set(KINDS.values())
    assert all(len(describe(value)) > 5 for value in examples)
