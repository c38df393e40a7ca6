"""What plans make of a host's record: ownership, drops, debts, and the way back."""

from typing import Any

import attrs
import pytest

from cfgdsl import Answers, Change, Content, Footprint, Op, Probe, Resource, keys, ops, probes
from cfgdsl.core.decide import digest_of
from cfgdsl.core.dropped import MOST_DROPS, declaration, drops, within_limit
from cfgdsl.core.graph import build
from cfgdsl.core.origin import Origin
from cfgdsl.core.planner import plan_host
from cfgdsl.core.record import (
    HostRecord,
    Left,
    Owed,
    Standing,
    applied_digest,
    ownership,
    read_record,
    state,
)
from cfgdsl.core.request import Planned, Request, questions
from cfgdsl.core.rollback import changes_of, way_back
from tests.core.kinds import TinyDir, TinyFile, TinyService, TinyUser
from tests.core.machine import FOLDER, Machine, names

HERE = Origin("infra.py", 7)
CREATED, ADOPTED = Standing(created=True, current=True), Standing(created=False, current=True)


def left(resource: Resource, machine: Machine, **values: Any) -> Left:
    """`resource` as the record of `machine` has it once it is no longer declared."""
    own = ownership(resource)
    asked = [probes.from_json(probe) for probe in own["drop"]["probes"]]
    entry = {"created": True, **own, "answers": [machine.answer(probe) for probe in asked]}
    raw = {"declared": "", "others": {resource.identity: entry}}
    return attrs.evolve(read_record(raw, []).left[0], **values)


def planned(
    machine: Machine, *resources: Resource, record: HostRecord | None = None, **fields: Any
) -> Planned:
    record = record or HostRecord()
    found = within_limit(drops(record, resources), record, fields.pop("allowed", 0))
    graph = build((*resources, *found.resources), {})
    answers = {probe: machine.answer(probe) for probe in questions(graph.resources)}
    request = Request(host="h", graph=graph, record=record, owns=True, drops=found, **fields)
    return plan_host(request, answers)


def file(data: bytes = b"x") -> dict[str, Any]:
    return {**FOLDER, "kind": "file", "mode": 0o644, "data": data}


# Who owns what


def test_what_is_changed_is_noted_with_its_change_and_what_is_not_is_adopted() -> None:
    machine = Machine(paths={"/there": file(), "/old": file(b"old")})
    new, old = TinyFile("/new", content="n"), TinyFile("/old", content="new")
    plan = planned(machine, new, old, TinyFile("/there", content="x")).plan
    notes = {step.identity: step.record for step in plan.steps}
    assert notes["tiny-file:/new"] is not None
    assert notes["tiny-file:/new"].was is None
    assert notes["tiny-file:/old"] is not None
    was = notes["tiny-file:/old"].was
    assert was is not None
    assert was["content"]["size"] == 3
    assert list(plan.adopt) == ["tiny-file:/there"]
    assert not plan.is_noted


def test_what_is_recorded_as_it_is_declared_is_noted_no_more() -> None:
    machine = Machine(paths={"/f": file()})
    record = HostRecord(standing={"tiny-file:/f": CREATED})
    plan = planned(machine, TinyFile("/f", content="x"), record=record).plan
    assert (plan.steps, plan.adopt, plan.is_noted) == ((), {}, True)


def test_what_a_killed_run_left_is_tidied_up_even_when_nothing_is_to_be_changed() -> None:
    machine = Machine(paths={"/f": file()})
    record = HostRecord(standing={"tiny-file:/f": CREATED}, pending={"tiny-file:/f": "r1"})
    plan = planned(machine, TinyFile("/f", content="x"), record=record).plan
    assert (plan.steps, plan.is_empty, plan.is_noted) == ((), True, False)


