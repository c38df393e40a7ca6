"""`Package` on apt: what is asked, what is found, which commands and tasks follow."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import Change, Task, probes
from cfgdsl.core.graph import build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.request import Request
from cfgdsl_stdlib import Package
from tests.stdlib.walk import after, assert_converges, change_of, decided, impossible, refusal

OPTIONS = [
    "-y",
    "-q",
    *("-o", "DPkg::Lock::Timeout=300"),
    *("-o", "Dpkg::Options::=--force-confdef"),
    *("-o", "Dpkg::Options::=--force-confold"),
]


def row(version: str, status: str = "installed") -> dict[str, str]:
    return {"Version": version, "Status": status}


def host(
    declared: Package,
    installed: Any = None,
    candidate: str | None = "1.2-3",
    *,
    fresh: bool = True,
    index: bool = True,
    interrupted: bool = False,
) -> dict[probes.Probe, Any]:
    """Answers as a runner gives them: the candidate of what is installed is asked for `latest`."""

    def said(text: str, true: bool) -> dict[str, Any]:
        return {"exit": 0, "stdout": text if true else ""}

    found: dict[probes.Probe, Any] = {}
    for probe in (*declared.probes(), *declared.hints()):
        argv = " ".join(getattr(probe, "argv", ()))
        if argv.startswith("dpkg-query"):
            found[probe] = installed
        elif argv.startswith("apt-cache"):
            asked = installed is None or declared.version == "latest"
            found[probe] = {"Version": candidate} if asked and candidate else None
        elif "fresh" in argv:
            found[probe] = said("fresh", fresh)
        elif "there" in argv:
            found[probe] = said("there", index)
        else:
            found[probe] = said("interrupted", interrupted)
    return found


@pytest.mark.parametrize(
    ("declared", "installed", "action", "verb", "item"),
    [
        (Package("nginx"), None, "create", "install", "nginx"),
        (Package("nginx"), row("1"), "none", None, None),
        (Package("nginx"), row("1", "triggers-pending"), "none", None, None),
        (Package("nginx"), row("1", "half-configured"), "create", "install", "nginx"),
        (Package("nginx"), row("1", "config-files"), "create", "install", "nginx"),
        (Package("nginx", version="1"), row("1"), "none", None, None),
        (Package("nginx", version="1"), row("2"), "update", "install", "nginx=1"),
        (Package("nginx", version="latest"), row("1.2-3"), "none", None, None),
        (Package("nginx", version="latest"), row("1.1"), "update", "install", "nginx"),
        (Package("nginx", version="latest"), None, "create", "install", "nginx"),
        (Package("nginx", absent=True), None, "none", None, None),
        (Package("nginx", absent=True), row("1", "config-files"), "none", None, None),
        (Package("nginx", absent=True), row("1"), "delete", "remove", "nginx"),
        (Package("nginx", absent=True), row("1", "unpacked"), "delete", "remove", "nginx"),
        (Package("nginx", purged=True), row("1", "config-files"), "delete", "purge", "nginx"),
        (Package("nginx", purged=True), row("1"), "delete", "purge", "nginx"),
        (Package("nginx", purged=True), None, "none", None, None),
        (Package("libc6:i386"), None, "create", "install", "libc6:i386"),
    ],
)
def test_change_and_command(
    declared: Package, installed: Any, action: str, verb: str | None, item: str | None
) -> None:
    found = host(declared, installed)
    assert change_of(declared, found).action == action
    downgrades = ["--allow-downgrades"] if item and "=" in item else []
    expected = [["apt-get", verb, *OPTIONS, *downgrades, "--"]] if verb else []
    ops = decided(declared, found)
    assert [op["argv"] for op in ops] == expected
    assert [op["items"] for op in ops] == ([[item]] if verb else [])
    assert_converges(declared, found)


def test_packages_that_are_ready_together_differ_in_their_items_only() -> None:
    (one,), (other,) = (
        decided(p, host(p)) for p in (Package("nginx"), Package("curl", version="latest"))
    )
    assert one.pop("items") == ["nginx"]
    assert other.pop("items") == ["curl"]
    assert one == other
    assert one["env"]["DEBIAN_FRONTEND"] == "noninteractive"


@pytest.mark.parametrize(
    ("recommends", "option"),
    [(True, "--install-recommends"), (False, "--no-install-recommends")],
)
def test_recommended_packages(recommends: bool, option: str) -> None:
    declared = Package("nginx", recommends=recommends)
    assert option in decided(declared, host(declared))[0]["argv"]


def test_the_version_to_come_is_foreseen() -> None:
    answers = after(Package("nginx"), host(Package("nginx")))
    assert answers is not None
    assert list(answers.values()) == [row("1.2-3")]
    assert after(Package("nginx"), host(Package("nginx"), fresh=False)) is None


def test_an_unknown_name_is_an_error_of_the_plan() -> None:
    for declared in (Package("nginks"), Package("nginks", version="1"), Package("nginks:i386")):
        summary, hint = impossible(declared, host(declared, candidate=None))
        assert summary == f"no package is named {declared.name}"
        assert "misspelt" in hint


def test_without_a_reliable_index_no_name_is_wrong() -> None:
    declared = Package("nginks")
    assert decided(declared, host(declared, candidate=None, fresh=False))
    assert decided(declared, host(declared, candidate=None, index=False))


VERSION_LATER = ("gets the version that the updated package index names",)
NAME_LATER = ("is not in the package index; if the update does not bring it, this fails",)


@pytest.mark.parametrize(
    ("declared", "state", "notes"),
    [
        (Package("nginx"), {}, ()),
        (Package("nginx"), {"fresh": False}, VERSION_LATER),
        (Package("nginx", version="1"), {"fresh": False}, ()),
        (Package("nginks"), {"fresh": False, "candidate": None}, NAME_LATER),
        (Package("nginks", version="1"), {"index": False, "candidate": None}, NAME_LATER),
        (Package("nginx"), {"fresh": False, "installed": row("1")}, ()),
        (Package("nginx", absent=True), {"fresh": False, "installed": row("1")}, ()),
    ],
)
def test_what_only_the_updated_index_can_tell_is_noted(
    declared: Package, state: dict[str, Any], notes: tuple[str, ...]
) -> None:
    assert declared.notes(change_of(declared, host(declared, **state))) == notes


def test_a_note_is_of_the_host_as_it_is_also_though_the_index_is_updated_first() -> None:
    declared = Package("nginks")
    answers = host(declared, candidate=None, fresh=False)
    graph = build([declared], {})
    plan = plan_host(Request(host="h", graph=graph), answers).plan
    assert [note.summary for note in plan.notes] == list(NAME_LATER)


def tasks(declared: Package, found: Any) -> tuple[Change[Package], list[Task]]:
    change = change_of(declared, found)
    return change, list(declared.tasks(change))


@pytest.mark.parametrize("state", [{"fresh": False}, {"index": False}])
def test_a_stale_index_is_updated_first(state: dict[str, Any]) -> None:
    declared = Package("nginx")
    _, (task,) = tasks(declared, host(declared, **state))
    assert (task.name, task.shared, task.first, task.cause_keys) == ("apt-update", True, True, ())
    assert [op.to_json()["argv"] for op in task.ops] == [
        ["apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"],
        ["touch", "/var/lib/apt/lists"],
    ]


def test_a_fresh_index_is_updated_when_a_source_changes() -> None:
    declared = Package("nginx")
    _, (task,) = tasks(declared, host(declared))
    assert "path:/etc/apt/sources.list.d" in task.cause_keys


def test_an_index_nobody_needs_is_left_alone() -> None:
    for declared in (
        Package("nginx"),
        Package("nginx", version="1"),
        Package("nginx", absent=True),
    ):
        assert tasks(declared, host(declared, row("1"), fresh=False))[1] == []
    latest = Package("nginx", version="latest")
    _, (task,) = tasks(latest, host(latest, row("1"), fresh=False))
    assert task.name == "apt-update"


def test_an_interrupted_dpkg_is_put_right_before_a_change() -> None:
    declared = Package("nginx", absent=True)
    _, (task,) = tasks(declared, host(declared, row("1"), interrupted=True))
    assert (task.name, task.shared, task.first) == ("dpkg-configure", True, True)
    assert tasks(declared, host(declared, None, interrupted=True))[1] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "nginx", "version": "1", "absent": True},
            "version and absence contradict each other",
        ),
        ({"name": "nginx", "max_index_age": 0}, "max_index_age must be 60 seconds or more, not 0"),
        ({"name": "nginx-"}, "name is no name of a Debian package: 'nginx-'"),
        ({"name": "Nginx"}, "name is no name of a Debian package: 'Nginx'"),
        ({"name": "nginx:any"}, "name is no name of a Debian package: 'nginx:any'"),
        (
            {"name": "nginx", "version": "1/sid"},
            "version is no exact version and not 'latest': '1/sid'",
        ),
        (
            {"name": "nginx", "version": "1.*"},
            "version is no exact version and not 'latest': '1.*'",
        ),
    ],
)
def test_bad_declarations(arguments: dict[str, Any], message: str) -> None:
    assert refusal(lambda: Package(**arguments)) == f"Package: {message}"


@pytest.mark.parametrize("name", ["-o=x", "nginx=1", "nginx/sid", "a b", "x*", "^x"])
def test_what_apt_would_take_for_something_else_is_refused(name: str) -> None:
    assert "name" in refusal(lambda: Package(name))


def test_footprint() -> None:
    footprint = Package("nginx").footprint()
    assert footprint.writes == ("package:nginx",)
    assert "path:/etc/apt/sources.list" in footprint.reads
    assert "path:/etc/apt/sources.list.d" in footprint.reads_under
    assert footprint.brings
    assert footprint.locks == ("dpkg",)
    assert not Package("nginx", absent=True).footprint().brings


VERSIONS = st.sampled_from(["1.1", "1.2-3"])
STATUS = st.sampled_from(
    ["installed", "config-files", "half-installed", "unpacked", "triggers-awaited"]
)


@given(
    name=st.sampled_from(["nginx", "libc6:i386"]),
    version=st.none() | VERSIONS | st.just("latest"),
    absence=st.sampled_from([{}, {"absent": True}, {"purged": True}]),
    installed=st.none() | st.builds(row, VERSIONS, STATUS),
    candidate=VERSIONS,
    fresh=st.booleans(),
)
def test_applied_means_nothing_left_to_do(  # noqa: PLR0917
    name: str, version: Any, absence: Any, installed: Any, candidate: str, fresh: bool
) -> None:
    declared = Package(name, version=None if absence else version, **absence)
    assert_converges(declared, host(declared, installed, candidate, fresh=fresh))


def test_an_installation_that_was_begun_is_not_called_missing() -> None:
    declared = Package("nginx")
    begun = change_of(declared, host(declared, row("1", "half-configured")))
    assert declared.reason(begun) == "its installation was begun and not ended"
    assert declared.reason(change_of(declared, host(declared))) == ""


LISTED = """./nginx.list:/etc/nginx
./nginx.list:/etc/default
./nginx.list:/usr/lib/systemd/system/nginx.service
./other:amd64.list:/etc/default
./other:amd64.list:/lib/systemd/system/other.service
"""


@pytest.mark.parametrize(
    ("name", "installed", "takes"),
    [
        ("nginx", row("1"), ("path:/etc/nginx", "unit:nginx.service")),
        ("other", row("1"), ("unit:other.service",)),
        ("other:amd64", row("1"), ("unit:other.service",)),
        ("nginx", row("1", "config-files"), ()),
        ("unheard-of", row("1"), ()),
    ],
)
def test_what_came_with_a_package_alone_goes_with_it(
    name: str, installed: Any, takes: tuple[str, ...]
) -> None:
    declared = Package(name, purged=True)
    found = host(declared, installed)
    (listing,) = (p for p in found if isinstance(p, probes.Run) and p.argv[0] == "grep")
    found[listing] = {"exit": 0, "stdout": LISTED}
    assert declared.takes(change_of(declared, found)) == takes


def test_what_is_to_stay_is_not_asked_what_it_brought() -> None:
    asked = Package("nginx").hints()
    assert not [p for p in asked if isinstance(p, probes.Run) and p.argv[0] == "grep"]
