"""What a machine says of itself."""

import os
import platform
import socket
from pathlib import Path

import pytest

from cfgdsl.runner import facts, morefacts

from .harness import RunnerProcess


def test_cheap_facts_come_with_the_greeting(runner: RunnerProcess) -> None:
    found = runner.facts
    assert found["hostname"] == socket.gethostname().partition(".")[0]
    assert found["kernel"] == platform.release()
    assert found["arch"] == platform.machine()
    assert found["cpu_count"] == os.cpu_count()
    assert found["memory_mb"] > 100
    assert found["is_root"] == (os.geteuid() == 0)
    assert found["python_version"] == platform.python_version()
    assert found["root"] == "/"


def test_other_facts_cost_a_question(runner: RunnerProcess) -> None:
    answer = runner.ask({"do": "facts"})
    assert answer["is"] == "facts"
    found = answer["facts"]
    assert found["fqdn"].startswith(socket.gethostname())
    addresses = {i["name"]: i["addresses"] for i in found["interfaces"]}
    assert "127.0.0.1" in addresses["lo"]
    assert any(mount["path"] == "/" for mount in found["mounts"])
    assert all(mount["fstype"] not in ("proc", "sysfs", "cgroup2") for mount in found["mounts"])


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"', "debian"),
        ("ID=debian", "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "redhat"),
        ("ID=fedora", "redhat"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', "suse"),
        ("ID=alpine", "alpine"),
        ("# ID=debian\nID=nixos", "nixos"),
        ("nonsense\n=\n", None),
        ("", None),
    ],
)
def test_families(text: str, family: str | None) -> None:
    assert facts._family(facts._os_release(text)) == family


def test_a_fact_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no")

    for name in ("_fqdn", "_interfaces", "_default_address", "_mounts", "_virtualization"):
        monkeypatch.setattr(morefacts, name, broken)
    assert set(morefacts.costly().values()) == {None}


def test_a_file_system_over_a_network_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = "srv:/x /mnt/a\\040b nfs4 rw 0 0\n/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n"
    monkeypatch.setattr(morefacts, "read_text", lambda *_: mounts)
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return os.statvfs_result((4096, 4096, 2560, 1280, 1024, 1, 1, 1, 1, 255))

    monkeypatch.setattr(os, "statvfs", statvfs)
    nfs, root = morefacts._mounts()
    assert asked == ["/"]
    assert (nfs["path"], nfs["total_mb"]) == ("/mnt/a b", None)
    assert (root["total_mb"], root["free_mb"]) == (10, 4)


def test_the_default_address_is_that_of_the_best_route(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    routes = (
        "eth0 00000000 0100A8C0 0003 0 0 200 00000000 0 0 0\n"
        "eth1 00000000 0100A8C0 0003 0 0 100 00000000 0 0 0\n"
        "eth2 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    )
    monkeypatch.setattr(morefacts, "read_text", lambda *_: head + routes)
    monkeypatch.setattr(
        morefacts, "_addresses", lambda: [("eth0", "192.0.2.1"), ("eth1", "192.0.2.2")]
    )
    assert morefacts._default_address() == "192.0.2.2"


def test_names_come_from_the_machine_and_never_from_dns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts = "127.0.0.1 localhost\n127.0.1.1 web1.example.org web1 # me\n"
    monkeypatch.setattr(morefacts, "read_text", lambda *_: hosts)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "web1", "", "", "")))
    assert morefacts._fqdn() == "web1.example.org"