@pytest.mark.parametrize(
    ("standing", "corrective"),
    [(CREATED, True), (Standing(created=True, current=False), False), (None, False)],
)
def test_drift_is_told_apart_from_intent(standing: Standing | None, corrective: bool) -> None:
    record = HostRecord(standing={} if standing is None else {"tiny-file:/f": standing})
    machine = Machine(paths={"/f": file(b"other")})
    (step,) = planned(machine, TinyFile("/f", content="x"), record=record).plan.steps
    assert step.corrective is corrective


def test_the_digest_of_what_is_declared_tells_every_difference() -> None:
    declared = [
        TinyFile("/f"),
        TinyFile("/f", content="a"),
        TinyFile("/f", content="b"),
        TinyFile("/f", mode=0o600),
        TinyFile("/f", absent=True),
        TinyFile("/f", protect=True),
        TinyFile("/f", on_drop="forget"),
    ]
    assert len({applied_digest(each) for each in declared}) == len(declared)
    assert applied_digest(TinyFile("/f", content="a", tags=["x"])) == applied_digest(declared[1])


def test_what_another_project_owns_is_an_error_that_names_it() -> None:
    record = HostRecord(foreign={"path:/f": ("db", "line:/f:x")})
    plan = planned(Machine(), TinyFile("/f"), record=record).plan
    (problem,) = plan.problems
    assert "belongs to the project 'db', which declares it as line:/f:x" in str(problem)


def test_secrets_are_in_no_note() -> None:
    secret = attrs.evolve(Content.of("hunter2"), secret=True)
    told = TinyFile("/f").observed(content=secret)
    text = f"{ownership(told)} {state(told)}"
    assert "hunter2" not in text
    assert secret.sha256 not in text
    assert "'secret': True" in text


# What is no longer declared


def test_what_was_created_is_deleted_in_an_order_that_works() -> None:
    machine = Machine(paths={"/d": dict(FOLDER), "/d/f": {**file(), "owner": "u"}})
    machine.users["u"] = "/bin/sh"
    record = HostRecord(
        left=(
            left(TinyUser("u"), machine),
            left(TinyDir("/d"), machine),
            left(TinyFile("/d/f", owner="u"), machine),
        )
    )
    plan = planned(machine, record=record)
    assert [(s.identity, s.action, s.release) for s in plan.plan.steps] == [
        ("tiny-file:/d/f", "delete", True),
        ("tiny-user:u", "delete", True),
        ("tiny-dir:/d", "delete", True),
    ]
    machine.apply(plan)
    assert (machine.users, list(machine.paths)) == ({"root": "/bin/sh"}, ["/"])


@pytest.mark.parametrize(
    ("values", "there", "action"),
    [
        ({}, True, "delete"),
        ({}, False, "forget"),
        ({"created": False}, True, "forget"),
        ({"created": False, "original": {"mode": 0o600}}, True, "restore"),
        ({"on_drop": "forget"}, True, "forget"),
        ({"on_drop": "delete", "created": False}, True, "delete"),
        ({"default": "forget"}, True, "forget"),
    ],
)
def test_what_becomes_of_it_hangs_on_whose_it_was(
    values: dict[str, Any], there: bool, action: str
) -> None:
    machine = Machine(paths={"/f": file()} if there else {})
    was = left(TinyFile("/f", content="x", mode=0o644), machine, **values)
    plan = planned(machine, record=HostRecord(left=(was,))).plan
    if action == "forget":
        assert (plan.steps, plan.forget) == ((), ("tiny-file:/f",))
    else:
        assert [(s.identity, s.action) for s in plan.steps] == [("tiny-file:/f", action)]
        assert plan.steps[0].reason == "no longer declared"


def test_a_type_whose_code_is_gone_is_taken_away_as_the_record_says() -> None:
    machine = Machine(paths={"/f": file()})
    was = left(TinyFile("/f"), machine, kind="a-type-of-long-ago")
    plan = planned(machine, record=HostRecord(left=(was,)))
    (step,) = plan.plan.steps
    assert (step.action, step.ops, step.want) == (
        "delete",
        (ops.Remove("/f"),),
        digest_of([None, None]),
    )
    machine.apply(plan)
    assert "/f" not in machine.paths


