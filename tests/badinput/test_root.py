"""What is in the way on the host: told by the plan where it can be, and nothing is changed."""

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import cfgdsl
from tests.badinput.workspace import Workspace, refused


def _folder(root: Path) -> None:
    (root / "x").mkdir()


def _file(root: Path) -> None:
    (root / "x").write_text("mine")


def _link(root: Path) -> None:
    (root / "x").symlink_to("elsewhere")


def _loop(root: Path) -> None:
    (root / "x").symlink_to("x")


def _nothing(root: Path) -> None:
    pass


IN_THE_WAY: dict[str, tuple[Callable[[Path], None], str, list[str]]] = {
    "a folder where a file is wanted": (
        _folder,
        'File("/x", content="")  # HERE',
        ["local/file:/x", "/x is a directory, not a file", "Remove it first"],
    ),
    "a file where a folder is wanted": (
        _file,
        'Directory("/x")  # HERE',
        ["local/directory:/x", "/x is a file, not a directory", "replace=True"],
    ),
    "a file where a link is wanted": (
        _file,
        'Symlink("/x", to="y")  # HERE',
        ["local/symlink:/x", "/x is a file, not a symbolic link"],
    ),
    "a folder that is not to be there and is a file": (
        _file,
        'Directory("/x", absent=True)  # HERE',
        ["/x is a file, not a directory"],
    ),
    "a file as the folder of a file": (
        _file,
        'File("/x/y", content="")  # HERE',
        ["local/file:/x/y", "/x is a file, not a directory"],
    ),
    "a link to nowhere as the folder of a file": (
        _link,
        'File("/x/y", content="")  # HERE',
        ["local/file:/x/y", "/x"],
    ),
    "a loop of links as the folder of a file": (
        _loop,
        'File("/x/y", content="")  # HERE',
        ["local/file:/x/y", "Too many levels of symbolic links"],
    ),
    "no folder": (
        _nothing,
        'File("/no/y", content="")  # HERE',
        ["local/file:/no/y", "/no", 'Directory("/no")'],
    ),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_way_is_told_and_stays(work: Workspace, case: str) -> None:
    prepare, text, told = IN_THE_WAY[case]
    prepare(work.root)
    work.local(f'File("/other", content="")\n{text}')
    before = work.tree()
    refused(work.run("apply", "--yes"), work.line(), *told, code=1)
    assert work.tree() == before


def test_a_name_that_the_system_does_not_know_is_told(work: Workspace) -> None:
    work.local('File("/x", content="", owner="no-such-user")  # HERE')
    told = f"this machine has no user 'no-such-user', and the directory {work.root} has none"
    refused(work.run("plan"), "Cannot plan: local/file:/x", told, work.line(), code=1)
    refused(work.run("apply", "--yes"), told, work.line(), code=1)
    assert work.tree() == {}


def test_a_name_that_this_machine_knows_can_be_an_owner_in_a_folder(work: Workspace) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    work.local(f'File("/x", content="", owner={me!r})')
    assert work.run("apply", "--yes").code == 0
    assert work.run("plan", "--detailed-exitcode").code == 0


def test_a_user_needs_a_whole_system_also_one_that_this_machine_has(work: Workspace) -> None:
    work.local('User("root", shell="/bin/bash")  # HERE\nFile("/x", content="", owner="root")')
    refused(work.run("apply", "--yes"), "needs a whole system", work.line(), code=1)
    assert work.tree() == {}


def test_a_folder_with_content_is_not_removed_by_surprise(work: Workspace) -> None:
    (work.root / "x/y").mkdir(parents=True)
    work.local('Directory("/x", absent=True)  # HERE\nFile("/other", content="")')
    told = ("Cannot plan: local/directory:/x: /x is not empty: it holds y", "recursive=True")
    refused(work.run("apply", "--yes"), *told, work.line(), code=1)
    assert list(work.tree()) == ["x", "x/y"]


def test_a_folder_that_the_plan_empties_first_is_removed(work: Workspace) -> None:
    (work.root / "x/y").mkdir(parents=True)
    (work.root / "x/f").touch()
    work.local("""
        Directory("/x", absent=True)
        Directory("/x/y", absent=True)
        File("/x/f", absent=True)
    """)
    done = work.run("apply", "--yes", "--json")
    assert done.code == 0, done
    assert '"action": "delete"' in done.out
    assert "x" not in work.tree()
    assert work.run("plan", "--detailed-exitcode").code == 0


def test_what_came_into_a_folder_since_the_plan_stays(work: Workspace) -> None:
    (work.root / "x").mkdir()
    work.local('Directory("/x", absent=True)')
    with cfgdsl.load(work.file) as project:
        plan = project.plan()
        (work.root / "x/new").touch()
        run = project.apply(plan)
    assert [done.outcome for done in run.failures] == ["stale"]
    assert "x/new" in work.tree()


def test_a_name_longer_than_the_system_allows_is_told(work: Workspace) -> None:
    work.local('File("/" + "x" * 300, content="")  # HERE')
    refused(work.run("apply", "--yes"), "File name too long", work.line(), code=1)
    assert [path for path in work.tree() if "xxx" in path] == []


def test_a_root_that_is_not_there_is_planned_as_empty_and_made_by_apply(work: Workspace) -> None:
    shutil.rmtree(work.root)
    work.local('Directory("/etc")\nFile("/etc/motd", content="hello\\n")')
    assert work.run("plan", "--detailed-exitcode").code == 3
    assert not work.root.exists()
    assert work.run("apply", "--yes").code == 0
    assert (work.root / "etc/motd").read_text() == "hello\n"
    assert work.run("plan", "--detailed-exitcode").code == 0


def test_a_root_that_is_a_file_is_told(work: Workspace) -> None:
    shutil.rmtree(work.root)
    work.root.write_text("mine")
    work.local('File("/motd", content="hello\\n")  # HERE')
    refused(work.run("apply", "--yes"), "the root is no directory", str(work.root), code=1)
    assert work.root.read_text() == "mine"


def test_planning_writes_nothing_anywhere(work: Workspace) -> None:
    work.local("""
        Directory("/etc", mode=0o750)
        File("/etc/motd", content="hello\\n")
        Symlink("/etc/issue", to="motd")
        File("/old", absent=True)
    """)
    (work.root / "old").write_text("old")
    before = work.tree(), (work.root / "old").stat(), work.root.stat().st_mtime_ns
    done = work.run("plan", "-v")
    assert done.code == 0, done
    after = work.tree(), (work.root / "old").stat(), work.root.stat().st_mtime_ns
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1].st_mtime_ns == before[1].st_mtime_ns


def test_a_command_needs_a_whole_system_and_the_plan_says_so(work: Workspace) -> None:
    work.local('Command(["true"], creates="/never")  # HERE\nFile("/other", content="")')
    refused(work.run("apply", "--yes"), "needs a whole system", work.line(), code=1)
    assert work.tree() == {}


def test_a_validated_file_needs_a_whole_system_and_the_plan_says_so(work: Workspace) -> None:
    work.local('File("/x", content="", validate=["true", "%s"])  # HERE')
    refused(work.run("apply", "--yes"), "needs a whole system", work.line(), code=1)
    assert work.tree() == {}


def test_the_record_makes_nothing_that_the_plan_promised_to_make(work: Workspace) -> None:
    work.local('Directory("/var")\nDirectory("/var/lib", mode=0o750)')
    done = work.run("apply", "--yes")
    assert done.code == 0, done
    assert "2 created" in done.out
    assert work.run("plan", "--detailed-exitcode").code == 0
    assert not (work.root / "var/lib").joinpath("cfgdsl").exists()
