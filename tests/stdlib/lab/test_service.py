"""Services on a real systemd."""

from pathlib import Path

import pytest

from cfgdsl import load
from cfgdsl_stdlib import Command, Directory, File, Package, Service
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab

DAEMON = """#!/bin/sh
# Says what it was started with, and what it was last told to read again.
cp "$1" "$1.loaded"
trap 'cp "$1" "$1.loaded"' HUP
while :; do sleep 3600 & wait $!; done
"""


def unit(name: str) -> str:
    return (
        f"[Unit]\nDescription={name}\n"
        f"[Service]\nExecStart=/usr/local/sbin/bench-daemon /srv/{name}\n"
        "ExecReload=/bin/kill -HUP $MAINPID\n[Install]\nWantedBy=multi-user.target\n"
    )


def install(bench: Bench, name: str, *, start: bool = True) -> None:
    """A unit that is there before cfgdsl comes."""
    daemon = bench.host.path("/usr/local/sbin/bench-daemon")
    daemon.write_text(DAEMON)
    daemon.chmod(0o755)
    bench.host.path(f"/srv/{name}").write_text("0\n")
    bench.host.path(f"/etc/systemd/system/{name}.service").write_text(unit(name))
    bench.sh(f"systemctl daemon-reload; {f'systemctl start {name}' if start else 'true'}")


def shown(bench: Bench, name: str, what: str) -> str:
    return bench.out("systemctl", "show", "--value", f"--property={what}", name)


def test_a_service_is_started_stopped_enabled_and_disabled(bench: Bench) -> None:
    install(bench, "plain", start=False)
    service = "service:plain.service"

    def up() -> object:
        return Service("plain", running=True, enabled=True)

    def down() -> object:
        return Service("plain", running=False, enabled=False)

    assert bench.apply(up) == {service: "update"}
    assert shown(bench, "plain", "ActiveState") == "active"
    assert bench.out("systemctl", "is-enabled", "plain") == "enabled"
    bench.sh("systemctl stop plain")
    assert bench.apply(up) == {service: "update"}
    assert shown(bench, "plain", "ActiveState") == "active"
    bench.sh("systemctl disable plain")
    assert bench.apply(up) == {service: "update"}
    assert bench.out("systemctl", "is-enabled", "plain") == "enabled"
    assert bench.apply(down) == {service: "update"}
    assert shown(bench, "plain", "ActiveState") == "inactive"
    assert shown(bench, "plain", "UnitFileState") == "disabled"


def test_a_service_is_masked_and_unmasked(bench: Bench) -> None:
    bench.sh("mkdir -p /usr/lib/systemd/system")
    install(bench, "masky")
    bench.sh(
        "mv /etc/systemd/system/masky.service /usr/lib/systemd/system; systemctl daemon-reload"
    )
    assert bench.apply(lambda: Service("masky", masked=True, running=False)) == {
        "service:masky.service": "update"
    }
    assert shown(bench, "masky", "LoadState") == "masked"
    assert shown(bench, "masky", "ActiveState") == "inactive"
    assert bench.out("readlink", "/etc/systemd/system/masky.service") == "/dev/null"
    why = bench.refused(lambda: Service("masky", running=True))
    assert "masky.service is masked" in why
    assert bench.apply(lambda: Service("masky", masked=False, running=True)) == {
        "service:masky.service": "update"
    }
    assert shown(bench, "masky", "ActiveState") == "active"


def test_a_restart_is_a_new_invocation_and_a_reload_is_not(bench: Bench) -> None:
    for name in ("again", "reread"):
        install(bench, name)
    before = {name: shown(bench, name, "InvocationID") for name in ("again", "reread")}

    def declare(text: str = "1\n") -> None:
        Service("again", running=True, restart_on=File("/srv/again", content=text))
        Service("reread", running=True, reload_on=File("/srv/reread", content=text))

    assert bench.apply(declare) == {
        "file:/srv/again": "update",
        "file:/srv/reread": "update",
        "service:again.service#restart": "restart",
        "service:reread.service#reload": "reload",
    }
    bench.sh("for n in 1 2 3 4 5; do grep -q 1 /srv/reread.loaded && break; sleep 0.1; done")
    assert bench.out("cat", "/srv/again.loaded", "/srv/reread.loaded") == "1\n1"
    assert shown(bench, "again", "InvocationID") != before["again"]
    assert shown(bench, "reread", "InvocationID") == before["reread"]