def test_what_is_protected_is_never_deleted() -> None:
    machine = Machine(paths={"/f": file()})
    was = left(TinyFile("/f", protect=True), machine)
    (problem,) = planned(machine, record=HostRecord(left=(was,))).plan.problems
    assert "is protected, and no longer declared" in str(problem)
    (problem,) = planned(machine, TinyFile("/f", absent=True, protect=True)).plan.problems
    assert "is protected, and would be deleted" in str(problem)


def test_what_something_declared_still_needs_is_kept_and_stays_owned() -> None:
    machine = Machine(paths={"/d": dict(FOLDER), "/d/f": file()})
    record = HostRecord(standing={"tiny-file:/d/f": CREATED}, left=(left(TinyDir("/d"), machine),))
    plan = planned(machine, TinyFile("/d/f", content="x"), record=record).plan
    assert (plan.steps, plan.forget) == ((), ())
    assert "kept: tiny-file:/d/f needs it" in str(plan.notes[0])


def test_what_changes_hands_is_left_to_who_declares_it_now() -> None:
    machine = Machine(paths={"/d": dict(FOLDER)})
    record = HostRecord(left=(left(TinyDir("/d"), machine, identity="tiny-dir:old-name"),))
    plan = planned(machine, TinyDir("/d"), record=record).plan
    assert (plan.steps, plan.forget) == ((), ("tiny-dir:old-name",))


@pytest.mark.parametrize(
    ("owned", "dropped", "refused"),
    [(3, 3, False), (4, 4, False), (5, 5, True), (30, 6, False), (30, 7, True), (500, 21, True)],
)
def test_many_drops_at_once_need_a_word(owned: int, dropped: int, refused: bool) -> None:
    machine = Machine(paths={f"/{n}": file() for n in range(owned)})
    gone = tuple(left(TinyFile(f"/{n}"), machine) for n in range(dropped))
    kept = {f"tiny-file:/{n}": CREATED for n in range(dropped, owned)}
    record = HostRecord(left=gone, standing=kept)
    declared = [TinyFile(f"/{n}", content="x") for n in range(dropped, owned)]
    plan = planned(machine, *declared, record=record).plan
    assert bool(plan.problems) is refused
    assert (dropped > MOST_DROPS) <= refused
    plan = planned(machine, *declared, record=record, allowed=dropped).plan
    assert (len(plan.steps), plan.problems) == (dropped, ())


def test_moved_is_for_a_new_name_of_the_same_thing() -> None:
    machine = Machine(paths={"/f": file()})
    renamed = {"tiny-file:site": ("tiny-file:/f", ("path:/f",))}
    record = HostRecord(standing={"tiny-file:/f": CREATED}, renamed=renamed)
    plan = planned(machine, TinyFile("/f", content="x"), record=record).plan
    assert (plan.steps, dict(plan.rename)) == ((), {"tiny-file:site": "tiny-file:/f"})
    other = {"tiny-file:/g": ("tiny-file:/f", ("path:/g",))}
    plan = planned(machine, TinyFile("/f"), record=attrs.evolve(record, renamed=other)).plan
    assert "leads from one thing to another" in str(plan.problems[0])


# What is owed


def service() -> TinyService:
    return TinyService("s", running=True, restart_on="tiny-file:/conf")


def owing(paid: bool = False) -> HostRecord:
    owed = Owed(run="r7", causes=("tiny-file:/conf",), paid=paid)
    return HostRecord(owed={"tiny-service:s#restart": owed})


def test_a_restart_that_an_earlier_run_owes_is_planned_and_says_so() -> None:
    machine = Machine(paths={"/conf": file()}, units={"s": "active"})
    plan = planned(machine, TinyFile("/conf", content="x"), service(), record=owing())
    (step,) = plan.plan.steps
    assert (step.identity, step.debt, step.possible) == ("tiny-service:s#restart", True, False)
    assert step.reason == "owed since run r7: tiny-file:/conf changed"
    machine.apply(plan)
    assert machine.starts["s"] == 1


