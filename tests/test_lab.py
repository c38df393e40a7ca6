"""The lab itself: what every other test on real hosts takes for granted."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import OPS_PASSWORD, Lab, LabHost

pytestmark = pytest.mark.lab


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


def test_host_is_a_booted_debian_with_systemd_as_process_1(host: LabHost) -> None:
    assert host.run(["systemctl", "is-system-running"]).stdout == "running\n"
    assert host.run(["cat", "/proc/1/comm"]).stdout == "systemd\n"
    assert "ID=debian" in host.path("/usr/lib/os-release").read_text()
    assert host.run(["hostname"]).stdout.strip() == host.name


def test_a_stock_ssh_client_needs_only_the_generated_config(host: LabHost) -> None:
    command = ["ssh", "-F", str(host.ssh_config), host.name, "echo", "hello"]
    assert subprocess.check_output(command, text=True) == "hello\n"


def test_an_unknown_host_key_is_refused(host: LabHost, tmp_path: Path) -> None:
    empty = tmp_path / "known_hosts"
    empty.touch()
    option = f"UserKnownHostsFile={empty}"
    command = ["ssh", "-F", str(host.ssh_config), "-o", option, host.name, "true"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 255
    assert "verification failed" in refused.stderr


def test_reset_forgets_files_packages_users_and_processes(lab: Lab, host: LabHost) -> None:
    untouched = host.run(["sh", "-c", "dpkg-query -W; cat /etc/passwd"]).stdout
    machine_id = host.run(["cat", "/etc/machine-id"]).stdout
    boot_id = host.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    host.run(["apt-get", "install", "-y", "-q", "lab-hello", "lab-daemon"])
    host.run(["useradd", "someone"])
    host.run(["rm", "/usr/bin/free"])
    host.path("/etc/motd").write_text("changed")

    lab.reset(host)

    assert host.run(["sh", "-c", "dpkg-query -W; cat /etc/passwd"]).stdout == untouched
    assert host.path("/usr/bin/free").exists()
    assert host.path("/etc/motd").read_text() != "changed"
    assert host.run(["systemctl", "is-active", "lab-daemon"], check=False).returncode != 0
    assert host.run(["cat", "/etc/machine-id"]).stdout == machine_id
    assert host.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != boot_id


def test_restart_keeps_the_disk_and_ends_every_process(lab: Lab, host: LabHost) -> None:
    boot_id = host.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    host.run(["sh", "-c", "echo kept > /srv/kept; touch /run/lost; sleep 77 >&- 2>&- &"])
    lab.restart(host)
    assert host.run(["cat", "/srv/kept"]).stdout == "kept\n"
    assert host.run(["test", "-e", "/run/lost"], check=False).returncode != 0
    assert host.run(["pgrep", "-f", "sleep 77"], check=False).returncode == 1
    assert host.run(["systemctl", "is-system-running"]).stdout == "running\n"
    assert host.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != boot_id


def test_a_disk_with_a_size_can_be_filled(lab: Lab, host: LabHost) -> None:
    lab.reset(host, disk_size="16m")
    filled = host.run(["dd", "if=/dev/zero", "of=/srv/filler", "bs=1M"], check=False)
    assert "No space left on device" in filled.stderr
    assert host.run(["sh", "-c", "echo more > /etc/more"], check=False).returncode != 0
    lab.restart(host)
    assert host.run(["df", "--output=avail", "/"]).stdout.split() == ["Avail", "0"]
    lab.reset(host)
    assert host.run(["dd", "if=/dev/zero", "of=/srv/filler", "bs=1M", "count=20"]).returncode == 0


def test_hosts_asked_for_again_are_pristine(lab: Lab) -> None:
    (first,) = lab.hosts(1)
    first.path("/etc/left-behind").touch()
    (kept,) = lab.hosts(1, pristine=False)
    assert kept.path("/etc/left-behind").exists()
    (again,) = lab.hosts(1)
    assert again == first
    assert not again.path("/etc/left-behind").exists()


def test_hosts_are_independent(lab: Lab) -> None:
    first, second = lab.hosts(2)
    assert first.address != second.address
    first.run(
        ["sh", "-c", "echo mine > /etc/motd; mkdir /tmp/mine; apt-get install -y lab-tool-01"]
    )
    assert second.run(["cat", "/etc/motd"]).stdout != "mine\n"
    assert second.run(["ls", "/tmp/mine"], check=False).returncode != 0
    assert second.run(["dpkg", "-s", "lab-tool-01"], check=False).returncode != 0
    machine_ids = {each.run(["cat", "/etc/machine-id"]).stdout for each in (first, second)}
    assert len(machine_ids) == 2


def test_package_has_two_versions_a_binary_and_a_conffile(host: LabHost) -> None:
    host.run(["apt-get", "install", "-y", "lab-hello=1.0"])
    assert host.run(["lab-hello"]).stdout == "hello 1.0\n"
    host.run(["apt-get", "install", "-y", "lab-hello"])
    assert host.run(["lab-hello"]).stdout == "hello 1.1\n"
    conffiles = host.run(["dpkg-query", "-W", "-f", "${Conffiles}", "lab-hello"]).stdout
    assert "/etc/lab-hello.conf" in conffiles


def test_daemon_package_starts_and_enables_its_unit(host: LabHost) -> None:
    host.run(["apt-get", "install", "-y", "lab-daemon"])
    assert host.run(["systemctl", "is-active", "lab-daemon"]).stdout == "active\n"
    assert host.run(["systemctl", "is-enabled", "lab-daemon"]).stdout == "enabled\n"
    assert host.path("/etc/lab-daemon/conf.d").is_dir()
    host.path("/etc/lab-daemon/lab-daemon.conf").write_text("interval = 5\n")
    assert host.run(["cat", "/run/lab-daemon.loaded"]).stdout == "interval = 60\n"
    host.run(["systemctl", "restart", "lab-daemon"])
    assert host.run(["cat", "/run/lab-daemon.loaded"]).stdout == "interval = 5\n"
    host.run(["apt-get", "purge", "-y", "lab-daemon"])
    assert not host.path("/etc/lab-daemon").exists()


def test_broken_package_fails_to_configure(host: LabHost) -> None:
    failed = host.run(["apt-get", "install", "-y", "lab-broken"], check=False)
    assert failed.returncode == 100
    assert "fails on purpose" in failed.stdout + failed.stderr  # dpkg's terminal mixes them
    state = host.run(["dpkg-query", "-W", "-f", "${Status}", "lab-broken"]).stdout
    assert state == "install ok half-configured"


def test_twenty_packages_install_in_one_transaction(host: LabHost) -> None:
    tools = [f"lab-tool-{number:02}" for number in range(1, 21)]
    host.run(["apt-get", "install", "-y", *tools])
    assert host.run(["dpkg-query", "-W", *tools]).stdout.count("\t1.0") == 20


@pytest.mark.parametrize("package", ["nginx", "git", "nftables", "curl"])
def test_real_packages_install_without_network(host: LabHost, package: str) -> None:
    host.run(["apt-get", "update"])
    host.run(["apt-get", "install", "-y", package])
    assert host.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package]).stdout == (
        "installed"
    )


def test_ops_may_sudo_with_the_password_only(host: LabHost) -> None:
    assert host.run(["id", "-un"], user="ops").stdout == "ops\n"
    assert host.run(["sudo", "-n", "true"], user="ops", check=False).returncode == 1
    whoami = ["sudo", "-S", "-p", "", "id", "-un"]
    assert host.run(whoami, user="ops", stdin=f"{OPS_PASSWORD}\n").stdout == "root\n"
    assert host.run(whoami, user="ops", stdin="wrong\n", check=False).returncode == 1


def test_nopass_may_sudo_without_a_password(host: LabHost) -> None:
    assert host.run(["sudo", "-n", "id", "-un"], user="nopass").stdout == "root\n"


def test_hidden_python_is_gone_and_the_host_still_works(host: LabHost) -> None:
    assert host.run(["python3", "-c", "print(1)"]).stdout == "1\n"
    host.hide_python()
    found = host.run(["sh", "-c", "ls /usr/bin /usr/local/bin /bin | grep python"], check=False)
    assert found.stdout == ""
    assert host.run(["python3", "-V"], check=False).returncode == 127


def test_connections_and_sessions_are_counted_without_inspection(host: LabHost) -> None:
    host.run(["true"])
    assert (host.connections(), host.sessions()) == (0, 0)
    command = ["ssh", "-F", str(host.ssh_config), host.name, "true"]
    for _ in range(2):
        subprocess.run(command, check=True)
    assert (host.connections(), host.sessions()) == (2, 2)


def test_host_can_have_a_network_of_its_own(lab: Lab, host: LabHost) -> None:
    lab.reset(host, private_network=True)
    setting = Path("/proc/sys/net/ipv4/ip_default_ttl")
    before = setting.read_text()
    host.inside(["sysctl", "-w", "net.ipv4.ip_default_ttl=99"])
    assert host.inside(["sysctl", "-n", "net.ipv4.ip_default_ttl"]).stdout == "99\n"
    assert setting.read_text() == before


def test_a_second_session_leases_other_hosts(host: LabHost) -> None:
    command = [sys.executable, "-m", "tests.lab", "hold", "1", "printenv", "CFGDSL_LAB_HOSTS"]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(other) == 1
    assert other != [host.name]
