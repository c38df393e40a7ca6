"""What fails on one host stays there; several projects and event loops in one process."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

import cfgdsl
from cfgdsl import Options, Run
from tests.acceptance.conftest import Config, Write
from tests.acceptance.waiting import nothing_left
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab

NOWHERE = "Host('nowhere', address='127.0.0.1', port=1, user='root')"


@pytest.fixture(scope="module")
def three(lab: Lab) -> list[LabHost]:
    return lab.hosts(3)


@pytest.fixture
def hosts(three: list[LabHost]) -> list[LabHost]:
    for host in three:
        host.run(["sh", "-c", "rm -rf /srv/*"])
    return three


def only_on(host: LabHost, line: str) -> str:
    return f"if host.name == {host.name!r}: {line}"


def run(
    config: Config, *, parallel: int = 50, first: int | None = None, max_failures: int | None = None
) -> Run:
    # A connection that takes long on a busy machine is none that fails.
    options = Options(ssh_config=config.ssh_config, parallel=parallel, connect_timeout=60)
    with cfgdsl.load(config.file, options=options) as project:
        return project.apply(project.plan(), first=first, max_failures=max_failures)


def done(hosts: list[LabHost], path: str = "/srv/done") -> list[bool]:
    return [host.path(path).exists() for host in hosts]


def fails_on_the_first(write: Write, hosts: list[LabHost]) -> Config:
    return write(
        hosts,
        only_on(hosts[0], 'Command(["false"], creates="/srv/never")'),
        'slow = Command(shell="sleep 1; touch /srv/slow", creates="/srv/slow")',
        'File("/srv/done", content="done", after=slow)',
    )


def test_a_host_that_fails_stops_none_that_has_started(write: Write, hosts: list[LabHost]) -> None:
    result = run(fails_on_the_first(write, hosts), max_failures=0)
    assert [failure.host for failure in result.failures] == [hosts[0].name]
    assert result.halted is None
    assert done(hosts) == [True, True, True], "siblings of what failed go on too"


def test_beyond_the_budget_no_new_host_is_started(write: Write, hosts: list[LabHost]) -> None:
    result = run(fails_on_the_first(write, hosts), max_failures=0, parallel=1)
    assert result.halted is not None
    assert result.halted.not_started == (hosts[1].name, hosts[2].name)
    assert done(hosts) == [True, False, False]


def test_the_first_must_end_well_before_the_rest_begins(write: Write, hosts: list[LabHost]) -> None:
    result = run(fails_on_the_first(write, hosts), first=1)
    assert result.halted is not None
    assert done(hosts) == [True, False, False]


def test_an_unreachable_host_counts_as_failed(write: Write, hosts: list[LabHost]) -> None:
    config = write(hosts, 'File("/srv/done", content="done")', extra=[NOWHERE])
    reverse = config.file.read_text().replace(f", {NOWHERE}]", "]")
    config.file.write_text(reverse.replace("hosts = [", f"hosts = [{NOWHERE}, "))
    result = run(config, max_failures=0, parallel=1)
    assert list(result.failed_hosts) == ["nowhere"]
    assert result.halted is not None
    assert done(hosts) == [False, False, False]
    within = run(config, max_failures=1)
    assert list(within.failed_hosts) == ["nowhere"]
    assert within.halted is None
    assert done(hosts) == [True, True, True]


def test_a_connection_that_is_lost_fails_its_host_only(write: Write, hosts: list[LabHost]) -> None:
    """Its sshd is killed once the step beside has ended: the runner is then told of nothing."""
    hang_up = "until [ -e /srv/done ]; do sleep 0.1; done; kill -9 $(ps -o ppid= $PPID); sleep 2"
    config = write(
        hosts,
        only_on(hosts[0], f'Command(shell="{hang_up}", creates="/srv/never")'),
        'File("/srv/done", content="done")',
    )
    result = run(config)
    assert set(result.failed_hosts) == {hosts[0].name}, result.failed_hosts
    (problem,) = result.failed_hosts[hosts[0].name]
    assert problem.summary == "the connection was lost"
    assert done(hosts)[1:] == [True, True]
    nothing_left(hosts[0], seconds=60)


def test_two_projects_in_threads_of_one_process(write: Write, hosts: list[LabHost]) -> None:
    configs = [
        write(part, f'File("/srv/{name}", content="{name}")', name=f"{name}.py")
        for name, part in (("one", hosts[:1]), ("two", hosts[1:]))
    ]
    with ThreadPoolExecutor(2) as pool:
        assert all(result.ok for result in pool.map(run, configs))
    assert done(hosts, "/srv/one") == [True, False, False]
    assert done(hosts, "/srv/two") == [False, True, True]


def test_from_asyncio(write: Write, hosts: list[LabHost]) -> None:
    config = write(hosts, 'File("/srv/done", content="done")')

    async def main() -> tuple[Run, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        result = await asyncio.to_thread(run, config)
        ticking.cancel()
        return result, ticks

    result, ticks = asyncio.run(main())
    assert result.ok
    assert ticks > 5, "the event loop went on meanwhile"
    assert done(hosts) == [True, True, True]


def test_beyond_parallel_connections_are_not_kept(write: Write, hosts: list[LabHost]) -> None:
    config = write(hosts, 'File("/srv/done", content="done")')
    options = Options(ssh_config=config.ssh_config, parallel=1)
    with cfgdsl.load(config.file, options=options) as project:
        plan = project.plan()
        for host in hosts:
            nothing_left(host, seconds=5)
        assert project.apply(plan).ok
    assert done(hosts) == [True, True, True]
