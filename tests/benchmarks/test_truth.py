"""What tools say of their dry runs and runs, as the benchmark of dry runs reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.truth import tables
from benchmarks.truth.rounds import Round
from benchmarks.truth.steps import STEPS, Report, Said, Verdict, judge
from benchmarks.truth.tools import ansible, cfgdsl, pyinfra


@pytest.mark.parametrize(
    ("predicted", "happened", "verdict"),
    [
        (Said.CHANGE, Said.CHANGE, Verdict.RIGHT),
        (Said.NONE, Said.NONE, Verdict.RIGHT),
        (Said.FAILED, Said.FAILED, Verdict.RIGHT),
        (Said.CHANGE, Said.NONE, Verdict.WRONG),
        (Said.NONE, Said.CHANGE, Verdict.WRONG),
        (Said.CHANGE, Said.FAILED, Verdict.WRONG),
        (Said.CHANGE, Said.NOT_REACHED, Verdict.WRONG),
        (Said.POSSIBLE, Said.CHANGE, Verdict.UNSAID),
        (Said.FAILED, Said.CHANGE, Verdict.UNSAID),
        (Said.NOT_REACHED, Said.CHANGE, Verdict.UNSAID),
    ],
)
def test_only_what_was_said_can_be_wrong(predicted: Said, happened: Said, verdict: Verdict) -> None:
    assert judge(predicted, happened) is verdict


def task(name: str, outcome: str, message: str = "") -> dict[str, str]:
    return {"task": name, "outcome": outcome, "message": message}


def test_an_aborted_play_did_not_reach_the_rest() -> None:
    lines = [task("package", "changed"), task("home", "skipped"), task("group", "failed", "why")]
    report = ansible.read(lines, 2)
    assert report.steps["package"] is Said.CHANGE
    assert report.steps["home"] is Said.NONE
    assert report.steps["group"] is Said.FAILED
    assert report.steps["nginx reload"] is Said.NOT_REACHED
    assert report.messages == {"group": "why"}


def test_a_handler_that_nothing_notified_did_nothing() -> None:
    report = ansible.read([task("package", "ok")], 0)
    assert report.steps["app restart"] is Said.NONE


def test_a_conditional_operation_of_pyinfra_is_possible() -> None:
    def operation(name: str, **hosts: list[str]) -> dict[str, Any]:
        none: list[str] = []
        both = {"hosts_with_change": none, "hosts_with_conditional_change": none}
        return {"name": name, **both, **hosts}

    plan = [
        operation("package", hosts_with_change=["lab1"]),
        operation("group"),
        operation("home", hosts_with_conditional_change=["lab1"]),
    ]
    said = pyinfra.read_plan(json.dumps({"plan": plan}), 0).steps
    assert said == {"package": Said.CHANGE, "group": Said.NONE, "home": Said.POSSIBLE}


def test_a_dry_run_of_pyinfra_without_a_plan_reached_nothing() -> None:
    report = pyinfra.read_plan("Operation error in deploy.py line 57", 1)
    assert set(report.steps.values()) == {Said.NOT_REACHED}
    assert "line 57" in report.messages[""]


def test_what_cfgdsl_does_not_plan_is_predicted_not_to_change() -> None:
    steps = [
        {"identity": "package:nginx", "possible": False},
        {"identity": "file:/etc/nginx/nginx.conf", "possible": True},
        {"identity": "task:x", "possible": False},
    ]
    said = cfgdsl.read_plan({"hosts": [{"problems": [], "steps": steps}]}, 3).steps
    assert (said["package"], said["group"]) == (Said.CHANGE, Said.NONE)
    assert (said["first edit"], said["second edit"]) == (Said.POSSIBLE, Said.POSSIBLE)
    assert said["task:x"] is Said.CHANGE


def test_a_step_of_cfgdsl_that_was_unneeded_did_not_change() -> None:
    events: list[dict[str, Any]] = [
        {"event": "step_done", "step": "package:nginx", "outcome": "unneeded", "detail": {}},
        {"event": "step_done", "step": "group:app", "outcome": "stale", "detail": {"found": 1}},
        {"event": "summary"},
    ]
    report = cfgdsl.read_events(events, 1)
    assert (report.steps["package"], report.steps["group"]) == (Said.NONE, Said.FAILED)
    assert report.messages == {"group:app": '{"found": 1}'}


def test_steps_that_only_the_run_names_count_as_wrongly_predicted() -> None:
    dry, happened = Report(0, {"package": Said.CHANGE}), Report(0, {"task:x": Said.CHANGE})
    each = Round("tool 1", "pristine", {"--dry": dry}, happened, ())
    assert set(each.verdicts("--dry").values()) == {Verdict.WRONG}
    assert each.changed == 1


def test_a_missing_peer_stands_in_the_table_with_the_reason() -> None:
    assert "| pyinfra | skipped: no network |" in tables.text([], {"pyinfra": "no network"})


def test_each_tool_has_each_step() -> None:
    scenario = Path(tables.__file__).parent / "scenario"
    playbook, deploy = (scenario / name for name in ("playbook.yml", "deploy.py"))
    for step in STEPS:
        assert f"- name: {step}\n" in playbook.read_text()
        assert f'name="{step}"' in deploy.read_text()
    assert list(cfgdsl.IDENTITIES) == list(STEPS)
