"""Each command against a project that only pretends: exit codes, refusals, what goes where."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import cfgdsl
from cfgdsl.cli.main import run
from cfgdsl.cli.terminal import Terminal
from cfgdsl.core.errors import ConfigurationError, Diagnostic, TargetError
from cfgdsl.core.plan import HostPlan, Plan
from cfgdsl.engine.ad_hoc import CommandResult
from cfgdsl.engine.options import Options
from tests.cli import samples
from tests.cli.fake import FakeProject

Ask = Callable[[str], int]
EMPTY = samples.lone(unchanged=3)
CHANGES = samples.lone(*samples.web_steps(), unchanged=3)
ALWAYS = samples.lone(attrs.evolve(samples.odd_steps()[5], id=0))
POSSIBLE = samples.lone(samples.odd_steps()[3])
UNPLANNED = Plan(project="acme", hosts=(HostPlan(host="web1", problems=(samples.UNREACHABLE,)),))
PARTLY = Plan(project="acme", hosts=(*CHANGES.hosts, *UNPLANNED.hosts))


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    fake = FakeProject()

    def load(file: Path, *, options: Options) -> FakeProject:
        fake.options = options
        return fake

    monkeypatch.setattr(cfgdsl, "load", load)
    return fake


@pytest.mark.parametrize(
    ("plan", "code", "detailed"),
    [(EMPTY, 0, 0), (CHANGES, 0, 3), (POSSIBLE, 0, 3), (ALWAYS, 0, 0), (UNPLANNED, 1, 1)],
)
def test_exit_code_of_plan(project: FakeProject, plan: Plan, code: int, detailed: int) -> None:
    project.plans = [plan, plan]
    assert run(["plan"]) == code
    assert run(["plan", "--detailed-exitcode"]) == detailed


@pytest.mark.parametrize(
    ("plan", "outcome", "code"),
    [
        (CHANGES, "changed", 0),
        (CHANGES, "unneeded", 0),
        (CHANGES, "failed", 1),
        (CHANGES, "unproven", 1),
        (CHANGES, "stale", 1),
        (PARTLY, "changed", 1),
        (ALWAYS, "changed", 0),
    ],
)
def test_exit_code_of_apply(project: FakeProject, plan: Plan, outcome: str, code: int) -> None:
    project.plans, project.outcome = [plan], outcome
    assert run(["apply", "--yes"]) == code
    assert project.applied == [plan]


@pytest.mark.parametrize(("plan", "code"), [(EMPTY, 0), (UNPLANNED, 1)])
def test_apply_of_nothing_runs_nothing(project: FakeProject, plan: Plan, code: int) -> None:
    project.plans = [plan]
    assert run(["apply", "--yes"]) == code
    assert project.applied == []


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_apply_refuses_where_nobody_can_be_asked(
    project: FakeProject, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", *options]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert project.options is None  # nothing was even loaded


@pytest.fixture
def asked(project: FakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Runs an apply on what seems to be a terminal, where somebody types."""

    def ask(typed: str) -> int:
        project.plans = [CHANGES]
        original = Terminal.__init__

        def interactive(self: Terminal, **values: Any) -> None:
            original(self, **values)
            self.is_interactive = True

        monkeypatch.setattr(Terminal, "__init__", interactive)
        (tmp_path / "typed").write_text(typed)
        with (tmp_path / "typed").open() as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            return run(["apply"])

    return ask


@pytest.mark.parametrize(
    ("typed", "code"),
    [("y\n", 0), ("yes\n", 0), ("Y", 0), ("\n", 1), ("n\n", 1), ("x\n", 1), ("", 1)],
)
def test_apply_asks(project: FakeProject, asked: Ask, typed: str, code: int) -> None:
    assert asked(typed) == code
    assert bool(project.applied) == (code == 0)


def test_options_reach_the_engine(project: FakeProject) -> None:
    project.plans = [CHANGES, CHANGES]
    words = "apply -y --limit web* --tags a,b -t c --parallel 7 --first 2 --max-failures 10%"
    more = "--ssh-config /x/config --accept-new-host-keys --connect-timeout 3"
    assert run([*words.split(), *more.split()]) == 0
    assert project.asked == {"first": 2, "max_failures": "10%"}
    assert project.options == Options(
        parallel=7, ssh_config=Path("/x/config"), accept_new_host_keys=True, connect_timeout=3.0
    )
    assert run(["plan", "--limit", "web1", "--tags", "a,b", "-t", "c", "--allow-drops", "7"]) == 0
    assert project.asked == {"limit": "web1", "tags": ("a", "b", "c"), "allow_drops": 7}


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "plan --nonsense",
        "plan --parallel 0",
        "plan --parallel x",
        "apply -y --first 0",
        "apply -y --max-failures ten",
        "run",
        "run ''",
        "why a",
        "graph --format png",
    ],
)
def test_a_wrong_command_line_is_a_usage_error(
    project: FakeProject, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words.replace("''", " ").split(" ") if "''" in words else words.split()) == 2
    assert "Usage:" in capsys.readouterr().err


