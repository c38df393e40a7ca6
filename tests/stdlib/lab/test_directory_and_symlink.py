"""Directories and symbolic links on a real host."""

import pytest

from cfgdsl_stdlib import Directory, File, Symlink
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab


def test_a_directory_is_created_repaired_and_removed(bench: Bench) -> None:
    path = "/srv/folder"

    def made() -> object:
        return Directory(path, mode=0o2750, owner="ops", group="adm")

    assert bench.apply(made) == {f"directory:{path}": "create"}
    assert bench.stat(path) == "2750 ops adm directory"
    bench.sh(f"echo x > {path}/inside; chmod 0777 {path}; chown nobody:root {path}")
    assert bench.apply(made) == {f"directory:{path}": "update"}
    assert bench.stat(path) == "2750 ops adm directory"
    assert bench.exists(f"{path}/inside")
    assert bench.apply(lambda: Directory(path, absent=True, recursive=True)) == {
        f"directory:{path}": "delete"
    }
    assert not bench.exists(path)


def test_missing_parents_are_made_when_asked_and_else_refused(bench: Bench) -> None:
    path = "/srv/a/b/c"
    assert "its folder /srv/a/b does not exist" in bench.refused(lambda: Directory(path))

    def made() -> object:
        return Directory(path, mode=0o700, parents=True)

    assert bench.apply(made) == {f"directory:{path}": "create"}
    assert bench.stat("/srv/a") == "755 root root directory"
    assert bench.stat("/srv/a/b") == "755 root root directory"
    assert bench.stat(path) == "700 root root directory"


def test_what_lies_in_a_new_directory_comes_in_the_same_go(bench: Bench) -> None:
    def declare() -> None:
        File("/srv/p/q/r/file", content="x")
        Directory("/srv/p/q/r", parents=True)
        Symlink("/srv/p/link", to="q/r/file", after="directory:/srv/p/q/r")

    bench.apply(declare)
    assert bench.out("cat", "/srv/p/link") == "x"


def test_a_directory_that_is_not_empty_goes_only_when_recursive(bench: Bench) -> None:
    bench.sh("mkdir -p /srv/full/deep; echo x > /srv/full/deep/file; mkdir /srv/outside")
    bench.sh("echo y > /srv/outside/stays; ln -s /srv/outside /srv/full/link")
    why = bench.refused(lambda: Directory("/srv/full", absent=True))
    assert "/srv/full is not empty: it holds deep, link" in why
    assert bench.out("cat", "/srv/full/deep/file") == "x"
    assert bench.apply(lambda: Directory("/srv/full", absent=True, recursive=True)) == {
        "directory:/srv/full": "delete"
    }
    assert not bench.exists("/srv/full")
    assert bench.out("cat", "/srv/outside/stays") == "y"


@pytest.mark.parametrize(
    ("made", "what"),
    [("touch /srv/in-way-1", "a file"), ("ln -s /srv /srv/in-way-2", "a symbolic link")],
)
def test_what_is_no_directory_is_never_replaced(bench: Bench, made: str, what: str) -> None:
    path = made.rsplit(maxsplit=1)[-1]
    bench.sh(made)
    before = bench.stat(path)
    assert f"{path} is {what}, not a directory" in bench.refused(lambda: Directory(path))
    assert bench.stat(path) == before


def test_a_directory_inside_a_linked_one_is_made_where_the_link_leads(bench: Bench) -> None:
    bench.sh("mkdir /srv/end; ln -s end /srv/start")
    assert bench.apply(lambda: Directory("/srv/start/new")) == {
        "directory:/srv/start/new": "create"
    }
    assert bench.stat("/srv/end/new") == "755 root root directory"


def test_a_link_is_created_repaired_led_elsewhere_and_removed(bench: Bench) -> None:
    path = "/srv/current"

    def made() -> object:
        return Symlink(path, to="releases/1", owner="ops", group="adm")

    assert bench.apply(made) == {f"symlink:{path}": "create"}
    assert bench.stat(path, "%U %G %F") == "ops adm symbolic link"
    assert bench.out("readlink", path) == "releases/1"

    bench.sh(f"ln -sfn /elsewhere {path}")
    assert bench.apply(made) == {f"symlink:{path}": "update"}
    assert bench.stat(path, "%U %G") == "ops adm"
    bench.sh(f"chown -h nobody {path}")
    assert bench.apply(made) == {f"symlink:{path}": "update"}
    assert bench.stat(path, "%U %G") == "ops adm"

    assert bench.apply(lambda: Symlink(path, to="/new")) == {f"symlink:{path}": "update"}
    assert bench.out("readlink", path) == "/new"
    assert bench.stat(path, "%U %G") == "ops adm"
    assert bench.apply(lambda: Symlink(path, absent=True)) == {f"symlink:{path}": "delete"}
    assert not bench.exists(path)


@pytest.mark.parametrize("made", ["touch", "mkdir"])
def test_a_link_replaces_and_removes_nothing_but_a_link(bench: Bench, made: str) -> None:
    path = f"/srv/no-link-{made}"
    bench.sh(f"{made} {path}")
    assert "not a symbolic link" in bench.refused(lambda: Symlink(path, to="/srv"))
    assert "not a symbolic link" in bench.refused(lambda: Symlink(path, absent=True))
    assert bench.exists(path)


def test_owners_of_links_may_be_numbers(bench: Bench) -> None:
    uid = int(bench.out("id", "-u", "ops"))

    def made() -> object:
        return Symlink("/srv/numbered", to="/srv", owner=uid)

    assert bench.apply(made) == {"symlink:/srv/numbered": "create"}
    assert bench.stat("/srv/numbered", "%U") == "ops"
