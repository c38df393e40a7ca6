"""A short soak of kills (`make chaos` is the long one), and proof that its judges see what is wrong."""  # noqa: E501

from collections import Counter
from collections.abc import Iterator

import pytest

from benchmarks.chaos import main, verify, workload
from benchmarks.chaos.kinds import KINDS
from benchmarks.chaos.rounds import Ring, Task
from benchmarks.chaos.watcher import watching
from tests.lab import Lab

FROM_NOTHING = 6


def test_every_kind_of_kill_has_its_share() -> None:
    tasks = list(main.plan(200, seed=1))
    assert [task.number for task in tasks] == list(range(len(tasks)))
    counts = Counter(task.kind for task in tasks)
    assert counts == {kind: 2 * share for kind, (_, share) in KINDS.items()}
    assert list(main.plan(200, seed=1)) == tasks
    assert list(main.plan(200, seed=2)) != tasks


def test_every_version_changes_something_of_each_sort() -> None:
    for version in range(1, 12):
        old, new = ({s.path: s.data for s in workload.files(v)} for v in (version, version + 1))
        assert sum(old.get(path) != new.get(path) for path in old | new) >= 20
        assert old.keys() != new.keys()
        assert workload.links(version) != workload.links(version + 1)
        assert workload.packages(version) != workload.packages(version + 1)
        assert set(workload.gone(version + 1)) <= {*old, *workload.folders(version)}


@pytest.fixture(scope="module")
def ring(lab: Lab) -> Iterator[Ring]:
    ring = Ring(lab, lab.hosts(1)[0])
    ring.reset(1)
    yield ring
    lab.reset(ring.host)


@pytest.mark.lab
@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (FROM_NOTHING, "runner killed"),
        (1, "sshd's session killed"),
        (2, "apt-get or dpkg killed"),
        (3, "disk full"),
        (4, "lock held"),
        (5, "host restarted"),
        (7, "controller killed"),
    ],
)
def test_one_plain_apply_repairs_what_a_kill_has_left(ring: Ring, number: int, kind: str) -> None:
    outcomes = list(main.attempts(ring, Task(number, kind, seed=1)))
    assert [outcome.problems for outcome in outcomes] == [[] for _ in outcomes]
    assert outcomes[-1].hit


@pytest.mark.lab
def test_what_is_wrong_on_a_host_is_seen(ring: Ring) -> None:
    ring.reset(2)
    host = ring.host
    assert verify.problems(host, 2) == []
    spoil = """
        echo more >> /srv/chaos/d0/f00; chmod 0644 /srv/chaos/d2/private0
        rm /srv/chaos/link0; ln -s elsewhere /srv/chaos/link0; mkdir /srv/chaos/odd
        touch /srv/chaos/d3/.cfgdsl-0123.tmp /var/lib/cfgdsl/chaos/backup/.new-0123
        dpkg --purge lab-tool-01; echo old > /run/chaos-a.read; systemctl stop chaos-b
        echo spoilt >> /var/lib/cfgdsl/chaos/journal
    """
    host.run(["sh", "-ec", spoil])
    found = "\n".join(verify.problems(host, 2))
    for told in (
        "/srv/chaos/d0/f00 has another content",
        "/srv/chaos/d2/private0 has mode 0o100644",
        "/srv/chaos/link0 leads elsewhere",
        "/srv/chaos/odd is still there",
        "left over: /srv/chaos/d3/.cfgdsl-0123.tmp",
        "left over: /var/lib/cfgdsl/chaos/backup/.new-0123",
        "lab-tool-01 is",
        "chaos-a runs with old",
        "chaos-b is ['ActiveState=inactive'",
        "1 spoilt lines in the journal",
    ):
        assert told in found
    wrong_version = "\n".join(verify.problems(host, 3))
    assert "/etc/chaos/hook.conf has another content" in wrong_version
    assert "owned too much ['directory:/srv/chaos/even'" in wrong_version


@pytest.mark.lab
def test_a_watcher_sees_partial_and_missing_files_and_open_private_ones(ring: Ring) -> None:
    ring.reset(2)
    write_badly = """
        cd /srv/chaos
        cp -p d0/f00 whole; truncate -s 20 d0/f00; sleep 0.3; mv whole d0/f00
        mv d0/f06 aside; sleep 0.3; mv aside d0/f06
        chmod 0644 d2/private1; sleep 0.3; chmod 0600 d2/private1
    """
    with watching(ring.host, 2, 3) as seen:
        ring.host.run(["sh", "-ec", write_badly])
    assert verify.problems(ring.host, 2) == []
    assert [problem.split(":")[0] for problem in seen.problems] == [
        "/srv/chaos/d0/f00",
        "/srv/chaos/d0/f06",
        "/srv/chaos/d2/private1",
    ]
    assert "20 bytes" in seen.problems[0]
    assert "FileNotFoundError" in seen.problems[1]
    assert "644" in seen.problems[2]
    assert seen.passes > 10
