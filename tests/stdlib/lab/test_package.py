"""Packages on a real host: one transaction, exact versions, failures that stay alone."""

import threading

import pytest

from cfgdsl_stdlib import File, Package
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab

TOOLS = [f"lab-tool-{number:02}" for number in range(1, 21)]


@pytest.fixture
def apt(bench: Bench) -> Bench:
    """The bench without any of the lab's packages, and with an index that is fresh."""
    bench.sh(
        "installed=$(dpkg-query -W -f '${Package}\\n' 'lab-*' 2>/dev/null || true); "
        '[ -z "$installed" ] || dpkg --force-all --purge $installed >/dev/null 2>&1; '
        "ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get update -qq; "
        "touch /var/lib/apt/lists; : > /var/log/apt/history.log"
    )
    return bench


def version(bench: Bench, name: str) -> str:
    """Version and state of a package, as dpkg says it; empty: dpkg does not know it."""
    shown = bench.host.run(
        ["dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", name], check=False
    )
    return shown.stdout if shown.returncode == 0 else ""


def transactions(bench: Bench) -> list[str]:
    """What apt noted of each of its transactions: its command line."""
    log = bench.host.path("/var/log/apt/history.log").read_text()
    return [line for line in log.splitlines() if line.startswith("Commandline:")]


def test_a_package_from_its_installation_to_its_end(apt: Bench) -> None:
    hello = "package:lab-hello"
    assert apt.apply(lambda: Package("lab-hello")) == {hello: "create"}
    assert apt.out("lab-hello") == "hello 1.1"
    apt.sh("dpkg --purge lab-hello")
    assert apt.apply(lambda: Package("lab-hello")) == {hello: "create"}

    assert apt.apply(lambda: Package("lab-hello", version="1.0")) == {hello: "update"}
    assert apt.out("lab-hello") == "hello 1.0"
    apt.assert_settled(lambda: Package("lab-hello"))
    assert apt.apply(lambda: Package("lab-hello", version="latest")) == {hello: "update"}
    assert apt.out("lab-hello") == "hello 1.1"

    assert apt.apply(lambda: Package("lab-hello", absent=True)) == {hello: "delete"}
    assert version(apt, "lab-hello") == "1.1 config-files"
    assert apt.exists("/etc/lab-hello.conf")
    assert apt.apply(lambda: Package("lab-hello", purged=True)) == {hello: "delete"}
    assert version(apt, "lab-hello") in {"", " not-installed"}
    assert not apt.exists("/etc/lab-hello.conf")


def test_the_version_that_comes_is_in_the_plan(apt: Bench) -> None:
    apt.sh("apt-get install -qq lab-hello=1.0")
    (step,) = apt.plan(lambda: Package("lab-hello", version="1.1")).steps
    (change,) = step.fields
    assert (change.name, change.before, change.after) == ("version", "1.0", "1.1")


def test_twenty_packages_are_one_transaction(apt: Bench) -> None:
    done = apt.apply(lambda: [Package(name) for name in TOOLS])
    assert done == {f"package:{name}": "create" for name in TOOLS}
    (line,) = transactions(apt)
    assert all(name in line for name in TOOLS)
    apt.sh("dpkg --purge lab-tool-03 lab-tool-17")
    done = apt.apply(lambda: [Package(name) for name in TOOLS])
    assert done == {"package:lab-tool-03": "create", "package:lab-tool-17": "create"}
    assert len(transactions(apt)) == 2
    done = apt.apply(lambda: [Package(name, absent=True) for name in TOOLS])
    assert done == {f"package:{name}": "delete" for name in TOOLS}
    assert len(transactions(apt)) == 3


@pytest.mark.parametrize(
    "neglect",
    ["touch -d '2 days ago' /var/lib/apt/lists", "rm -rf /var/lib/apt/lists/*"],
)
def test_a_stale_index_is_updated_once_and_leaves_no_step_open(apt: Bench, neglect: str) -> None:
    apt.sh(neglect)
    plan = apt.plan(lambda: [Package(name) for name in TOOLS])
    assert plan.steps[0].identity == "task:apt-update"
    assert not [step.identity for step in plan.steps if step.is_open or step.possible]
    done = apt.apply(lambda: [Package(name) for name in TOOLS])
    assert done == {"task:apt-update": "update"} | {f"package:{name}": "create" for name in TOOLS}
    assert len(transactions(apt)) == 1


def test_a_stale_index_does_not_matter_to_what_is_installed(apt: Bench) -> None:
    apt.sh("apt-get install -qq lab-tool-01; touch -d '2 days ago' /var/lib/apt/lists")
    apt.assert_settled(lambda: [Package("lab-tool-01"), Package("lab-tool-02", absent=True)])


def test_the_latest_version_is_that_of_the_updated_index(apt: Bench) -> None:
    apt.sh("apt-get install -qq lab-hello=1.0; rm -rf /var/lib/apt/lists/*")
    done = apt.apply(lambda: Package("lab-hello", version="latest"))
    assert done == {"task:apt-update": "update", "package:lab-hello": "update"}
    assert version(apt, "lab-hello") == "1.1 installed"


