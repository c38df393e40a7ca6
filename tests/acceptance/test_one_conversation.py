"""One connection, one channel and a constant number of messages, however many resources."""

from collections.abc import Sequence

import pytest

import cfgdsl
from cfgdsl import Options
from tests.acceptance.conftest import Config, Write
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab

MOST = 6
FILES = 'for n in range({count}): File(f"/srv/many/{{n}}", content=f"{{n}}\\n" * 100)'


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


@pytest.fixture(autouse=True)
def nothing_there(host: LabHost) -> None:
    host.run(["rm", "-rf", "/srv/many", "/var/cache/cfgdsl"])


def many(write: Write, host: LabHost, count: int) -> Config:
    return write([host], 'Directory("/srv/many")', FILES.format(count=count - 1))


def counted(host: LabHost) -> tuple[int, int]:
    return host.connections(), host.sessions()


@pytest.mark.parametrize("count", [10, 1000])
@pytest.mark.parametrize(
    "command", [["plan"], ["apply", "--yes"], ["facts"], ["run", "true"]], ids=lambda c: c[0]
)
def test_a_command_makes_one_connection_with_one_channel(
    write: Write, host: LabHost, command: Sequence[str], count: int
) -> None:
    config = many(write, host, count)
    connections, sessions = counted(host)
    config.run(*command)
    assert counted(host) == (connections + 1, sessions + 1)


@pytest.mark.parametrize("count", [10, 1000])
def test_messages_do_not_grow_with_resources(write: Write, host: LabHost, count: int) -> None:
    config = many(write, host, count)
    options = Options(ssh_config=config.ssh_config)
    before = counted(host)
    with cfgdsl.load(config.file, options=options) as project:
        run = project.apply(project.plan())
    assert run.ok
    assert len(run.outcomes) == count
    traffic = project.traffic[host.name]
    sent, received = traffic.messages
    assert sent <= MOST
    assert received <= MOST
    assert counted(host) == (before[0] + 1, before[1] + 1)
    # What `messages` leaves out is what may be left out: events, and contents behind `execute`.
    assert set(traffic.sent) == {"start", "runner", "probe", "execute", "content", "bye"}
    assert set(traffic.received) == {"loader", "ready", "answers", "event", "finished"}


def test_only_what_the_run_itself_must_decide_costs_messages_of_its_own(
    write: Write, host: LabHost
) -> None:
    config = write(
        [host],
        "host.facts.default_address",
        'Directory("/srv/many")',
        'made = Command(["touch", "/srv/many/made"], creates="/srv/many/made")',
        'for n in range(50): File(f"/srv/many/{n}", content="x", after=made, '
        'only_if=command_ok(["test", "-e", "/srv/many/made"]))',
    )
    config.file.write_text(
        config.file.read_text().replace("import Host,", "import Host, command_ok,")
    )
    with cfgdsl.load(config.file, options=Options(ssh_config=config.ssh_config)) as project:
        run = project.apply(project.plan())
    assert run.ok, run.failures
    traffic = project.traffic[host.name]
    sent, received = traffic.messages
    decided = traffic.sent["resolve"]
    assert decided == 51, "one answer for each step that only the run can decide, the command too"
    assert sent - decided <= MOST
    assert received <= MOST