def test_old_and_new_causes_make_one_restart() -> None:
    machine = Machine(paths={"/conf": file(b"old")}, units={"s": "active"})
    plan = planned(machine, TinyFile("/conf", content="x"), service(), record=owing()).plan
    assert names(plan) == ["tiny-file:/conf", "tiny-service:s#restart"]
    assert plan.steps[1].triggers == (0,)


@pytest.mark.parametrize(
    ("declared", "record", "forgotten"),
    [
        ((service(),), owing(paid=True), True),
        ((TinyService("s", running=True),), owing(), True),
        ((), owing(), True),
    ],
)
def test_a_debt_that_is_paid_or_wanted_no_more_is_forgotten(
    declared: tuple[Resource, ...], record: HostRecord, forgotten: bool
) -> None:
    machine = Machine(paths={"/conf": file()}, units={"s": "active"})
    conf = TinyFile("/conf", content="x")
    plan = planned(machine, conf, *declared, record=record).plan
    assert plan.steps == ()
    assert ("tiny-service:s#restart" in plan.forget) is forgotten


def test_a_debt_of_what_is_not_selected_stays() -> None:
    machine = Machine(paths={"/conf": file()}, units={"s": "active"})
    plan = planned(
        machine,
        TinyFile("/conf", content="x"),
        service(),
        record=owing(),
        selected=lambda resource: resource.kind == "tiny-file",
    ).plan
    assert plan.forget == ()


# The way back


def entries(*steps: tuple[Resource, Resource | None]) -> list[dict[str, Any]]:
    """What a run notes: each resource, and how it was before."""
    told = [{"name": now.identity, "own": ownership(now), "was": state(was)} for now, was in steps]
    done = [{"event": "done", "step": now.identity, "outcome": "changed"} for now, _ in steps]
    return [{"event": "intent", "steps": told}, *done]


def test_a_run_is_undone_from_what_it_noted() -> None:
    machine = Machine(paths={"/d": dict(FOLDER), "/d/new": file(), "/d/old": file(b"new")})
    before = TinyFile("/d/old", content="old", mode=0o600)
    told = entries((TinyFile("/d/new"), None), (TinyFile("/d/old", content="new"), before))
    content = before.content
    assert isinstance(content, Content)
    way = way_back(tuple(changes_of(told)), {content.sha256})
    assert way.notes == ()
    graph = build(way.among([TinyDir("/d")]), {})
    answers = {probe: machine.answer(probe) for probe in questions(graph.resources)}
    plan = plan_host(Request(host="h", graph=graph, drops=way.drops("r1")), answers).plan
    shown = [(s.identity, s.action, s.release) for s in plan.steps]
    assert shown == [("tiny-file:/d/old", "update", False), ("tiny-file:/d/new", "delete", True)]
    assert plan.steps[1].reason == "was not there before run r1"
    (put,) = plan.steps[0].ops or ()
    assert isinstance(put, ops.Put)
    assert (put.content.sha256, put.content.is_kept) == (content.sha256, True)


def test_what_cannot_be_undone_is_said() -> None:
    lost = TinyFile("/lost", content="old")
    secret = TinyFile("/secret").observed(content=attrs.evolve(Content.of("s"), secret=True))
    told = entries((TinyFile("/lost", content="n"), lost), (TinyFile("/secret"), secret))
    told.append({"event": "intent", "steps": [{"name": "command:x"}]})
    done = {"event": "done", "outcome": "changed"}
    told += [{**done, "step": name} for name in ("command:x", "a:b#reload")]
    way = way_back(tuple(changes_of(told)), ())
    assert way.resources == ()
    assert [(note.address, note.summary) for note in way.notes] == [
        ("command:x", "cannot be undone: the record does not say how it was"),
        ("tiny-file:/secret", "cannot be undone: a tiny-file has no way back, or held a secret"),
        ("tiny-file:/lost", "cannot be undone: its old content (3 bytes) was not kept"),
    ]