def test_a_new_source_is_read_before_its_packages_are_installed(apt: Bench) -> None:
    apt.sh(
        "mkdir -p /srv/more; cp /srv/lab-repo/lab-tool-20* /srv/lab-repo/Packages "
        "/srv/lab-repo/Release /srv/more; touch /var/lib/apt/lists"
    )

    def declare() -> None:
        Package("lab-tool-20")
        File("/etc/apt/sources.list.d/more.list", content="deb [trusted=yes] file:/srv/more ./\n")

    assert apt.apply(declare) == {
        "file:/etc/apt/sources.list.d/more.list": "create",
        "task:apt-update": "update",
        "package:lab-tool-20": "create",
    }
    apt.apply(lambda: File("/etc/apt/sources.list.d/more.list", absent=True))
    apt.sh("apt-get update -qq")


def test_an_unknown_name_is_refused_at_plan_time(apt: Bench) -> None:
    why = apt.refused(lambda: [Package("lab-tool-01"), Package("lab-tol-02")])
    assert "no package is named lab-tol-02" in why
    assert transactions(apt) == []


def test_a_package_that_was_killed_while_it_was_unpacked_is_installed_again(apt: Bench) -> None:
    """As a kill of dpkg leaves it; for apt it counts as installed."""
    entry = "Package: lab-tool-09\\nStatus: install reinstreq half-installed\\n"
    entry += "Maintainer: x <x@y>\\nArchitecture: all\\nVersion: 1.0\\nDescription: x\\n\\n"
    apt.sh(f"printf '{entry}' >> /var/lib/dpkg/status; touch /var/lib/dpkg/info/lab-tool-09.list")
    done = apt.apply(lambda: Package("lab-tool-09", version="1.0"))
    assert done["package:lab-tool-09"] == "create"
    assert apt.out("dpkg-query", "-W", "-f", "${Status}", "lab-tool-09") == "install ok installed"


def test_a_broken_package_fails_alone(apt: Bench) -> None:
    names = ["lab-tool-01", "lab-broken", "lab-tool-02", "lab-hello"]
    ended = apt.fails(lambda: [Package(name) for name in names])
    outcomes = {identity: outcome for identity, (outcome, _) in ended.items()}
    assert outcomes == {f"package:{n}": "changed" for n in names} | {"package:lab-broken": "failed"}
    _, detail = ended["package:lab-broken"]
    assert detail["exit"] == 100
    assert "the postinst fails on purpose" in detail["stderr"] + detail["stdout"]
    assert [version(apt, n).partition(" ")[2] for n in names] == [
        *("installed", "half-configured", "installed", "installed")
    ]
    plan = apt.plan(lambda: [Package(name) for name in names])
    assert [step.identity for step in plan.steps] == ["package:lab-broken"]


def test_an_installation_that_was_interrupted_is_ended(apt: Bench) -> None:
    apt.sh("dpkg --unpack /srv/lab-repo/lab-tool-05_1.0_all.deb")
    assert version(apt, "lab-tool-05") == "1.0 unpacked"
    assert apt.apply(lambda: Package("lab-tool-05")) == {"package:lab-tool-05": "create"}
    assert version(apt, "lab-tool-05") == "1.0 installed"


HOLD = (
    "import fcntl, time; file = open('/var/lib/dpkg/lock-frontend', 'w'); "
    "fcntl.lockf(file, fcntl.LOCK_EX); open('/srv/held', 'w'); time.sleep(4)"
)


def test_a_package_manager_that_is_in_use_is_waited_for(apt: Bench) -> None:
    holder = threading.Thread(target=apt.host.run, args=(["python3", "-c", HOLD],))
    holder.start()
    try:
        apt.sh("while ! [ -e /srv/held ]; do sleep 0.05; done")
        done = apt.apply(lambda: [Package("lab-tool-06"), Package("lab-tool-07")])
    finally:
        holder.join()
    assert set(done.values()) == {"create"}
    assert len(transactions(apt)) == 1


def test_a_file_of_the_user_survives_the_package_that_brings_another(apt: Bench) -> None:
    def declare() -> None:
        File("/etc/lab-hello.conf", content="greeting = mine\n")
        Package("lab-hello", version="1.0")

    assert set(apt.apply(declare).values()) == {"create"}
    done = apt.apply(
        lambda: [
            File("/etc/lab-hello.conf", content="greeting = mine\n"),
            Package("lab-hello", version="1.1"),
        ]
    )
    assert done == {"package:lab-hello": "update"}
    assert apt.out("cat", "/etc/lab-hello.conf") == "greeting = mine"


def test_files_in_a_folder_that_a_package_brings_come_in_the_same_go(apt: Bench) -> None:
    def declare() -> None:
        File("/etc/lab-daemon/conf.d/mine.conf", content="x\n")
        File("/etc/lab-daemon/lab-daemon.conf", content="interval = 1\n")
        Package("lab-daemon")

    assert set(apt.apply(declare)) == {
        "file:/etc/lab-daemon/conf.d/mine.conf",
        "file:/etc/lab-daemon/lab-daemon.conf",
        "package:lab-daemon",
    }
    assert apt.out("cat", "/etc/lab-daemon/lab-daemon.conf") == "interval = 1"
    assert apt.out("cat", "/etc/lab-daemon/conf.d/mine.conf") == "x"
