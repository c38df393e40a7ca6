"""The second document of a plan file: what it holds comes back, and does the same on a host."""

import copy
import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import (
    Become,
    ConfigurationError,
    Content,
    Host,
    Output,
    Plan,
    Resource,
    Secret,
    exists,
    ops,
    probes,
)
from cfgdsl.core.edits import Folded
from cfgdsl.core.expected import CONTENT, Expected, mask, side_by_side
from cfgdsl.core.predict import Identity
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import Unknown
from cfgdsl.core.request import Planned
from cfgdsl.core.resource import registry
from cfgdsl.core.saved import MadeFrom, contents_of, execution_document, execution_hosts
from cfgdsl.core.saved_host import host_from_json, host_to_json, secrets_of
from cfgdsl.core.saved_reader import read_made_from, read_prepared
from cfgdsl.core.saved_values import NotSavableError, fields_to_json, resource_from_json

from .kinds import TinyCommand, TinyDir, TinyFile, TinyPackage, TinyService
from .machine import FOLDER, Machine
from .strategies import forall

MADE_FROM = MadeFrom(tool="cfgdsl 0 sha256:0", code={"infra.py": "0"}, facts={"h": "1"})


def prepared(planned: Planned) -> Prepared:
    return Prepared(Host("h"), planned, Identity())


def documents(planned: Planned) -> tuple[str, str]:
    plan = Plan(project="p", hosts=(planned.plan,))
    hosts = execution_hosts([prepared(planned)], lambda resource: resource.kind)
    return plan.to_json(), execution_document(hosts, MADE_FROM)


def read_back(planned: Planned, texts: tuple[str, str] | None = None) -> Planned:
    text, execution = texts or documents(planned)
    stored = contents_of([prepared(planned)])
    made_from, hosts = read_made_from(execution)
    assert made_from == MADE_FROM
    plans = Plan.from_json(text).hosts
    (found,) = read_prepared(hosts, plans, lambda sha, _: stored[sha], registry.__getitem__)
    return found.planned


def plan_of(machine: Machine, resources: list[Resource]) -> Planned | None:
    try:
        found = machine.plan(*resources)
    except ConfigurationError:
        return None
    return None if found.plan.problems or _has_open_edits(found) else found


def _has_open_edits(planned: Planned) -> bool:
    """What is refused: see below."""
    return any(isinstance(planned.resources[s.id], Folded) for s in planned.plan.steps if s.is_open)


def comes_back(machine: Machine, resources: list[Resource]) -> None:
    planned = plan_of(machine, resources)
    if planned is None:
        return
    back = read_back(planned)
    assert documents(back) == documents(planned)
    for found, made in zip(back.plan.steps, planned.plan.steps, strict=True):
        for name in ("ops", "probes", "before", "want", "after", "triggers", "possible"):
            written = [getattr(step, name) for step in (found, made)]
            shown = [[x.to_json() for x in w] if name == "ops" and w else w for w in written]
            assert shown[0] == shown[1], name
        if made.is_open:
            assert back.resources[made.id] == planned.resources[made.id]


def does_the_same(machine: Machine, resources: list[Resource]) -> None:
    planned = plan_of(machine, resources)
    if planned is None:
        return
    one, other = machine, copy.deepcopy(machine)
    assert other.apply(read_back(planned)) == one.apply(planned)
    assert attrs.asdict(other) == attrs.asdict(one)


def test_a_saved_plan_comes_back_as_it_was() -> None:
    forall(comes_back, examples=200)


def test_a_saved_plan_does_on_a_host_what_the_plan_in_memory_does() -> None:
    forall(does_the_same, examples=200)


def sample() -> Planned:
    machine = Machine(units={"s": "active"})
    file = TinyFile("/a/f", content="text\n", tags=["web"])
    made = TinyFile("/p/etc/f", content="x", only_if=~exists("/p/no"))  # open: the package decides
    rest = [TinyDir("/a"), TinyPackage("p"), TinyService("s", restart_on=file)]
    planned = machine.plan(file, made, *rest, TinyCommand(["touch", "/t"], creates="/t"))
    assert any(step.is_open for step in planned.plan.steps)
    return planned


