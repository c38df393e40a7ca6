"""`Service`: what systemd is asked, which calls of systemctl and which refreshes follow."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import ImpossibleError, Task, probes
from cfgdsl_stdlib import File, Service
from tests.stdlib.walk import (
    after,
    argvs,
    assert_converges,
    change_of,
    folder,
    impossible,
    link,
    refusal,
    regular,
)

STATE, FILE, TEXT = Service("nginx").probes()
UNIT = "[Service]\nExecStart=/x\n"
INSTALL = f"{UNIT}[Install]\nWantedBy=multi-user.target\n"


def unit(active: str = "inactive", file: str = "disabled", **values: str) -> dict[str, str]:
    found = {"Id": "nginx.service", "LoadState": "loaded", "ActiveState": active}
    return {**found, "UnitFileState": file, "NeedDaemonReload": "no", **values}


def masked(active: str = "inactive") -> dict[str, str]:
    return unit(active, "masked", LoadState="masked")


def host(state: Any, file: Any = None, text: str | None = None) -> dict[probes.Probe, Any]:
    read = None if text is None else {"sha256": "0" * 64, "size": len(text), "text": text}
    return {STATE: state, FILE: file, TEXT: read}


@pytest.mark.parametrize(
    ("arguments", "found", "commands"),
    [
        ({"running": True, "enabled": True}, host(unit("active", "enabled")), []),
        ({"running": True, "enabled": True}, host(unit()), ["enable", "start"]),
        ({"running": True}, host(unit("reloading")), []),
        ({"running": True}, host(unit("activating")), ["start"]),
        ({"running": True}, host(unit("failed")), ["start"]),
        ({"running": False}, host(unit("failed")), []),
        ({"running": False}, host(unit("activating")), ["stop"]),
        (
            {"running": False, "enabled": False},
            host(unit("active", "enabled")),
            ["disable", "stop"],
        ),
        ({"enabled": False}, host(unit(file="static")), []),
        ({"enabled": False}, host(unit(file="enabled-runtime")), ["disable"]),
        ({"enabled": True}, host(unit(file="enabled-runtime")), ["enable"]),
        ({"masked": True, "running": False}, host(unit("active")), ["stop", "mask"]),
        ({"masked": True}, host(masked()), []),
        ({"masked": True}, host(None), ["mask"]),
        ({"masked": False}, host(masked()), ["unmask"]),
        (
            {"masked": False, "running": True, "enabled": True},
            host(masked(), link("/dev/null")),
            ["unmask", "enable", "start"],
        ),
        ({}, host(unit()), []),
        ({"running": True, "enabled": True}, host(None, regular(), INSTALL), ["enable", "start"]),
        ({"running": True}, host(None, regular(), UNIT), ["start"]),
    ],
)
def test_commands(arguments: dict[str, Any], found: Any, commands: list[str]) -> None:
    declared = Service("nginx", **arguments)
    assert argvs(declared, found) == [f"systemctl {verb} -- nginx.service" for verb in commands]
    assert_converges(declared, found)


def test_a_unit_whose_file_the_plan_writes_is_foreseen() -> None:
    declared = Service("nginx", running=True, enabled=True)
    answers = after(declared, host(None, regular(), INSTALL))
    assert answers is not None
    assert answers[STATE] == unit("active", "enabled")


@pytest.mark.parametrize(
    ("arguments", "found", "summary"),
    [
        (
            {"running": True},
            host(None),
            "there is no unit nginx.service on the host, and nothing in the plan brings it",
        ),
        (
            {"running": False},
            host(None, link("/opt/nginx.service")),
            "there is no unit nginx.service on the host, and nothing in the plan brings it",
        ),
        ({"running": True}, host(masked()), "nginx.service is masked"),
        ({"enabled": True}, host(masked()), "nginx.service is masked"),
        (
            {"enabled": True},
            host(unit(file="static")),
            "nginx.service is static: it cannot be enabled or disabled",
        ),
        (
            {"enabled": True},
            host(None, regular(), UNIT),
            "nginx.service is static: it cannot be enabled or disabled",
        ),
        (
            {"enabled": False},
            host(unit(file="generated")),
            "nginx.service is generated: it cannot be enabled or disabled",
        ),
        (
            {"enabled": True},
            host(unit(file="")),
            "nginx.service is without a unit file: it cannot be enabled or disabled",
        ),
        (
            {"enabled": True},
            host(unit(Id="httpd.service")),
            "nginx.service is another name of httpd.service",
        ),
        (
            {"masked": True},
            host(unit(), regular()),
            "nginx.service has a file of its own in /etc/systemd/system, where its mask would be",
        ),
    ],
)
def test_what_cannot_be(arguments: dict[str, Any], found: Any, summary: str) -> None:
    problem, hint = impossible(Service("nginx", **arguments), found)
    assert problem == summary
    assert hint


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("nginx", "nginx.service"),
        ("nginx.service", "nginx.service"),
        ("backup.timer", "backup.timer"),
        ("getty@tty1", "getty@tty1.service"),
        ("php8.2-fpm", "php8.2-fpm.service"),
    ],
)
def test_names_have_their_suffix(given_name: str, name: str) -> None:
    assert Service(given_name).name == name


def test_bad_declarations() -> None:
    assert refusal(lambda: Service("getty@", running=True)) == (
        "Service: name is that of a template; name an instance, like 'getty@example.service'"
    )
    assert refusal(lambda: Service("nginx", masked=True, running=True)) == (
        "Service: masked=True and running or enabled contradict each other"
    )
    assert "name" in refusal(lambda: Service("--now"))


def tasks(declared: Service, found: Any) -> list[Task]:
    return list(declared.tasks(change_of(declared, found)))


def verbs(task: Task) -> list[str]:
    return [" ".join(op.to_json()["argv"]) for op in task.ops]


SITE = File("/etc/nginx.conf", content="x")


@pytest.mark.parametrize(
    ("running", "active", "restart"),
    [
        (True, "active", "systemctl restart --"),
        (None, "active", "systemctl restart --"),
        (True, "inactive", None),
        (None, "inactive", None),
        (False, "active", None),
    ],
)
def test_only_what_runs_is_restarted(running: Any, active: str, restart: str | None) -> None:
    declared = Service("nginx", running=running, restart_on=SITE)
    later = [task for task in tasks(declared, host(unit(active))) if not task.first]
    assert [verbs(task) for task in later] == ([[restart]] if restart else [])
    for task in later:
        assert task.name == "restart"
        assert task.causes == (SITE,)
        (proof,) = task.proof
        assert "InvocationID" in str(proof.to_json())


def test_a_unit_that_may_come_is_restarted_when_it_runs_by_then() -> None:
    declared = Service("nginx", restart_on=SITE)
    with pytest.raises(ImpossibleError):
        change_of(declared, host(None))
    from cfgdsl.core.diff import compare

    restart = declared.tasks(compare(declared, None))[-1]
    assert verbs(restart) == ["systemctl try-restart --"]
    assert restart.proof == ()


def test_a_check_comes_before_the_refresh() -> None:
    declared = Service("nginx", reload_on=[SITE], check=["nginx", "-t"], running=True)
    reload = tasks(declared, host(unit("active")))[-1]
    assert (reload.name, verbs(reload), reload.proof) == (
        "reload",
        ["nginx -t", "systemctl reload --"],
        (),
    )


def test_changed_unit_files_make_systemd_read_them_again() -> None:
    (task,) = tasks(
        Service("getty@tty1"),
        dict.fromkeys(Service("getty@tty1").probes())
        | {Service("getty@tty1").probes()[0]: unit(Id="getty@tty1.service")},
    )
    assert (task.name, task.shared, task.first) == ("systemd-daemon-reload", True, True)
    assert {
        "path:/etc/systemd/system/getty@.service",
        "path:/etc/systemd/system/getty@tty1.service",
        "path:/etc/systemd/system/getty@tty1.service.d",
        "path:/usr/lib/systemd/system/getty@.service",
    } <= {*task.cause_keys}
    (stale,) = tasks(Service("nginx"), host(unit(NeedDaemonReload="yes")))
    assert stale.cause_keys == ()


def test_footprint() -> None:
    footprint = Service("nginx").footprint()
    assert footprint.writes == ("unit:nginx.service",)
    assert "path:/etc/systemd/system/nginx.service" in footprint.reads
    assert "path:/etc/systemd/system/nginx.service.d" in footprint.reads_under
    assert footprint.awaits == (("unit:nginx.service", STATE),)


BOOLS = st.none() | st.booleans()


@given(
    running=BOOLS,
    enabled=BOOLS,
    masked_=BOOLS,
    state=st.none()
    | st.just(masked())
    | st.builds(
        unit,
        st.sampled_from(["active", "inactive", "failed", "activating", "deactivating"]),
        st.sampled_from(["enabled", "disabled", "static", "indirect", "enabled-runtime", "linked"]),
        NeedDaemonReload=st.sampled_from(["yes", "no"]),
    ),
    file=st.none() | st.sampled_from([regular(), folder(), link("/dev/null")]),
    text=st.none() | st.sampled_from([UNIT, INSTALL]),
)
def test_applied_means_nothing_left_to_do(  # noqa: PLR0917
    running: Any, enabled: Any, masked_: Any, state: Any, file: Any, text: Any
) -> None:
    if masked_ and (running or enabled):
        return
    declared = Service("nginx", running=running, enabled=enabled, masked=masked_)
    with contextlib.suppress(ImpossibleError):
        assert_converges(declared, host(state, file, text))


@pytest.mark.parametrize(
    ("running", "seen", "sure"),
    [(True, True, True), (True, False, False), (None, False, True)],
)
def test_a_restart_is_sure_unless_the_start_itself_may_come_later(
    running: bool | None, seen: bool, sure: bool
) -> None:
    from cfgdsl.core.diff import compare

    declared = Service("nginx", running=running, restart_on=SITE, reload_on=SITE)
    change = change_of(declared, host(unit("active"))) if seen else compare(declared, None)
    restart, reload = declared.tasks(change)[-2:]
    assert (restart.name, restart.sure) == ("restart", sure)
    assert (reload.name, reload.sure) == ("reload", True)