def test_several_causes_are_one_restart(bench: Bench) -> None:
    install(bench, "several")

    def declare() -> None:
        causes = [File(f"/srv/several.{n}", content="x") for n in range(4)]
        Service("several", running=True, restart_on=causes)

    done = bench.apply(declare)
    assert [i for i, action in done.items() if action == "restart"] == [
        "service:several.service#restart"
    ]
    starts = bench.sh("journalctl -u several --no-pager -o cat | grep -c ^Started")
    assert starts == "2"


def test_a_service_that_starts_anyway_is_not_restarted_too(bench: Bench) -> None:
    install(bench, "fresh", start=False)

    def made() -> object:
        return Service("fresh", running=True, restart_on=File("/srv/fresh", content="new\n"))

    assert bench.apply(made) == {"file:/srv/fresh": "update", "service:fresh.service": "update"}
    assert bench.out("cat", "/srv/fresh.loaded") == "new"
    assert bench.sh("journalctl -u fresh --no-pager -o cat | grep -c ^Started") == "1"


def test_a_stopped_service_is_not_started_by_a_restart(bench: Bench) -> None:
    install(bench, "resting", start=False)
    done = bench.apply(
        lambda: Service("resting", enabled=False, restart_on=File("/srv/resting", content="x"))
    )
    assert done == {"file:/srv/resting": "update"}
    assert shown(bench, "resting", "ActiveState") == "inactive"


def test_a_check_that_fails_leaves_the_service_as_it_runs(bench: Bench) -> None:
    install(bench, "careful")
    before = shown(bench, "careful", "InvocationID")

    def declare() -> object:
        return Service(
            "careful",
            running=True,
            restart_on=File("/srv/careful", content="bad\n"),
            check=["grep", "-q", "good", "/srv/careful"],
        )

    ended = bench.fails(declare)
    outcome, detail = ended["service:careful.service#restart"]
    assert outcome == "failed"
    assert detail["argv"] == ["grep", "-q", "good", "/srv/careful"]
    assert shown(bench, "careful", "InvocationID") == before
    assert shown(bench, "careful", "ActiveState") == "active"


def test_units_that_come_with_the_plan_are_loaded_together_once(bench: Bench) -> None:
    names = [f"made{number}" for number in range(4)]

    def declare(mark: str = "") -> None:
        File("/usr/local/sbin/bench-daemon", content=DAEMON, mode=0o755)
        for name in names:
            File(f"/srv/{name}", content="x\n")
            file = File(f"/etc/systemd/system/{name}.service", content=unit(name) + mark)
            Service(name, running=True, enabled=True, restart_on=file)

    reloads = "journalctl -b --no-pager -o cat _PID=1 | grep -c -i 'reloading requested' || true"
    before = int(bench.sh(reloads))
    done = bench.apply(declare)
    assert sum(identity.startswith("task:systemd-daemon-reload") for identity in done) == 1
    assert {shown(bench, name, "ActiveState") for name in names} == {"active"}
    assert {bench.out("systemctl", "is-enabled", name) for name in names} == {"enabled"}
    enabling = 4  # systemctl enable makes systemd read its files again, too
    assert int(bench.sh(reloads)) - before <= 1 + enabling

    done = bench.apply(lambda: declare("# changed\n"))
    assert {i for i, action in done.items() if action == "restart"} == {
        f"service:{name}.service#restart" for name in names
    }
    assert sum(identity.startswith("task:systemd-daemon-reload") for identity in done) == 1
    assert {shown(bench, name, "NeedDaemonReload") for name in names} == {"no"}