@given(st.data())
def test_a_document_with_a_part_left_out_or_of_another_type_is_refused(data: st.DataObject) -> None:
    planned = sample()
    text, execution = documents(planned)
    document = json.loads(execution)
    place: Any = document
    for name in data.draw(
        st.sampled_from([(), ("made_from",), ("hosts", 0), ("hosts", 0, "host")])
    ):
        place = place[name]
    name = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        del place[name]
    else:
        place[name] = 1.5
    with pytest.raises(ConfigurationError, match="this is not a plan that this version"):
        read_back(planned, (text, json.dumps(document)))


def test_answers_that_do_not_fit_their_digest_are_refused() -> None:
    planned = sample()
    text, execution = documents(planned)
    document = json.loads(execution)
    steps = document["hosts"][0]["steps"]
    closed = next(step for step in steps.values() if "expected" in step)
    closed["expected"]["before"][0] = {"kind": "dir"}
    with pytest.raises(ConfigurationError, match="expects other answers"):
        read_back(planned, (text, json.dumps(document)))


def test_an_open_step_without_its_resource_is_refused() -> None:
    planned = sample()
    text, execution = documents(planned)
    document = json.loads(execution)
    (number,) = (
        str(step.id) for step in planned.plan.steps if step.identity == "tiny-file:/p/etc/f"
    )
    del document["hosts"][0]["steps"][number]["resource"]
    with pytest.raises(ConfigurationError, match="its resource is not there"):
        read_back(planned, (text, json.dumps(document)))


def test_a_resource_that_asks_something_else_than_its_step_is_refused() -> None:
    planned = sample()
    text, execution = documents(planned)
    with pytest.raises(ConfigurationError, match="asks something else"):
        read_back(planned, (text, execution.replace('"path":"/p/etc/f"', '"path":"/p/etc/g"')))


secrets = st.sampled_from([None, Secret.env("A"), Secret.file("/s"), Secret.command(["pass", "a"])])
names = st.sampled_from([None, "a", "192.0.2.7"])


@st.composite
def hosts(draw: st.DrawFn, depth: int = 2) -> Host[Any]:
    become = draw(st.sampled_from([None, "sudo", "su"]))
    way: dict[str, Any] = {}
    if draw(st.booleans()):
        way["exec"] = ["docker", "exec", "-i", "web"]
    else:
        way["address"] = draw(names)
        way["port"] = draw(st.sampled_from([None, 22, 65535]))
        way["key"] = draw(st.sampled_from([None, "~/.ssh/id", "/keys/my key"]))
        jump = draw(hosts(depth=depth - 1)) if depth else None
        way["via"] = draw(st.sampled_from([None, "bastion", jump]))
    return Host(
        "h",
        user=draw(names),
        password=draw(secrets),
        become=become and Become(method=become, user="u", password=draw(secrets)),
        python=draw(st.sampled_from([None, "/usr/bin/python3"])),
        tags=draw(st.sets(st.sampled_from("abc"))),
        data={"not": "kept"},
        **way,
    )


@given(hosts())
def test_how_a_host_is_reached_comes_back(host: Host[Any]) -> None:
    data = json.loads(json.dumps(host_to_json(host)))
    back = host_from_json(data)
    assert host_to_json(back) == data
    assert secrets_of(back) == secrets_of(host)
    for name in ("address", "port", "user", "key", "become", "python", "exec", "tags", "password"):
        assert getattr(back, name) == getattr(host, name)


@pytest.mark.parametrize("value", ["hunter2", "x" + Secret.env("A").token, 7])
def test_a_password_in_a_plan_is_a_reference_or_refused(value: object) -> None:
    data = {**host_to_json(Host("h")), "password": value}
    with pytest.raises(ValueError):  # noqa: PT011 - read by `refusing_what_does_not_fit`
        host_from_json(data)


def test_fields_come_back_whatever_their_normal_form() -> None:
    shown = f"password={Secret.env('A')}\n"
    made = TinyFile("/f", mode="1204", content=Content.sealed(shown), only_if=exists("/x"))
    data = json.loads(json.dumps(fields_to_json(made)))
    back = resource_from_json(TinyFile, data, made.origin, Content)
    assert back == made
    assert back.only_if == made.only_if
    assert back.origin == made.origin
    assert isinstance(back, TinyFile)
    assert back.mode == 644  # which the user could not write: it looks like a mistake
    assert isinstance(back.content, Content)
    assert back.content.shown == shown


def test_references_come_back_as_identities() -> None:
    package = TinyPackage("p")
    made = TinyService("s", restart_on=[package, "tiny-file:/f"], after=package)
    data = fields_to_json(made)
    assert data["restart_on"] == ["tiny-package:p", "tiny-file:/f"]
    assert data["after"] == ["tiny-package:p"]


