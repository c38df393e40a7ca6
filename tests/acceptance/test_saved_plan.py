"""Saved plans over SSH: changed hosts, rebuilt hosts, privilege and open steps."""

import json

import pytest

import cfgdsl
from cfgdsl import Options
from tests.acceptance.conftest import Config, Write
from tests.lab import OPS_PASSWORD, Lab, LabHost

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def two(lab: Lab) -> list[LabHost]:
    return lab.hosts(2)


@pytest.fixture
def hosts(two: list[LabHost]) -> list[LabHost]:
    for host in two:
        host.run(["sh", "-c", "rm -rf /srv/*"])
    return two


def saved(config: Config) -> Config:
    """The plan of a configuration, which is no more."""
    plan = config.file.with_name("x.plan")
    config.run("plan", "--out", str(plan))
    config.file.unlink()
    return Config(plan, config.ssh_config)


def test_a_change_between_plan_and_apply_is_stale_and_the_rest_is_applied(
    write: Write, hosts: list[LabHost]
) -> None:
    for host in hosts:
        host.path("/srv/a").write_text("old\n")
    config = write(
        hosts,
        'a = File("/srv/a", content="new\\n")',
        'File("/srv/after", content="x", after=a)',
        'File("/srv/b", content="x")',
        'made = Command(shell="touch /srv/made", creates="/srv/made")',
        'File("/srv/open", content="x", only_if=exists("/srv/made"), after=made)',
    )
    text = config.file.read_text()
    config.file.write_text(text.replace("import Host,", "import exists, Host,"))
    plan = saved(config)
    changed, untouched = hosts
    changed.path("/srv/a").write_text("somebody's\n")
    done = plan.run("apply", "--yes", "--json", exit_code=1)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["outcomes"] == {"create": 5, "update": 1, "run": 2, "stale": 1, "skipped": 1}
    (failure,) = summary["failures"]
    assert failure["address"] == f"{changed.name}/file:/srv/a"
    assert {row["question"] for row in failure["detail"]["side_by_side"]} == {"read /srv/a"}
    assert changed.path("/srv/a").read_text() == "somebody's\n"
    assert untouched.path("/srv/a").read_text() == "new\n"
    for host in hosts:
        found = {name: host.path(f"/srv/{name}").exists() for name in ("after", "b", "open")}
        assert found == {"after": host is untouched, "b": True, "open": True}


def test_a_rebuilt_host_is_refused_whole_and_others_go_on(
    write: Write, hosts: list[LabHost]
) -> None:
    plan = saved(write(hosts, 'File("/srv/a", content="x")', 'File("/srv/b", content="x")'))
    rebuilt, same = hosts
    identity = rebuilt.path("/etc/machine-id")
    before = identity.read_text()
    identity.chmod(0o644)
    identity.write_text("0123456789abcdef" * 2 + "\n")
    try:
        done = plan.run("apply", "--yes", exit_code=1)
    finally:
        identity.write_text(before)
    assert "this is not the machine that the plan was made for" in done.stdout
    assert "2 hosts: 2 created; 1 host failed" in done.stdout
    assert [host.path("/srv/a").exists() for host in (rebuilt, same)] == [False, True]


def test_what_a_later_step_undid_is_named(write: Write, hosts: list[LabHost]) -> None:
    plan = saved(
        write(
            hosts[:1],
            'a = File("/srv/a", content="x")',
            'Command(shell="echo >> /srv/a; touch /srv/z", creates="/srv/z", after=a)',
        )
    )
    done = plan.run("apply", "--yes", exit_code=1)
    assert "file:/srv/a: was changed by command:" in done.stdout


def test_a_password_is_in_the_plan_by_reference(
    write: Write, hosts: list[LabHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO", OPS_PASSWORD)
    config = write(hosts[:1], 'File("/srv/root", content="x", mode=0o600)')
    text = config.file.read_text()
    become = "user='ops', become=Become(password=Secret.env('SUDO'))"
    text = text.replace("user='root'", become).replace(
        "import Host,", "import Become, Host, Secret,"
    )
    config.file.write_text(text)
    plan = saved(config)
    assert OPS_PASSWORD.encode() not in plan.file.read_bytes()
    with cfgdsl.load_plan(plan.file, options=Options(ssh_config=plan.ssh_config)) as loaded:
        (host,) = loaded.hosts
        assert (host.user, host.become is not None) == ("ops", True)
        assert loaded.apply().ok
    assert hosts[0].path("/srv/root").stat().st_uid == 0
