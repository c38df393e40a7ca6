"""Twenty hosts from nothing to proven, nothing twice, and exactly what drifted repaired."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cfgdsl
from benchmarks.fleet import floor, workload
from cfgdsl import Options, Plan, Project
from tests.lab import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("fleet")]

SIZE = 20
INFRA = Path(workload.__file__).with_name("infra.py")

DRIFT = {
    "file:/srv/bench/d00/f00": "echo other > /srv/bench/d00/f00",
    "file:/etc/cron.d/bench0": "echo '# by hand' >> /etc/cron.d/bench0",
    "file:/srv/bench/d01/f01": "chmod 0600 /srv/bench/d01/f01",
    "file:/srv/bench/d02/f02": "chown bench2 /srv/bench/d02/f02",
    "file:/srv/bench/d05/t05.conf": "rm /srv/bench/d05/t05.conf",
    "directory:/srv/bench/d03": "chmod 0700 /srv/bench/d03",
    "symlink:/srv/bench/link00": "rm /srv/bench/link00",
    "service:cron.service": "systemctl stop cron.service",
    "package:lab-tool-02": "dpkg --purge lab-tool-02",
    "user:bench3": "userdel bench3",
}


@pytest.fixture(scope="module")
def fleet(lab: Lab) -> list[LabHost]:
    return lab.hosts(SIZE)


@pytest.fixture
def project(fleet: list[LabHost], monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("BENCH_HOSTS", ",".join(host.name for host in fleet))
    with cfgdsl.load(INFRA, options=Options(ssh_config=fleet[0].ssh_config)) as loaded:
        yield loaded


def changes(plan: Plan) -> dict[str, set[str]]:
    assert plan.ok
    return {host.host: {step.identity for step in host.steps} for host in plan}


def wrong_by_hand(fleet: Sequence[LabHost]) -> dict[str, str]:
    """What the script without cfgdsl finds wrong, by host: how much, and the first of it."""
    found = floor.run([host.name for host in fleet], fleet[0].ssh_config)
    return {name: said for name, said in found.items() if said != "0"}


def alter(host: LabHost) -> None:
    host.run(["sh", "-ec", "\n".join(DRIFT.values())])


def test_a_pristine_fleet_converges_and_drift_is_repaired_exactly(
    fleet: list[LabHost], project: Project
) -> None:
    names = {host.name for host in fleet}
    assert all(workload.count(name) >= 100 for name in names)
    assert set(wrong_by_hand(fleet)) == names, "the script finds nothing missing where nothing is"

    plan = project.plan()
    assert changes(plan).keys() == names
    run = project.apply(plan)
    assert run.ok, [done.step.address for done in run.failures]
    assert wrong_by_hand(fleet) == {}

    again = project.plan()
    assert changes(again) == {name: set() for name in names}
    assert project.apply(again).outcomes == ()

    with ThreadPoolExecutor(SIZE) as pool:
        list(pool.map(alter, fleet))
    assert set(wrong_by_hand(fleet)) == names

    repair = project.plan()
    assert changes(repair) == {name: set(DRIFT) for name in names}
    run = project.apply(repair)
    assert {done.outcome for done in run.outcomes} == {"changed"}
    assert wrong_by_hand(fleet) == {}
    assert project.plan().is_empty


def test_memory_grows_by_little_for_each_host(
    fleet: list[LabHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, all_of_them = (peak_mib(fleet[:count], monkeypatch) for count in (1, len(fleet)))
    assert one < 100
    assert (all_of_them - one) / (len(fleet) - 1) < 4


PEAK = """
import sys
from pathlib import Path
from cfgdsl.cli.main import run
code = run(sys.argv[1:])
(line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
print(line.split()[1], file=sys.stderr)
sys.exit(code)
"""


def peak_mib(fleet: Sequence[LabHost], monkeypatch: pytest.MonkeyPatch) -> float:
    """The most that `cfgdsl plan` takes, in MiB; ru_maxrss would count the parent's before exec."""
    monkeypatch.setenv("BENCH_HOSTS", ",".join(host.name for host in fleet))
    arguments = ["plan", str(INFRA), "--ssh-config", str(fleet[0].ssh_config)]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=True
    )
    return int(done.stderr) / 1024