def test_edits_of_what_only_the_run_brings_are_refused_for_now() -> None:
    folded = Folded(TinyFile("/f"), (), says=())
    with pytest.raises(NotSavableError, match="file holds a TinyFile"):
        fields_to_json(folded)


def test_an_output_is_refused_for_now() -> None:
    output: Output[str] = Output(TinyPackage("p"), "version")
    with pytest.raises(NotSavableError, match=r"content is an output of tiny-package:p"):
        fields_to_json(TinyFile("/f", content=output))


SECRET = Content.of("password=hunter2\n")
STAT = {"kind": "file", "mode": 0o600, "owner": "root", "group": "root"}


def read(content: Content) -> dict[str, Any]:
    return {"sha256": content.sha256, "size": content.size, "text": None}


def test_masked_answers_say_nothing_of_a_content_and_come_back_whole() -> None:
    old = Content.of("password=old\n")
    hidden = attrs.evolve(SECRET, secret=True)
    whole = Expected.of([STAT, read(old)], [STAT, read(SECRET)])
    masked = whole.mask([None, hidden])
    assert masked.before == (STAT, {})
    assert masked.after == (STAT, {CONTENT: 1})
    text = repr(masked)
    assert all(c.sha256 not in text and f"{c.size}" not in text for c in (old, SECRET))
    assert masked.fill([None, hidden]) == whole.after


def test_another_content_beside_a_secret_is_unknown_then() -> None:
    masked = Expected.of([None], [read(Content.of("x"))]).mask([attrs.evolve(SECRET, secret=True)])
    assert masked.after == (Unknown("not kept beside a secret"),)
    assert masked.fill([SECRET]) == masked.after


def test_what_is_noted_beside_a_secret_has_no_digest() -> None:
    old = {"kind": "file", "mode": 0o644, "owner": "root", "group": "root", "data": b"older\n"}
    machine = Machine(paths={"/": FOLDER, "/f": old, "/same": {**old, "data": SECRET.data}})
    hidden = attrs.evolve(SECRET, secret=True, shown=f"password={Secret.env('A')}\n")
    planned = machine.plan(
        TinyFile("/f", content=hidden), TinyFile("/same", content=hidden), owns=True
    )
    (step,), adopted = planned.plan.steps, planned.plan.adopt["tiny-file:/same"]
    assert step.record is not None
    texts = documents(planned)
    for digest in (SECRET.sha256, Content.of("older\n").sha256, adopted.applied):
        assert not [text for text in texts if digest in text]
    assert step.record.applied not in texts[1]
    back = read_back(planned, texts).plan
    assert back.adopt["tiny-file:/same"].own == adopted.own
    assert back.steps[0].record == attrs.evolve(
        step.record, applied="", was={"mode": 0o644, "owner": "root", "content": {"secret": True}}
    )


QUESTIONS = (probes.Stat("/f"), probes.Read("/f"))


def test_what_deviates_is_side_by_side() -> None:
    expected = Expected.of([STAT, read(Content.of("a"))], [{**STAT, "mode": 0o640}, Unknown()])
    found = [{**STAT, "mode": 0o777}, read(Content.of("a"))]
    (row,) = side_by_side(QUESTIONS, expected, found)
    assert attrs.astuple(row) == ("stat /f", "mode", 0o600, 0o777, 0o640)


def test_what_came_or_went_is_one_row() -> None:
    expected = Expected.of([None, None], [STAT, read(SECRET)])
    rows = side_by_side(QUESTIONS, expected, [STAT, read(SECRET)], secret=True)
    assert [(r.question, r.field, r.planned_from) for r in rows] == [
        ("stat /f", "", None),
        ("read /f", "", None),
    ]
    assert SECRET.sha256 not in repr(rows)
    assert mask([read(SECRET)]) == ({},)


def test_what_only_the_run_decides_is_said_to_be_so() -> None:
    expected = Expected.of([STAT, None], [Unknown("a command decides it"), None])
    (row,) = side_by_side(QUESTIONS, expected, [None, None])
    assert row.to_json()["wanted"] == {"known": "after apply"}


def test_an_op_writes_what_the_file_has() -> None:
    back = read_back(sample())
    (put,) = (op for step in back.plan.steps for op in step.ops or () if isinstance(op, ops.Put))
    assert put.content.data == b"text\n"
