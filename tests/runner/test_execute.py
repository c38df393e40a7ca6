"""Executing steps: every outcome and how it comes about, in parallel, and to every kind of end."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cfgdsl.runner import wire

from .conftest import Start
from .harness import (
    PROJECT,
    Event,
    Json,
    RunnerProcess,
    content_step,
    detail,
    entries,
    eventually,
    outcomes,
    processes_with,
    put,
    run,
    sha256,
    step,
)

OLD, NEW = b"old\n", b"new\n"


def read(path: object) -> Json:
    return {"kind": "read", "path": str(path)}


def digest_of(data: bytes | None) -> str:
    return wire.digest([None if data is None else {"sha256": sha256(data), "size": len(data)}])


def shell(script: str, **fields: Any) -> Json:
    return run("sh", "-c", script, **fields)


def always(step_id: str, *ops: Json, **fields: Any) -> Json:
    """A step whose ops run in any case, and that is proven by nothing in particular."""
    return step(step_id, ops=ops, want=wire.digest([]), always=True, **fields)


# Compare and swap


def test_a_step_is_done_proven_and_then_unneeded(rooted: RunnerProcess, tree: Path) -> None:
    steps = [content_step("1", "/f", NEW)]
    events = rooted.execute(steps, [NEW])
    assert [event["event"] for event in events] == ["started", "done"]
    assert outcomes(events) == {"1": "changed"}
    assert (tree / "f").read_bytes() == NEW
    before = (tree / "f").stat()
    again = rooted.execute(steps, [NEW])
    assert [event["event"] for event in again] == ["done"]
    assert outcomes(again) == {"1": "unneeded"}
    assert (tree / "f").stat() == before


def test_what_is_neither_as_planned_nor_as_wanted_is_stale_and_untouched(
    rooted: RunnerProcess, tree: Path
) -> None:
    (tree / "f").write_bytes(b"by hand")
    steps = [
        content_step("1", "/f", NEW, before=digest_of(OLD)),
        content_step("2", "/g", NEW, after=["1"]),
        content_step("3", "/h", NEW),
    ]
    events = rooted.execute(steps, [NEW])
    assert outcomes(events) == {"1": "stale", "2": "skipped", "3": "changed"}
    assert detail(events, "1")["answers"][0]["text"] == "by hand"
    assert detail(events, "2") == {"because": "1"}
    assert (tree / "f").read_bytes() == b"by hand"


def test_chained_edits_of_one_file_run_in_one_message(rooted: RunnerProcess, tree: Path) -> None:
    versions = [f"version {n}\n".encode() for n in range(30)]
    steps = [
        content_step(
            str(n),
            "/f",
            version,
            before=digest_of(versions[n - 1] if n else None),
            after=[str(n - 1)] if n else [],
            locks=["path:/f"],
        )
        for n, version in enumerate(versions)
    ]
    events = rooted.execute(steps, versions)
    assert set(outcomes(events).values()) == {"changed"}
    assert (tree / "f").read_bytes() == versions[-1]


def test_an_open_step_waits_for_the_decision_and_others_do_not(
    rooted: RunnerProcess, tree: Path
) -> None:
    steps = [
        step("open", [read("/f")], None),
        content_step("next", "/g", NEW, after=["open"]),
        content_step("other", "/h", NEW),
    ]
    rooted.start(steps, [NEW])
    first, second, third = (rooted.receive() for _ in range(3))
    assert (first["event"], first["phase"], first["answers"]) == ("observed", "before", [None])
    assert (second["event"], third["event"]) == ("started", "done")
    decision = {"ops": [put("/f", NEW)], "want": digest_of(NEW)}
    rooted.send({"do": "resolve", "steps": {"open": decision}})
    assert outcomes(rooted.events()) == {"open": "changed", "next": "changed"}
    assert (tree / "f").read_bytes() == NEW


def test_a_content_that_was_decided_only_now_comes_with_its_decision(
    rooted: RunnerProcess, tree: Path
) -> None:
    texts = {"1": "grün\n", "2": ""}

    def resolve(event: Event) -> Json:
        text = texts[event["step"]]
        data = text.encode()
        return {"ops": [put("/f", data)], "want": digest_of(data), "texts": [text]}

    steps = [step("1", [read("/f")], None), step("2", [read("/f")], None, after=["1"])]
    assert outcomes(rooted.execute(steps, resolve=resolve)) == {"1": "changed", "2": "changed"}
    assert (tree / "f").read_bytes() == b""


def test_a_content_that_was_never_sent_is_the_failure_of_its_step(rooted: RunnerProcess) -> None:
    decision = {"ops": [put("/f", NEW)], "texts": ["another\n"]}
    events = rooted.execute([step("1", [read("/f")], None)], resolve=lambda _: decision)
    assert outcomes(events) == {"1": "failed"}
    assert "its content was not sent" in detail(events, "1")["error"]


def test_what_changed_between_question_and_decision_is_stale(
    rooted: RunnerProcess, tree: Path
) -> None:
    def resolve(event: Event) -> Json:
        (tree / "f").write_bytes(b"by hand")
        return {"ops": [put("/f", NEW)], "want": digest_of(NEW)}

    events = rooted.execute([step("1", [read("/f")], None)], [NEW], resolve)
    assert outcomes(events) == {"1": "stale"}
    assert (tree / "f").read_bytes() == b"by hand"


def test_the_controller_may_end_a_step_by_its_decision(rooted: RunnerProcess) -> None:
    decision = {"done": "failed", "detail": {"error": "no such unit"}}
    events = rooted.execute([step("1", [read("/f")], None)], resolve=lambda _: decision)
    assert outcomes(events) == {"1": "failed"}
    assert detail(events, "1") == {"error": "no such unit"}


@pytest.mark.parametrize(("verdict", "outcome"), [("changed", "changed"), ("unproven", "unproven")])
def test_what_is_not_as_predicted_is_judged_by_the_controller(
    rooted: RunnerProcess, verdict: str, outcome: str
) -> None:
    seen = []

    def resolve(event: Event) -> Json:
        seen.append((event["phase"], event["answers"][0]["text"]))
        return {"done": verdict}

    one = step("1", [read("/f")], [put("/f", NEW)], want=digest_of(OLD))
    two = step("2", [read("/g")], [put("/g", NEW)])
    events = rooted.execute([one, two], [NEW], resolve)
    assert seen == [("after", "new\n")] * 2
    assert outcomes(events) == {"1": outcome, "2": outcome}


def test_an_op_that_fails_is_the_failure_of_its_step_alone(
    rooted: RunnerProcess, tree: Path
) -> None:
    (tree / "f").mkdir()
    steps = [
        content_step("1", "/f", NEW),
        content_step("2", "/x", NEW, after=["1"]),
        content_step("3", "/y", NEW, after=["2"]),
        content_step("4", "/z", NEW),
    ]
    events = rooted.execute(steps, [NEW])
    expected = {"1": "failed", "2": "skipped", "3": "skipped", "4": "changed"}
    assert outcomes(events) == expected
    assert detail(events, "1") == {"error": "a directory is in the way: /f"}
    assert detail(events, "3") == {"because": "1"}


def test_locked_ops_do_not_outlive_a_failing_one(rooted: RunnerProcess, tree: Path) -> None:
    ops = [put("/a", NEW), {"kind": "remove", "path": "/missing/x"}, put("/b", NEW)]
    events = rooted.execute([step("1", [], ops, want=wire.digest([]), always=True)], [NEW])
    assert outcomes(events) == {"1": "failed"}
    assert (tree / "a").exists()
    assert not (tree / "b").exists()


# Commands


def test_a_failing_command_is_reported_with_all_one_needs(runner: RunnerProcess) -> None:
    script = "echo out; seq 100000 >&2; exit 3"
    events = runner.execute([always("1", shell(script))])
    found = detail(events, "1")
    assert found["error"] == "exit status 3"
    assert found["exit"] == 3
    assert found["argv"] == ["sh", "-c", script]
    assert found["stdout"] == "out\n"
    assert found["stderr"].endswith("99999\n100000\n")
    assert len(found["stderr"]) <= 8192


def test_output_is_told_while_it_comes_and_is_bounded(runner: RunnerProcess) -> None:
    events = runner.execute([always("1", shell("echo begin; head -c 1000000000 /dev/zero"))])
    told = "".join(event["text"] for event in events if event["event"] == "output")
    assert told.startswith("begin\n")
    assert len(told) <= 16 * 1024
    assert outcomes(events) == {"1": "changed"}


def test_other_exit_codes_can_be_success(runner: RunnerProcess) -> None:
    assert outcomes(runner.execute([always("1", shell("exit 3", ok=[0, 3]))])) == {"1": "changed"}


def test_steps_run_at_the_same_time_unless_they_share_a_lock(runner: RunnerProcess) -> None:
    def elapsed(**fields: Any) -> float:
        begin = time.monotonic()
        events = runner.execute([always(str(n), shell("sleep 0.3"), **fields) for n in range(4)])
        assert set(outcomes(events).values()) == {"changed"}
        return time.monotonic() - begin

    assert elapsed() < 0.9
    assert elapsed(locks=["one"]) >= 1.2


def test_commands_do_not_hold_up_files(runner: RunnerProcess, tmp_path: Path) -> None:
    steps = [always("slow", shell("sleep 0.5")), content_step("quick", tmp_path / "f", NEW)]
    events = runner.execute(steps, [NEW])
    assert [e["step"] for e in events if e["event"] == "done"] == ["quick", "slow"]


def test_a_slow_guard_holds_up_nobody_else(runner: RunnerProcess, tmp_path: Path) -> None:
    guard = {"kind": "run", "argv": ["sleep", "0.5"]}
    steps = [step("slow", [guard], None), content_step("quick", tmp_path / "f", NEW)]
    events = runner.execute(steps, [NEW], lambda _: {"done": "unneeded"})
    assert [e["step"] for e in events if e["event"] == "done"] == ["quick", "slow"]


def install(log: Path, item: str, **fields: Any) -> Json:
    """A step alike to others but for its item: a command that notes its items, and may fail."""
    script = f'echo "$@" >> {log}; for i; do case $i in bad*) exit 1;; esac; done'
    probe = {"kind": "stat", "path": f"{log}.{item}"}
    touch = f'{script}; for i; do : > "{log}.$i"; done'
    return step(
        item,
        [probe],
        [run("sh", "-c", touch, "install", items=[item])],
        want=fields.pop("want", None) or wire.digest([present()]),
        **fields,
    )


def present() -> Json:
    name = "root" if os.geteuid() == 0 else Path.home().owner()
    group = "root" if os.geteuid() == 0 else Path.home().group()
    return {"kind": "file", "mode": 0o644, "owner": name, "group": group}


def test_steps_alike_but_for_their_items_are_one_command(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    steps = [install(log, name, locks=["dpkg"]) for name in ("a", "b", "c")]
    (tmp_path / "log.b").touch()
    events = runner.execute(steps)
    assert outcomes(events) == {"a": "changed", "b": "unneeded", "c": "changed"}
    assert log.read_text(encoding="ascii") == "a c\n"


def test_a_batch_that_fails_is_tried_one_by_one(runner: RunnerProcess, tmp_path: Path) -> None:
    log = tmp_path / "log"
    steps = [install(log, name, locks=["dpkg"]) for name in ("a", "bad", "c")]
    events = runner.execute([*steps, always("after", shell("true"), after=["bad"])])
    assert outcomes(events) == {"a": "changed", "bad": "failed", "c": "changed", "after": "skipped"}
    assert detail(events, "bad")["argv"][-1] == "bad"
    assert log.read_text(encoding="ascii") == "a bad c\na\nbad\nc\n"
    assert [e["step"] for e in events if e["event"] == "started"] == ["a", "bad", "c"]


def test_what_a_failed_batch_has_done_is_not_done_again(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    script = f'echo "$@" >> {log}; for i; do : > "{log}.$i"; [ "$i" != bad ] || exit 1; done'

    def one(item: str) -> Json:
        ops = [run("sh", "-c", script, "install", items=[item])]
        probe = {"kind": "stat", "path": f"{log}.{item}"}
        before = wire.digest([None])
        return step(item, [probe], ops, before=before, want=wire.digest([present()]), locks=["l"])

    events = runner.execute([one("a"), one("bad"), one("c")])
    assert outcomes(events) == {"a": "changed", "bad": "changed", "c": "changed"}
    assert log.read_text(encoding="ascii") == "a bad c\nc\n"


def test_retries_are_for_failures_and_have_an_end(runner: RunnerProcess, tmp_path: Path) -> None:
    log = tmp_path / "log"
    flaky = f"echo x >> {log}; [ $(wc -l < {log}) -ge 3 ]"
    events = runner.execute([always("1", shell(flaky), retries=2)])
    assert outcomes(events) == {"1": "changed"}
    log.unlink()
    events = runner.execute([always("1", shell(flaky), retries=1)])
    assert outcomes(events) == {"1": "failed"}
    assert log.read_text(encoding="ascii") == "x\nx\n"
    assert [event["event"] for event in events] == ["started", "done"]


def test_a_timeout_is_for_each_attempt_and_kills_all_of_it(runner: RunnerProcess) -> None:
    begin = time.monotonic()
    hang = shell("sleep 4721.1 & sleep 4721.2; true")
    events = runner.execute([always("1", hang, timeout=0.3, retries=1)])
    assert outcomes(events) == {"1": "failed"}
    assert detail(events, "1")["error"].startswith("timed out after 0.")
    assert 1.0 < time.monotonic() - begin < 5
    assert eventually(lambda: not processes_with("4721."))


def test_a_validation_that_fails_leaves_the_file(runner: RunnerProcess, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(OLD)
    validated = [
        step(name, [read(tmp_path / name)], [put(tmp_path / name, NEW, validate=argv)],
             want=digest_of(NEW))
        for name, argv in (("f", ["sh", "-c", "grep old %s"]), ("g", ["grep", "-q", "new", "%s"]))
    ]  # fmt: skip
    events = runner.execute(validated, [NEW])
    assert outcomes(events) == {"f": "failed", "g": "changed"}
    assert (tmp_path / "f").read_bytes() == OLD
    assert sorted(os.listdir(tmp_path)) == ["f", "g"]


# Refreshes


def counter(path: Path) -> Json:
    return shell(f"echo x >> {path}")


def test_a_refresh_runs_when_a_cause_changed_and_is_proven_by_a_difference(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    log = tmp_path / "log"

    def steps() -> list[Json]:
        proof = {"kind": "stat", "path": str(log)}
        return [
            content_step("conf", tmp_path / "conf", NEW),
            step("restart", [proof], [counter(log)], refresh=True, causes=["conf"]),
            step(
                "broken", [proof], [shell("true")], refresh=True, after=["restart"], causes=["conf"]
            ),
        ]

    events = runner.execute(steps(), [NEW])
    assert outcomes(events) == {"conf": "changed", "restart": "changed", "broken": "unproven"}
    events = runner.execute(steps(), [NEW])
    assert outcomes(events) == {"conf": "unneeded", "restart": "unneeded", "broken": "unneeded"}
    assert log.read_text(encoding="ascii") == "x\n"


def test_names_of_ids_are_looked_up_again_after_a_command(runner: RunnerProcess) -> None:
    group = f"cfgdsltest{os.getpid()}"
    probe = {"kind": "group", "name": group}
    if os.geteuid() != 0:
        pytest.skip("needs root: it creates a group")
    try:
        events = runner.execute(
            [step("1", [probe], [run("groupadd", "--gid", "64123", group)],
                  want=wire.digest([{"gid": 64123}]))]
        )  # fmt: skip
        assert outcomes(events) == {"1": "changed"}
    finally:
        os.system(f"groupdel {group}")  # noqa: S605 - a name made above


# The end


def test_stop_lets_what_runs_end_and_starts_nothing_more(runner: RunnerProcess) -> None:
    slow = always("slow", shell("sleep 0.5"))
    runner.start([slow, always("next", shell("true"), after=["slow"]), step("open", [], None)])
    runner.until("started", "slow")
    runner.send({"do": "stop"})
    events = runner.events()
    assert outcomes(events) == {"slow": "changed", "next": "stopped", "open": "stopped"}
    assert runner.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


def test_a_second_stop_kills(runner: RunnerProcess) -> None:
    begin = time.monotonic()
    runner.start(
        [always("slow", shell("sleep 4722.1 & sleep 4722.2; true")), step("x", after=["slow"])]
    )
    runner.until("started", "slow")
    runner.send({"do": "stop"})
    runner.send({"do": "stop"})
    events = runner.events()
    assert outcomes(events) == {"x": "stopped", "slow": "failed"}
    assert "stopped" in detail(events, "slow")["error"]
    assert time.monotonic() - begin < 3
    assert not processes_with("4722.")


def test_stop_while_contents_arrive_changes_nothing(rooted: RunnerProcess, tree: Path) -> None:
    large = os.urandom(300_000)
    message = {"do": "execute", "run": "r", "steps": [content_step("1", "/f", large)]}
    rooted.send({**message, "contents": [[sha256(large), len(large)]]})
    rooted.send({"do": "stop"})
    rooted.send_content(large)
    assert outcomes(rooted.events()) == {"1": "stopped"}
    assert not (tree / "f").exists()


def has_failed(name: str) -> bool:
    told = entries(Path("/var/lib/cfgdsl", PROJECT))
    return any((e.get("step"), e.get("outcome")) == (f"test:{name}", "failed") for e in told)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it reads the record of root")
@pytest.mark.parametrize("how", ["hang up", "stop listening", "SIGHUP"])
def test_a_lost_controller_does_not_interrupt_the_op_in_hand(
    start: Start, tmp_path: Path, how: str
) -> None:
    runner = start()
    slow = shell(f"sleep 0.4; echo hello; : > {tmp_path}/done")
    later = put(tmp_path / "later", NEW)
    name = f"lost-{how}".replace(" ", "-")
    steps = [always(name, slow, later), always("next", shell(f": > {tmp_path}/next"), after=[name])]
    runner.start(steps, [NEW])
    runner.until("started", name)
    if how == "SIGHUP":
        runner.process.send_signal(signal.SIGHUP)
    elif how == "hang up":
        runner.hang_up()
    else:
        runner._stdout.close()
    if how != "hang up":
        assert eventually(lambda: has_failed(name))
        runner.hang_up()
    assert runner.wait() == 0
    assert sorted(os.listdir(tmp_path)) == ["done"]
    assert has_failed(name)
    assert runner.stderr() == ""


def test_a_lost_controller_leaves_no_process(start: Start) -> None:
    runner = start()
    runner.start([always(str(n), shell("sleep 0.3; true; : 4723.1")) for n in range(3)])
    runner.until("started", "2")
    runner.hang_up()
    assert runner.wait() == 0
    assert not processes_with("4723.")


def test_sigterm_ends_all_at_once(start: Start, tmp_path: Path) -> None:
    runner = start()
    validate = ["sh", "-c", "sleep 4724.1; true", "%s"]
    steps = [
        always("1", shell("sleep 4724.2; true")),
        step("2", [read(tmp_path / "f")], [put(tmp_path / "f", NEW, validate=validate)]),
    ]
    runner.start(steps, [NEW])
    runner.until("started", "2")
    assert eventually(lambda: len(processes_with("4724.")) >= 3)
    runner.process.send_signal(signal.SIGTERM)
    assert runner.wait() == 143
    assert not processes_with("4724.")
    assert os.listdir(tmp_path) == []


def test_sigterm_while_probing_leaves_no_process(start: Start) -> None:
    runner = start()
    probe = {"kind": "run", "argv": ["sleep", "4725.1"]}
    runner.send({"do": "probe", "probes": [probe]})
    assert eventually(lambda: bool(processes_with("4725.")))
    runner.process.send_signal(signal.SIGTERM)
    assert runner.wait() == 143
    assert not processes_with("4725.")


def test_ctrl_c_is_for_the_controller(runner: RunnerProcess) -> None:
    runner.process.send_signal(signal.SIGINT)
    assert runner.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


def test_nonsense_while_steps_run_ends_them_well(start: Start) -> None:
    runner = start()
    runner.start(
        [always("slow", shell("sleep 0.3; true")), always("x", shell("true"), after=["slow"])]
    )
    runner.until("started", "slow")
    runner.send({"do": "dance"})
    assert outcomes([runner.until("done", "x")]) == {"x": "stopped"}
    assert runner.until("done", "slow")["outcome"] == "changed"
    assert runner.receive()["is"] == "refused"


def test_a_killed_runner_leaves_nothing_that_the_next_does_not_mend(
    start: Start, tree: Path
) -> None:
    runner = start(root=str(tree))
    large = os.urandom(5_000_000)
    message = {"do": "execute", "run": "r", "steps": [content_step("1", "/f", large)]}
    runner.send({**message, "contents": [[sha256(large), len(large)]]})
    runner.send_raw(wire.encode_blob_head(sha256(large), 1000) + large[:1000])
    state = tree / ".cfgdsl/.unnamed"
    assert eventually((state / "journal").exists)
    runner.process.kill()
    runner.wait()
    assert sorted(os.listdir(state)) == ["backup", "journal", "key"]
    with (state / "journal").open("a", encoding="ascii") as file:
        file.write('{"torn')
    again = start(root=str(tree))
    events = again.execute([content_step("1", "/f", large)], [large], project=None)
    assert outcomes(events) == {"1": "changed"}
    assert [e["outcome"] for e in entries(state) if e.get("event") == "done"] == ["changed"]


def test_a_thousand_steps_without_a_change_take_no_second(start: Start, tree: Path) -> None:
    runner = start(root=str(tree))
    steps = []
    for n in range(1000):
        (tree / str(n)).write_bytes(NEW)
        steps.append(content_step(str(n), f"/{n}", NEW, before=digest_of(NEW)))
    begin = time.monotonic()
    events = runner.execute(steps, [NEW])
    assert set(outcomes(events).values()) == {"unneeded"}
    assert time.monotonic() - begin < 2


def done(events: list[Event], step_id: str) -> Event:
    return next(e for e in events if e.get("event") == "done" and e["step"] == step_id)


def test_a_step_to_report_says_its_answers_and_what_it_printed(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    echo = run("sh", "-c", f"echo one; echo two; echo; touch {tmp_path}/made", capture="stdout")
    probe = {"kind": "stat", "path": f"{tmp_path}/made"}
    told = step("told", [probe], [echo], report=True)
    untold = step("untold", [probe], [run("true", capture="stdout")], after=["told"])
    again = step("again", [probe], [echo], want=None, report=True, after=["told"])
    events = runner.execute([told, untold, again], resolve=lambda _: {"done": "unneeded"})
    assert done(events, "told")["captured"] == {"stdout": "one\ntwo"}
    assert done(events, "told")["answers"][0]["kind"] == "file"
    assert "captured" not in done(events, "untold")


def test_a_step_that_was_unneeded_reports_too(rooted: RunnerProcess, tree: Path) -> None:
    (tree / "f").write_bytes(NEW)
    events = rooted.execute([content_step("1", "/f", NEW, report=True)], [NEW])
    assert done(events, "1")["outcome"] == "unneeded"
    assert done(events, "1")["answers"][0]["text"] == NEW.decode()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("head -c 65537 /dev/zero | tr '\\0' x", "more than 65536 bytes"),
        ("printf '\\377'", "no UTF-8 text"),
    ],
)
def test_what_cannot_become_an_output_fails(
    runner: RunnerProcess, command: str, error: str
) -> None:
    printing = run("sh", "-c", command, capture="stdout")
    events = runner.execute([step("1", [], [printing], report=True)])
    assert outcomes(events) == {"1": "failed"}
    assert error in detail(events, "1")["error"]
    assert outcomes(runner.execute([step("1", [], [printing])])) == {"1": "changed"}


def test_a_decision_may_ask_for_more_and_bring_its_own_contents(
    rooted: RunnerProcess, tree: Path
) -> None:
    asked: list[list[str]] = []

    def resolve(event: Event) -> Json:
        asked.append([str(answer) for answer in event["answers"]])
        if len(asked) == 1:
            (tree / "g").write_bytes(OLD)
            return {"probes": [read("/f"), read("/g")]}
        text = "brought along\0\n"
        return {"ops": [put("/f", text.encode())], "texts": [text]}

    events = rooted.execute([step("1", [read("/f")], None)], resolve=lambda e: (
        {"done": "changed"} if e["phase"] == "after" else resolve(e)
    ))  # fmt: skip
    assert [len(answers) for answers in asked] == [1, 2]
    assert outcomes(events) == {"1": "changed"}
    assert (tree / "f").read_bytes() == b"brought along\0\n"


def test_a_decision_that_comes_too_late_is_passed_over(rooted: RunnerProcess) -> None:
    rooted.send({"do": "resolve", "steps": {"1": {"done": "unneeded"}}})
    assert rooted.ask({"do": "probe", "probes": [read("/f")]})["answers"] == [None]
