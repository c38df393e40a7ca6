"""A run as people see it: lines while it goes on, failures and a summary at its end."""

from cfgdsl.cli.progress import Progress
from cfgdsl.cli.render.outcome import run_lines, run_summary
from cfgdsl.cli.run_log import RunLog
from cfgdsl.cli.text import plain, width_of
from cfgdsl.cli.view import View
from cfgdsl.engine.events import (
    HostConnecting,
    HostDone,
    HostFailed,
    HostReady,
    StepDone,
    StepOutput,
    StepStarted,
)
from cfgdsl.engine.run import Run
from tests.cli import samples
from tests.cli.conftest import Golden

VIEW = View(width=80, folder="/home/ann/site")
HOSTS = ["web1", "web2", "web3", "web9"]


def test_failures_come_with_all_that_one_needs_to_act(golden: Golden) -> None:
    lines = run_lines(samples.failed_run(), samples.fleet(), VIEW, seconds=75.2)
    golden("run-failed.txt", plain(lines))


def test_one_line_for_each_event_when_piped(golden: Golden) -> None:
    log = RunLog(hosts=HOSTS, every_step=True)
    golden(
        "run-log.txt", plain(line for event in samples.failed_run() for line in log.lines(event))
    )


def test_one_line_for_each_host_beside_a_live_display(golden: Golden) -> None:
    log = RunLog(hosts=HOSTS, every_step=False)
    lines = (line for event in samples.failed_run() for line in log.lines(event))
    golden("run-log-brief.txt", plain(lines))


def test_output_of_commands_is_shown_on_demand_and_harmless() -> None:
    event = StepOutput(host="web1", step=samples.web_steps()[0], text="\x1b[2Jhi\nthere\n")
    assert plain(RunLog(hosts=["web1"], every_step=True).lines(event)) == ""
    loud = RunLog(hosts=["web1"], every_step=True, verbose=True)
    assert plain(loud.lines(event)) == ("web1  package:nginx │ hi\nweb1  package:nginx │ there\n")


def test_a_new_host_key_is_logged() -> None:
    event = HostReady(host="web1", notices=("accepted its new host key SHA256:abc",))
    text = plain(RunLog(hosts=["web1"], every_step=False).lines(event))
    assert text == "web1  accepted its new host key SHA256:abc\n"


def test_the_summary_of_a_good_run() -> None:
    done = tuple(
        StepDone(host="web1", step=step, outcome="changed") for step in samples.web_steps()
    )
    plan = samples.lone(*samples.web_steps(), unchanged=88)
    assert run_summary(Run("x", done), plan) == (
        "1 host: 2 created, 2 updated, 1 deleted, 1 run, 1 restarted; 88 unchanged"
    )


class Clock:
    """A clock that stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def rows(progress: Progress, *, width: int = 80, height: int = 24) -> str:
    return plain(progress.rows(width, height))


def test_progress_shows_running_steps_and_totals(golden: Golden) -> None:
    clock = Clock()
    progress = Progress("applying", {"web1": 7, "web2": 7, "database-primary": 30}, clock)
    first, second, *_ = samples.web_steps()
    progress(HostConnecting(host="web2"))
    progress(StepStarted(host="web1", step=first))
    progress(StepDone(host="web1", step=first, outcome="changed"))
    progress(StepStarted(host="web1", step=second))
    progress(StepStarted(host="database-primary", step=first))
    clock.now = 5.0
    golden("progress.txt", rows(progress))
    progress(HostFailed(host="web2", problems=()))
    progress(HostDone(host="web1", ok=True))
    progress.note = "stopping"
    assert "applying 2/3 hosts · 1 failed" in rows(progress)
    assert rows(progress).endswith("stopping\n")


def test_progress_is_bounded_however_many_hosts() -> None:
    progress = Progress("applying", {f"web{n}": 10 for n in range(50)}, Clock())
    for number in range(50):
        progress(StepStarted(host=f"web{number}", step=samples.web_steps()[0]))
    lines = progress.rows(80, 24)
    assert len(lines) == 10  # 8 of them, "and 42 more hosts", totals
    assert "and 42 more hosts" in plain(lines)
    for width in (40, 80, 200):
        for spans in progress.rows(width, 24):
            assert width_of("".join(span.text for span in spans)) <= width
    assert len(progress.rows(80, 6)) == 4
