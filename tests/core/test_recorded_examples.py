"""Histories that once broke a promise, as small as they can be."""

import pytest

from cfgdsl import Resource
from cfgdsl.runner.record import Record

from .histories import Apply, Meanwhile
from .kinds import TinyCommand, TinyFile, TinyPackage, TinyUser
from .machine import FOLDER
from .promises import REFRESHED, BrokenError, live
from .recorded_body import Body, Configuration, Trouble
from .recorded_kinds import TinyDaemon, TinyFolder
from .recorded_mutants import forget_before_the_steps

BROUGHT = {"p": ("unit:s",)}


def apply(*resources: Resource, trouble: Trouble | None = None) -> Apply:
    """One that goes well, or one that does not and is not repeated."""
    troubles = () if trouble is None else (trouble,)
    return Apply(Configuration(resources), troubles, recovers=trouble is None)


def lived(*events: Apply | Meanwhile, body: Body | None = None) -> tuple[Body, Record]:
    return live(body or Body(brought=BROUGHT), list(events))


def body_with(**data: bytes) -> Body:
    body = Body(brought=BROUGHT)
    for name, content in data.items():
        body.paths[f"/{name}"] = {**FOLDER, "kind": "file", "mode": 0o644, "data": content}
    return body


def test_what_was_made_and_is_declared_absent_needs_no_second_note() -> None:
    body, _ = lived(apply(TinyFile("/f", content="x")), apply(TinyFile("/f", absent=True)))
    assert "/f" not in body.paths


def test_what_is_made_again_after_it_was_declared_absent_is_ours_again() -> None:
    file = TinyFile("/f", content="x")
    body, _ = lived(apply(file), apply(TinyFile("/f", absent=True)), apply(file), apply())
    assert "/f" not in body.paths


def test_what_an_open_step_finds_as_declared_is_owned_at_once() -> None:
    file = TinyFile("/f", content="x")
    _, record = lived(apply(file, TinyDaemon("s", restart_on=[file]), TinyPackage("p")))
    assert "tiny-daemon:s" in record.owned


def test_what_has_a_name_of_its_own_is_put_back_under_it() -> None:
    file = TinyFile("/f", content="new", id="site")
    body, record = lived(apply(file), apply(), body=body_with(f=b"old"))
    assert body.paths["/f"]["data"] == b"old"
    assert record.owned == {}


def test_what_is_protected_is_not_deleted_as_a_way_back_either() -> None:
    file = TinyFile("/f", content="x", protect=True, on_drop="restore")
    assert "/f" in lived(apply(file), apply())[0].paths


def test_what_was_adopted_and_never_changed_is_as_it_was() -> None:
    file = TinyFile("/f", content="x", on_drop="restore")
    assert "/f" in lived(apply(file), apply(), body=body_with(f=b"x"))[0].paths


def test_a_service_that_did_not_run_before_does_not_run_when_it_is_dropped() -> None:
    body = Body(brought=BROUGHT, packages={"p"}, units={"s": "inactive"})
    body, _ = lived(apply(TinyDaemon("s", running=True), TinyPackage("p")), apply(), body=body)
    assert body.units["s"] == "inactive"


def test_a_folder_that_cannot_go_because_of_what_is_kept_in_it_is_a_problem() -> None:
    inside = TinyFile("/a/b/h", content="x", on_drop="forget")
    folders = [TinyFolder("/a"), TinyFolder("/a/b")]
    gone = [TinyFolder("/a", absent=True), TinyFile("/f")]
    body, _ = lived(apply(*folders, inside), apply(*gone))
    assert "/f" not in body.paths


def stopped_by_a_run_that_is_killed() -> list[Apply]:
    """A restart fails; the service is to be stopped instead, and is not; now it is to run again."""
    old, new = TinyFile("/f", content="1"), TinyFile("/f", content="2")
    package = TinyPackage("p")
    runs = TinyDaemon("s", running=True, restart_on=[new])
    return [
        apply(old, TinyDaemon("s", running=True, restart_on=[old]), package),
        apply(new, runs, package, trouble=Trouble(fail=1)),
        apply(
            new,
            TinyDaemon("s", running=False, restart_on=[new]),
            package,
            trouble=Trouble(kill=1),
        ),
        apply(new, runs, package),
    ]


def test_a_restart_stays_owed_until_the_service_is_really_stopped() -> None:
    body, _ = lived(*stopped_by_a_run_that_is_killed())
    assert body.starts["s"] == 2


def test_a_debt_forgotten_before_the_steps_is_a_lost_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget_before_the_steps(monkeypatch)
    with pytest.raises(BrokenError, match=REFRESHED):
        lived(*stopped_by_a_run_that_is_killed())


def test_a_debt_that_is_moot_is_forgotten_without_what_owed_it() -> None:
    old, new = TinyFile("/f", content="1"), TinyFile("/f", content="2")
    argv = ["touch", "/t"]
    _, record = lived(
        apply(old, TinyCommand(argv, on_change=[old])),
        apply(new, TinyCommand(argv, on_change=[new]), trouble=Trouble(fail=1)),
        apply(new, TinyCommand(argv)),
    )
    assert [name for name in record.owned if "command" in name] != []
    assert record.debts == {}


def test_a_debt_and_what_owed_it_are_forgotten_together() -> None:
    old, new = TinyFile("/f", content="1"), TinyFile("/f", content="2")
    argv = ["touch", "/t"]
    _, record = lived(
        apply(old, TinyCommand(argv, on_change=[old])),
        apply(new, TinyCommand(argv, on_change=[new]), trouble=Trouble(fail=1)),
        apply(new),
    )
    assert list(record.owned) == ["tiny-file:/f"]
    assert record.debts == {}


def test_a_user_that_was_made_goes_with_its_declaration() -> None:
    assert lived(apply(TinyUser("u")), apply())[0].users == {"root": "/bin/sh"}