def test_a_declaration_comes_back_from_its_note() -> None:
    user = TinyUser("u", shell="/bin/zsh")
    own = ownership(user)
    back = declaration(own["kind"], own["keys"], own["values"], HERE)
    assert back == user
    assert back is not None
    assert back.origin == HERE
    assert declaration("no-such-type", {}, {}, HERE) is None


def test_a_type_without_a_way_to_be_absent_is_only_forgotten() -> None:
    class Mark(Resource):
        def footprint(self) -> Footprint:
            return Footprint(writes=[keys.path("/mark")])

        def probes(self) -> tuple[Probe, ...]:
            return ()

        def observe(self, answers: Answers) -> Any:
            return self

        def ops(self, change: Change[Any]) -> tuple[Op, ...]:
            return ()

    mark = Mark()
    assert mark.removal() is None
    assert ownership(mark)["drop"] == {"probes": [], "ops": [], "writes": ["path:/mark"]}


# What is in the way of what is declared in its place


def test_a_directory_goes_first_where_a_file_is_declared_now() -> None:
    machine = Machine(paths={"/d": dict(FOLDER), "/d/e": dict(FOLDER), "/d/e/f": file()})
    old = [TinyDir("/d"), TinyDir("/d/e"), TinyFile("/d/e/f")]
    record = HostRecord(left=tuple(left(each, machine) for each in old))
    made = planned(machine, TinyFile("/d", content="x"), record=record)
    actions = {step.identity: (step.action, step.release) for step in made.plan.steps}
    assert actions == {
        "tiny-file:/d/e/f": ("delete", True),
        "tiny-dir:/d/e": ("delete", True),
        "tiny-dir:/d": ("delete", True),
        "tiny-file:/d": ("create", False),
    }
    assert set(machine.apply(made).values()) == {"changed"}
    assert machine.paths["/d"]["data"] == b"x"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"created": False}, "/d is a dir"),
        ({"on_drop": "forget"}, "/d is a dir"),
        ({"protect": True}, "is protected, and no longer declared"),
    ],
)
def test_what_may_not_go_is_in_the_way(values: dict[str, Any], word: str) -> None:
    machine = Machine(paths={"/d": dict(FOLDER)})
    record = HostRecord(left=(left(TinyDir("/d"), machine, **values),))
    plan = planned(machine, TinyFile("/d", content="x"), record=record).plan
    assert not plan.steps
    assert any(word in problem.summary for problem in plan.problems)


def test_what_is_in_the_way_and_cannot_go_is_an_error_that_names_both() -> None:
    class Filled(TinyDir):
        def ops(self, change: Change[Any]) -> tuple[Op, ...]:
            return (ops.Remove(self.path),)

    machine = Machine(paths={"/d": dict(FOLDER)})
    gone = left(Filled("/d"), machine, kind="")
    gone = attrs.evolve(gone, kind="tiny-dir", keys={"no": "such"})
    machine.paths["/d/precious"] = file()
    record = HostRecord(left=(gone,))
    found = drops(record, [TinyFile("/d", content="x")])
    graph = build((TinyFile("/d", content="x"), *found.resources), {})
    answers = {probe: machine.answer(probe) for probe in questions(graph.resources)}
    answers[probes.List("/d")] = machine.answer(probes.List("/d"))
    request = Request(host="h", graph=graph, record=record, owns=True, drops=found)
    (problem,) = plan_host(request, answers).plan.problems
    assert problem.summary.startswith("is in the way of tiny-file:/d, and cannot go: /d is not")
    assert len(problem.origins) == 2


def test_what_can_become_the_new_thing_changes_hands_instead() -> None:
    machine = Machine(paths={"/f": file()})
    old = left(TinyFile("/f", id="old"), machine)
    plan = planned(machine, TinyFile("/f", content="y"), record=HostRecord(left=(old,))).plan
    assert [(s.identity, s.action) for s in plan.steps] == [("tiny-file:/f", "update")]
    assert plan.forget == ("tiny-file:old",)
