"""`File`: what is asked, what is found, and which ops follow."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import Content, Secret, probes
from cfgdsl_stdlib import File, User
from tests.stdlib.walk import (
    ROOT,
    after,
    assert_converges,
    change_of,
    decided,
    folder,
    impossible,
    link,
    refusal,
    regular,
)

MOTD = "/etc/motd"
HI = Content.of("hi\n")
OLD = Content.of("old\n")
STAT = probes.Stat(MOTD)
READ = probes.Read(MOTD, unless=HI.sha256)
PARENT: dict[probes.Probe, Any] = {probes.Stat("/etc", follow=True): folder()}


def host(stat: Any, content: Content | None = None) -> dict[probes.Probe, Any]:
    read = content and {"sha256": content.sha256, "size": content.size, "text": content.text}
    return {**PARENT, STAT: stat, READ: read}


def put(**values: Any) -> dict[str, Any]:
    return {"kind": "put", "path": MOTD, "sha256": HI.sha256, "size": 3, **values}


@pytest.mark.parametrize(
    ("declared", "found", "action", "ops"),
    [
        (File(MOTD, content="hi\n"), host(None), "create", [put()]),
        (File(MOTD, content="hi\n"), host(regular(), HI), "none", []),
        (File(MOTD, content="hi\n"), host(regular(), OLD), "update", [put()]),
        (
            File(MOTD, content="hi\n", mode="0600", owner="www", group=5, validate=["true", "%s"]),
            {**host(regular(), OLD), probes.AccountName("group", 5): None},
            "update",
            [put(mode=0o600, owner="www", group="5", validate=["true", "%s"])],
        ),
        (
            File(MOTD, content="hi\n", mode=0o600, owner="root"),
            host(regular(), HI),
            "update",
            [{"kind": "set_attrs", "path": MOTD, "mode": 0o600}],
        ),
        (File(MOTD), host(None), "create", [put(sha256=Content.of("").sha256, size=0)]),
        (File(MOTD), host(regular()), "none", []),
        (File(MOTD, absent=True), host(None), "none", []),
        (File(MOTD, absent=True), host(regular()), "delete", [{"kind": "remove", "path": MOTD}]),
        (File(MOTD, absent=True), host(link("/x")), "delete", [{"kind": "remove", "path": MOTD}]),
        (File(MOTD, content="hi\n"), host(link("/x")), "update", [put()]),
        (
            File(MOTD, content=b"\xff\0"),
            {**host(None), probes.Read(MOTD, unless=Content.of(b"\xff\0").sha256): None},
            "create",
            [put(sha256=Content.of(b"\xff\0").sha256, size=2)],
        ),
    ],
)
def test_change_and_ops(declared: File, found: Any, action: str, ops: list[Any]) -> None:
    assert change_of(declared, found).action == action
    assert decided(declared, found) == ops


def test_an_observed_file_holds_the_text_for_the_diff() -> None:
    before = change_of(File(MOTD, content="hi\n"), host(regular(), OLD)).before
    assert before is not None
    assert isinstance(before.content, Content)
    assert before.content.text == "old\n"


def test_a_new_owner_does_not_lose_the_setuid_bit_of_an_unmanaged_mode() -> None:
    declared = File(MOTD, owner="www")
    assert decided(declared, host(regular(mode=0o4755))) == [
        {"kind": "set_attrs", "path": MOTD, "owner": "www", "mode": 0o4755}
    ]


def test_following_a_link_writes_what_it_leads_to() -> None:
    declared = File(MOTD, content="hi\n", mode=0o600, follow=True)
    stat = probes.Stat(MOTD, follow=True)
    read = probes.Read(MOTD, unless=HI.sha256, follow=True)
    found = {**PARENT, stat: regular(), read: {"sha256": HI.sha256, "size": 3, "text": None}}
    assert decided(declared, found) == [
        {"kind": "set_attrs", "path": MOTD, "mode": 0o600, "follow": True}
    ]
    stale = {**found, read: {"sha256": OLD.sha256, "size": 4, "text": "old\n"}}
    assert decided(declared, stale) == [put(mode=0o600, follow=True)]


@pytest.mark.parametrize(
    ("declared", "stat", "summary", "hint"),
    [
        (
            File(MOTD, content="hi\n"),
            folder(),
            "/etc/motd is a directory, not a file",
            'Remove it first, say replace=True, or declare Directory("/etc/motd").',
        ),
        (
            File(MOTD, absent=True),
            folder(),
            "/etc/motd is a directory, not a file",
            'Remove it first, or declare Directory("/etc/motd").',
        ),
        (
            File(MOTD, content="hi\n"),
            {"kind": "other", **ROOT},
            "/etc/motd is a device, socket or pipe, not a file",
            "",
        ),
        (
            File(MOTD, mode=0o600),
            link("/run/motd"),
            "/etc/motd is a symbolic link to /run/motd",
            "Declare the file that it leads to, or give the content that replaces it.",
        ),
    ],
)
def test_what_cannot_become_a_file(declared: File, stat: Any, summary: str, hint: str) -> None:
    assert impossible(declared, host(stat)) == (summary, hint)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"content": "a", "source": "b"}, "File: takes content= or source=, not both"),
        ({"content": "a", "absent": True}, "File: absent=True and a content contradict each other"),
        (
            {"validate": ["visudo", "-c"]},
            'File: validate must contain "%s", which stands for the file to check',
        ),
    ],
)
def test_contradictions_are_refused(arguments: dict[str, Any], message: str) -> None:
    assert refusal(lambda: File(MOTD, **arguments)) == message


def test_source_is_relative_to_the_declaring_module() -> None:
    declared = File(MOTD, source="files/motd")
    folder_of_this_module = __file__.rpartition("/")[0]
    assert getattr(declared.content, "path", "") == f"{folder_of_this_module}/files/motd"
    assert getattr(File(MOTD, source="/srv/motd").content, "path", "") == "/srv/motd"


def test_a_secret_content_is_private_by_default() -> None:
    text = f"password={Secret.env('DB')}\n"
    assert File(MOTD, content=text).mode == 0o600
    assert File(MOTD, content=text, mode=0o640).mode == 0o640
    resolved = File(MOTD).observed(content=Content(HI.sha256, HI.size, secret=True))
    assert resolved.probes()[1] == probes.Read(MOTD, up_to=0)  # its digest goes into no plan
    assert resolved.complete() == {"mode": 0o600}


def test_what_stood_where_a_secret_goes_is_not_shown() -> None:
    resolved = File(MOTD).observed(content=Content(HI.sha256, HI.size, secret=True))
    answer = {"sha256": OLD.sha256, "size": 4, "text": "old\n"}
    read = probes.Read(MOTD, up_to=0)
    before = change_of(resolved, {STAT: regular(), read: answer}).before
    assert before is not None
    assert isinstance(before.content, Content)
    assert before.content.text is None


def test_footprint() -> None:
    deploy = User("deploy")
    footprint = File("/srv/www/x", owner=deploy.name, group="7").footprint()
    assert footprint.writes == ("path:/srv/www/x",)
    assert footprint.reads == ("path:/srv/www", "path:/srv", "user:deploy", "group:7")
    assert footprint.awaits == (
        ("path:/srv/www", probes.Stat("/srv/www", follow=True)),
        ("user:deploy", probes.AccountNumber("user", "deploy")),
    )


def test_a_missing_folder_is_an_error_of_the_plan() -> None:
    gone = {**host(None), probes.Stat("/etc", follow=True): None}
    with pytest.raises(Exception, match="its folder /etc does not exist"):
        after(File(MOTD, content="hi\n"), gone)


MODES = st.sampled_from([0o600, 0o644, 0o755, 0o4755])
OWNERS = st.sampled_from(["root", "www"])
STATS = st.none() | st.builds(regular, mode=MODES, owner=OWNERS, group=OWNERS)


@given(
    content=st.none() | st.sampled_from(["hi\n", "old\n", b"\0"]),
    mode=st.none() | MODES,
    owner=st.none() | OWNERS,
    group=st.none() | OWNERS,
    absent=st.booleans(),
    stat=STATS,
    old=st.sampled_from([HI, OLD]),
)
def test_applied_means_nothing_left_to_do(  # noqa: PLR0917
    content: Any, mode: Any, owner: Any, group: Any, absent: bool, stat: Any, old: Content
) -> None:
    declared = File(
        MOTD,
        content=None if absent else content,
        mode=mode,
        owner=owner,
        group=group,
        absent=absent,
    )
    read = stat and {"sha256": old.sha256, "size": old.size, "text": None}
    answers = {p: read if isinstance(p, probes.Read) else stat for p in declared.probes()}
    assert assert_converges(declared, {**answers, **PARENT})


def test_an_empty_directory_in_its_place_goes_when_that_is_said() -> None:
    declared = File(MOTD, content="hi\n", replace=True)
    assert declared.hints() == (probes.List(MOTD),)
    found = {**host(folder()), probes.List(MOTD): {"names": [], "more": False}}
    found.update({probe: None for probe in declared.probes() if probe.kind == "read"})
    change = change_of(declared, found)
    assert (change.action, declared.reason(change)) == ("create", "replaces a directory")
    assert [op["kind"] for op in decided(declared, found)] == ["remove", "put"]
    assert assert_converges(declared, found)
    everything = File(MOTD, content="hi\n", replace=True, recursive=True)
    assert everything.hints() == ()
    assert decided(everything, found)[0] == {"kind": "remove", "path": MOTD, "recursive": True}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"recursive": True}, "recursive=True is for replace=True only"),
        ({"replace": True, "absent": True}, "replace=True and absent=True contradict each other"),
        ({"replace": True, "follow": True}, "replace=True and follow=True contradict each other"),
        (
            {"replace": True, "validate": ["true", "%s"]},
            "replace=True removes what is there before validate= could check",
        ),
    ],
)
def test_what_does_not_go_with_a_replacement(how: dict[str, Any], message: str) -> None:
    assert refusal(lambda: File(MOTD, **how)) == f"File: {message}"