def test_a_mistake_in_the_configuration_is_shown_without_a_traceback(
    project: FakeProject, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/home/ann/site")
    problem = Diagnostic(
        summary="File: has no argument 'contnet'",
        detail="It takes a path.",
        hint="Did you mean 'content'?",
        address="web1",
        origins=(samples.origin(12),),
    )
    project.error = ConfigurationError(problem, samples.UNREACHABLE)
    assert run(["plan"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "Error: web1: File: has no argument 'contnet'\n"
        "  It takes a path.\n"
        "  at infra.py:12 in nginx\n"
        "  Did you mean 'content'?\n"
    )
    assert err.endswith("2 problems.\n")
    assert run(["plan", "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_a_target_error_is_a_failure(project: FakeProject) -> None:
    project.error = TargetError(samples.UNREACHABLE)
    assert run(["plan"]) == 1


def test_a_bug_says_that_it_is_one(
    project: FakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.error = RuntimeError("surprise")
    assert run(["plan"]) == 1
    err = capsys.readouterr().err
    assert "RuntimeError: surprise" in err
    assert "please report it" in err


def test_ctrl_c_while_planning_exits_130(project: FakeProject) -> None:
    project.error = KeyboardInterrupt()  # type: ignore[assignment]
    assert run(["plan"]) == 130
    assert run(["apply", "--yes"]) == 130


def test_ctrl_c_in_a_run_stops_and_then_interrupts(
    project: FakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    def press_twice() -> None:
        for count in (1, 2):
            os.kill(os.getpid(), signal.SIGINT)
            while project.stopped < count:
                time.sleep(0.01)

    project.plans, project.during_run = [CHANGES], press_twice
    before = signal.getsignal(signal.SIGINT)
    assert run(["apply", "--yes"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    out, err = capsys.readouterr()
    assert "Stopping: finishing what has begun." in err
    assert "1 host: 2 created" in out


def test_what_a_connection_notices_is_told(
    project: FakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.plans, project.notices = [EMPTY], ("accepted a new host key SHA256:x",)
    assert run(["plan"]) == 0
    assert "web1: accepted a new host key SHA256:x\n" in capsys.readouterr().err


def test_plan_as_json_is_the_plans_own_document(
    project: FakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.plans = [CHANGES]
    run(["plan", "--json"])
    assert capsys.readouterr().out == CHANGES.to_json() + "\n"


def test_apply_as_json_is_a_line_for_each_event_and_a_summary(
    project: FakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.plans, project.outcome = [CHANGES], "failed"
    assert run(["apply", "--yes", "--json"]) == 1
    events = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == [
        "host_ready",
        "host_planned",
        *["step_done"] * 7,
        "host_done",
        "summary",
    ]
    assert events[2]["step"] == "package:nginx"
    summary = events[-1]
    assert summary["ok"] is False
    assert summary["outcomes"] == {"failed": 7}
    assert summary["failures"][0]["address"] == "web1/package:nginx"
    assert summary["failures"][0]["detail"]["exit"] == 1


def test_a_host_that_got_its_python_is_planned_anew(project: FakeProject) -> None:
    readying = attrs.evolve(CHANGES, hosts=(attrs.evolve(CHANGES.hosts[0], bootstrap=True),))
    project.plans = [readying, CHANGES]
    assert run(["apply", "--yes"]) == 0
    assert project.applied == [readying, CHANGES]


def test_a_host_that_never_gets_a_python_ends_it(project: FakeProject) -> None:
    readying = attrs.evolve(CHANGES, hosts=(attrs.evolve(CHANGES.hosts[0], bootstrap=True),))
    project.plans = [readying, readying]
    assert run(["apply", "--yes"]) == 1
    assert project.applied == [readying]


def test_run_shows_equal_output_once(
    project: FakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    same = CommandResult(0, "up 3 days\n", "")
    bad = CommandResult(3, "", "\x1b[31mno\x1b[0m\n")
    project.results = {"web1": same, "web2": same, "web3": bad, "web9": (samples.UNREACHABLE,)}
    assert run(["run", "uptime -p"]) == 1
    assert project.asked["argv"] == ["uptime", "-p"]
    out = capsys.readouterr().out
    assert out.startswith(
        "web1, web2\n  up 3 days\n\nweb3\n  no\n  exit status 3\n\nweb9\n  Failed:"
    )
    assert out.endswith("\n4 hosts: 2 ok, 1 failed, 1 without an answer\n")
    project.results = {"web1": same}
    assert run(["run", "a | b", "--shell", "--json"]) == 0
    assert project.asked["argv"] == ["sh", "-c", "a | b"]
    expected = {"web1": {"exit": 0, "stdout": "up 3 days\n", "stderr": ""}}
    assert json.loads(capsys.readouterr().out)["hosts"] == expected


def test_facts_by_host(project: FakeProject, capsys: pytest.CaptureFixture[str]) -> None:
    interface = {"name": "eth0", "addresses": ("192.0.2.1",)}
    project.results = {"web1": {"hostname": "web1", "is_root": True, "interfaces": (interface,)}}
    assert run(["facts"]) == 0
    assert capsys.readouterr().out == (
        "web1\n  hostname    web1\n  is_root     yes\n  interfaces  eth0: addresses 192.0.2.1\n\n"
    )
    project.results["web9"] = (samples.UNREACHABLE,)
    assert run(["facts", "--json"]) == 1
    hosts = json.loads(capsys.readouterr().out)["hosts"]
    assert hosts["web1"]["hostname"] == "web1"
    assert hosts["web9"]["problems"][0]["summary"].startswith("cannot connect")
