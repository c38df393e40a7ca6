"""The plan as people see it."""

import attrs
import pytest

from cfgdsl.cli.render.plan import plan_lines, plan_summary
from cfgdsl.cli.text import plain
from cfgdsl.cli.view import View
from cfgdsl.core.content import Content
from cfgdsl.core.diff import FieldChange
from cfgdsl.core.plan import HostPlan, Plan
from tests.cli import samples
from tests.cli.conftest import Golden

VIEW = View(width=80, folder="/home/ann/site")


def shown(plan: Plan, *, width: int = 80, verbose: bool = False) -> str:
    view = View(width=width, verbose=verbose, folder="/home/ann/site")
    return plain(plan_lines(plan, view))


def test_hosts_that_need_the_same_are_shown_once(golden: Golden) -> None:
    golden("plan-fleet.txt", shown(samples.fleet()))


def test_verbose_shows_operations_and_whole_diffs(golden: Golden) -> None:
    golden("plan-fleet-verbose.txt", shown(samples.fleet(), verbose=True))


def test_a_narrow_terminal_puts_reasons_on_their_own_line(golden: Golden) -> None:
    golden("plan-narrow.txt", shown(samples.lone(*samples.web_steps()), width=60))


def test_secrets_unknown_values_and_hostile_names(golden: Golden) -> None:
    text = shown(samples.lone(*samples.odd_steps()))
    golden("plan-odd.txt", text)
    assert "hunter2" not in text
    assert samples.SECRET.sha256[:8] not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\ue000" not in text


def test_no_switch_shows_a_secret() -> None:
    text = shown(samples.lone(*samples.odd_steps()), verbose=True)
    assert "hunter2" not in text
    assert samples.SECRET.sha256[:8] not in text


def test_an_empty_plan_is_one_line() -> None:
    hosts = tuple(HostPlan(host=f"web{n}", unchanged=n) for n in (1, 2, 100))
    plan = Plan(project="acme", hosts=hosts)
    assert shown(plan) == "3 hosts: nothing to do; 103 unchanged\n"


def test_what_is_skipped_is_no_news_where_nothing_changes() -> None:
    skipped = samples.fleet().hosts[0].skipped
    plan = samples.lone(unchanged=3, skipped=skipped)
    assert shown(plan) == "1 host: nothing to do; 3 unchanged, 1 skipped\n"
    assert "only if exists(/etc/ntp.conf)" in shown(plan, verbose=True)


def test_a_plan_without_a_project_says_that_nothing_is_dropped() -> None:
    plan = Plan(project=None, hosts=(HostPlan(host="web1", steps=samples.web_steps()[:1]),))
    assert "nothing it drops is ever removed" in shown(plan)


def test_the_same_note_on_many_resources_is_one_line() -> None:
    notes = tuple(
        attrs.evolve(samples.NOTE, address=f"web1/command:{n}", hint="") for n in range(5)
    )
    plan = samples.lone(*samples.web_steps(), notes=notes)
    lines = [line for line in shown(plan).splitlines() if line.startswith("  i ")]
    assert [" ".join(line.split()) for line in lines] == [
        "i command:0 and 4 more the package index is a day old"
    ]
    assert shown(plan, verbose=True).count("  i command:") == 5


def test_the_summary_counts_changes_by_action() -> None:
    fleet = samples.fleet()
    assert plan_summary(fleet) == (
        "3 hosts: 6 to create, 7 to update, 3 to delete, 3 to run, 3 to restart; "
        "87 unchanged, 3 skipped; 1 host cannot be planned"
    )
    assert plan_summary(samples.lone(*samples.odd_steps())) == (
        "1 host: 2 to create, 2 to update, 2 possible; 1 command each time"
    )


def test_a_plan_of_no_reachable_host_says_only_that() -> None:
    plan = Plan(project="a", hosts=(HostPlan(host="web9", problems=(samples.UNREACHABLE,)),))
    assert plan_summary(plan) == "1 host cannot be planned"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("a\n", "b\n", ["@@ -1 +1 @@", "-a", "+b"]),
        ("a", "a\n", ["\\ a newline at the end"]),
        ("a\n", "a\nb", ["@@ -1 +1,2 @@", " a", "+b", "\\ no newline at the end"]),
        ("a\r\n", "a\n", ["@@ -1 +1 @@", "-a\\r", "+a"]),
        ("", "a\n", ["+a"]),
    ],
)
def test_diffs_show_every_difference(before: str, after: str, lines: list[str]) -> None:
    change = FieldChange("content", Content.of(before), Content.of(after))
    text = shown(samples.lone(samples.step(0, "file:/a", "update", fields=(change,))))
    assert [line.removeprefix("      ") for line in text.splitlines()[2:-2]] == lines


def test_a_long_diff_is_cut_and_says_so() -> None:
    change = FieldChange("content", None, Content.of("x\n" * 500))
    made = samples.lone(samples.step(0, "file:/a", fields=(change,)))
    assert "… 484 more lines (-v shows them)" in shown(made)
    assert shown(made, verbose=True).count("+x") == 500


def test_every_line_fits_where_words_can_be_wrapped() -> None:
    for width in (60, 80, 120):
        *lines, _, failed, _, _, _, _summary = shown(samples.fleet(), width=width).splitlines()
        assert failed.startswith("Cannot plan")
        assert max(len(line) for line in lines) <= width