def test_a_drop_in_restarts_the_service_with_it(bench: Bench) -> None:
    install(bench, "dropped")

    def declare() -> None:
        Directory("/etc/systemd/system/dropped.service.d")
        drop_in = File(
            "/etc/systemd/system/dropped.service.d/env.conf",
            content="[Service]\nEnvironment=MARK=there\n",
        )
        Service("dropped", running=True, restart_on=drop_in)

    done = bench.apply(declare)
    assert "task:systemd-daemon-reload" in done
    assert "service:dropped.service#restart" in done
    pid = shown(bench, "dropped", "MainPID")
    assert "MARK=there" in bench.sh(f"tr '\\0' '\\n' < /proc/{pid}/environ")


def test_files_that_systemd_has_not_read_yet_are_read(bench: Bench) -> None:
    install(bench, "behind")
    bench.sh("echo '# by hand' >> /etc/systemd/system/behind.service")
    assert shown(bench, "behind", "NeedDaemonReload") == "yes"
    done = bench.apply(lambda: Service("behind", running=True))
    assert done == {"task:systemd-daemon-reload": "reload"}
    assert shown(bench, "behind", "NeedDaemonReload") == "no"


def test_a_service_that_does_not_stay_up_is_not_reported_as_done(bench: Bench) -> None:
    bench.host.path("/etc/systemd/system/falls.service").write_text(
        "[Service]\nType=oneshot\nExecStart=/bin/false\n"
    )
    bench.sh("systemctl daemon-reload")
    outcome, detail = bench.fails(lambda: Service("falls", running=True))["service:falls.service"]
    assert outcome == "failed"
    assert detail["exit"] == 1
    assert "falls.service failed" in detail["stderr"]


def test_an_unknown_unit_is_refused_at_plan_time(bench: Bench) -> None:
    why = bench.refused(lambda: Service("ngnix", running=True))
    assert "there is no unit ngnix.service on the host, and nothing in the plan brings it" in why


def test_a_static_unit_cannot_be_enabled(bench: Bench) -> None:
    why = bench.refused(lambda: Service("systemd-journald", enabled=True))
    assert "systemd-journald.service is static" in why


def test_a_template_must_be_an_instance(bench: Bench) -> None:
    assert "getty@example.service" in bench.refused(lambda: Service("getty@", running=True))


def test_package_configuration_and_service_from_nothing_in_one_go(bench: Bench) -> None:
    bench.sh("touch /var/lib/apt/lists")

    def declare(interval: int = 1) -> None:
        package = Package("lab-daemon")
        main = File(
            "/etc/lab-daemon/lab-daemon.conf", content=f"interval = {interval}\n", after=package
        )
        extra = File("/etc/lab-daemon/conf.d/extra.conf", content=f"{interval}\n")
        Service("lab-daemon", running=True, enabled=True, restart_on=[package, main, extra])
        Command(shell="cp /run/lab-daemon.loaded /srv/seen", on_change=[main, extra], id="look")

    done = bench.apply(declare)
    assert done["package:lab-daemon"] == "create"
    loaded = "for n in 1 2 3 4 5; do grep -q . /run/lab-daemon.loaded && break; sleep 0.1; done; "
    loaded += "cat /run/lab-daemon.loaded"
    assert bench.sh(loaded) == "interval = 1"
    assert bench.out("systemctl", "is-active", "lab-daemon") == "active"
    assert bench.out("systemctl", "is-enabled", "lab-daemon") == "enabled"
    before = shown(bench, "lab-daemon", "InvocationID")

    done = bench.apply(lambda: declare(2))
    assert done["service:lab-daemon.service#restart"] == "restart"
    assert shown(bench, "lab-daemon", "InvocationID") != before
    assert bench.sh("sleep 0.1; " + loaded) == "interval = 2"


def test_a_host_without_a_running_systemd_says_so(bench: Bench, tmp_path: Path) -> None:
    config = tmp_path / "infra.py"
    config.write_text(
        "from cfgdsl import Host, configure\nfrom cfgdsl_stdlib import Service\n\n"
        f'host = Host("chrooted", exec=["chroot", {str(bench.host.path("/"))!r}])\n\n'
        "@configure(host)\ndef wanted(host: Host) -> None:\n"
        '    Service("ssh", running=True)\n'
    )
    with load(config) as project:
        (plan,) = project.plan().hosts
    assert "the host was not booted with systemd" in plan.problems[0].summary
