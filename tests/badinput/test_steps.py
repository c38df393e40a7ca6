"""Steps that cannot work on a real host: full disks, packages, units, commands."""

from collections.abc import Iterator

import pytest

from tests.badinput.workspace import Done, Workspace, reach, refused, ssh_config
from tests.lab import Lab, LabHost

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


def apply(work: Workspace, host: LabHost, text: str, *options: str) -> Done:
    work.hosts(text, reach(host))
    return work.cli("apply", "--yes", *options, *ssh_config(host))


@pytest.fixture
def small(host: LabHost) -> Iterator[str]:
    """A folder of the host with a file system of 64 KiB on it."""
    host.inside(["mkdir", "-p", "/srv/small"])
    host.inside(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/srv/small"])
    yield "/srv/small"
    host.inside(["umount", "/srv/small"])


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new(
    host: LabHost, work: Workspace, small: str
) -> None:
    host.inside(["sh", "-c", f"echo old > {small}/x"])
    done = apply(work, host, f'File("{small}/x", content="new" * 50_000)  # HERE')
    refused(done, f"file:{small}/x", "No space left on device", work.line(), code=1)
    assert host.inside(["sh", "-c", f"cat {small}/x; ls -A {small}"]).stdout == "old\nx\n"


def test_a_read_only_file_system_is_told(host: LabHost, work: Workspace, small: str) -> None:
    host.inside(["mount", "-o", "remount,ro", small])
    done = apply(work, host, f'File("{small}/x", content="new")  # HERE')
    refused(done, f"file:{small}/x", "Read-only file system", work.line(), code=1)


def test_an_unknown_package_is_told_before_anything_is_changed(
    host: LabHost, work: Workspace
) -> None:
    done = apply(work, host, 'File("/etc/other", content="")\nPackage("lab-hallo")  # HERE')
    refused(done, "lab-hallo", work.line(), code=1)
    assert not host.path("/etc/other").exists()


def test_a_package_that_does_not_configure_is_told(host: LabHost, work: Workspace) -> None:
    done = apply(work, host, 'Package("lab-broken")  # HERE\nPackage("lab-tool-01")')
    told = ["lab-broken", "the postinst fails on purpose", work.line()]
    refused(done, *told, code=1)
    assert host.run(["dpkg-query", "-f", "${Status}", "-W", "lab-tool-01"]).stdout.endswith(
        "ok installed"
    )
    host.run(["dpkg", "--purge", "--force-remove-reinstreq", "lab-broken"])


def test_a_unit_that_is_not_there_is_told_before_anything_is_changed(
    host: LabHost, work: Workspace
) -> None:
    text = 'File("/etc/other", content="")\nService("ngnix", running=True)  # HERE'
    refused(apply(work, host, text), "ngnix.service", "misspelt", work.line(), code=1)
    assert not host.path("/etc/other").exists()


def test_an_owner_that_is_not_there_is_told_before_anything_is_changed(
    host: LabHost, work: Workspace
) -> None:
    text = 'File("/etc/other", content="", owner="nobdoy")  # HERE'
    refused(apply(work, host, text), "nobdoy", work.line(), code=1)
    assert not host.path("/etc/other").exists()


def test_a_failing_command_stops_what_waits_for_it_and_nothing_else(
    host: LabHost, work: Workspace
) -> None:
    done = apply(
        work,
        host,
        """
        bad = Command(["sh", "-c", "echo it broke >&2; exit 3"], creates="/never")  # HERE
        File("/etc/waits", content="", after=bad)
        File("/etc/goes-on", content="")
        """,
    )
    refused(done, "exit status: 3", "it broke", work.line(), "1 created", "1 skipped", code=1)
    assert host.path("/etc/goes-on").exists()
    assert not host.path("/etc/waits").exists()


def test_a_command_that_is_not_there_is_told(host: LabHost, work: Workspace) -> None:
    done = apply(work, host, 'Command(["mkae", "install"], always=True)  # HERE')
    refused(done, "no such program: mkae", work.line(), code=1)


def test_a_hanging_command_is_ended_with_all_that_it_started(
    host: LabHost, work: Workspace
) -> None:
    text = 'Command(shell="sleep 987 & sleep 987", always=True, timeout=0.5)  # HERE'
    done = apply(work, host, text)
    refused(done, "timed out after 0.", work.line(), code=1)
    assert host.run(["pgrep", "-fx", "sleep 987"], check=False).stdout == ""


def test_a_command_that_prints_a_gigabyte_is_bounded(host: LabHost, work: Workspace) -> None:
    loud = 'Command(shell="head -c 1G /dev/zero | tr {0} x; exit {1}", always=True)  # HERE'
    done = apply(work, host, loud.format(r"'\\0'", 5), "-v")
    refused(done, "exit status: 5", work.line(), code=1)
    assert len(done.all) < 200_000


def test_a_validation_that_fails_keeps_the_old_file(host: LabHost, work: Workspace) -> None:
    before = host.path("/etc/sudoers").read_bytes()
    text = 'File("/etc/sudoers", content="nonsense", validate=["visudo", "-cf", "%s"])  # HERE'
    done = apply(work, host, text)
    refused(done, "file:/etc/sudoers", "visudo", "syntax error", work.line(), code=1)
    assert host.path("/etc/sudoers").read_bytes() == before


def test_something_that_is_undone_at_once_is_not_reported_as_done(
    host: LabHost, work: Workspace
) -> None:
    text = 'Command(["true"], creates="/never")  # HERE'
    done = apply(work, host, text)
    assert done.code == 1
    assert "Not proven" in done.all
    assert work.line() in done.all
