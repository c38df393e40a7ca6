"""Many after many on a real runner: in order, and nobody hears of the barriers between."""

from collections.abc import Callable
from pathlib import Path

import cfgdsl

CONFIG = """
from cfgdsl import Host, component, configure
from cfgdsl_stdlib import File

here = Host.local(root={root!r})


@configure(here)
def site(host):
    with component("first") as first:
        for n in range(12):
            File(f"/first{{n}}", content="first")
    with component("then", after=first):
        for n in range(12):
            File(f"/then{{n}}", content="then")
"""


def run(root: Path, meanwhile: Callable[[], object]) -> tuple[cfgdsl.Run, bool]:
    """Plan, let something happen, apply: the run, and whether nothing is left to do."""
    root.mkdir()
    config = root.parent / "infra.py"
    config.write_text(CONFIG.format(root=str(root)))
    with cfgdsl.load(config) as project:
        plan = project.plan()
        assert len(plan.steps) == 24
        assert sum(len(step.after) for step in plan.steps) == 12
        meanwhile()
        done = project.apply(plan)
        return done, project.plan().is_empty


def test_what_waits_for_a_component_starts_when_all_in_it_are_done(tmp_path: Path) -> None:
    done, nothing_left = run(tmp_path / "root", lambda: None)
    assert done.ok
    assert nothing_left
    assert [each.outcome for each in done.outcomes] == ["changed"] * 24
    names = [each.step.identity.partition(":")[2].rstrip("0123456789") for each in done.outcomes]
    assert names == ["/first"] * 12 + ["/then"] * 12


def test_what_waits_for_a_component_is_skipped_when_one_in_it_does_not_end_well(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    done, _ = run(root, lambda: (root / "first3").write_text("somebody else's"))
    assert done.failed_hosts == {}
    ended = {each.step.identity: each.outcome for each in done.outcomes}
    assert ended.pop("file:/first3") == "stale"
    assert set(ended.values()) == {"changed", "skipped"}
    assert {name for name, how in ended.items() if how == "skipped"} == {
        f"file:/then{n}" for n in range(12)
    }
    skipped = [each for each in done.outcomes if each.outcome == "skipped"]
    assert len({each.detail["because"] for each in skipped}) == 1
    assert len(done.outcomes) == 24
