"""Files on a real host: whose they are, and what is already in their place."""

import pytest

from cfgdsl import Secret, template
from cfgdsl_stdlib import Directory, File, Group, Symlink, User
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab


def test_owner_group_and_mode_are_set_from_the_start_and_repaired(bench: Bench) -> None:
    path = "/srv/owned"

    def made() -> object:
        return File(path, content="x", mode=0o640, owner="ops", group="adm")

    assert bench.apply(made) == {f"file:{path}": "create"}
    assert bench.stat(path) == "640 ops adm regular file"

    for drift in ("chmod 0666", "chown nobody", "chgrp root", "chown nobody:root"):
        inode = bench.stat(path, "%i")
        bench.sh(f"{drift} {path}")
        assert bench.apply(made) == {f"file:{path}": "update"}
        assert bench.stat(path) == "640 ops adm regular file"
        assert bench.stat(path, "%i") == inode, "attributes alone do not rewrite a file"


def test_what_is_not_declared_is_kept(bench: Bench) -> None:
    path = "/srv/kept"
    bench.sh(f"echo old > {path}; chown ops:adm {path}; chmod 0604 {path}")
    assert bench.apply(lambda: File(path, content="new")) == {f"file:{path}": "update"}
    assert bench.stat(path) == "604 ops adm regular file"
    assert bench.apply(lambda: File(path, owner="root")) == {f"file:{path}": "update"}
    assert bench.stat(path) == "604 root adm regular file"
    assert bench.out("cat", path) == "new"


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6711, 0o1644, 0o0])
def test_special_modes_survive_new_owners_and_new_content(bench: Bench, mode: int) -> None:
    path = f"/srv/mode-{mode:04o}"
    shown = f"{mode:o}"
    bench.apply(lambda: File(path, content="1", mode=mode))
    assert bench.stat(path) == f"{shown} root root " + "regular file"
    bench.apply(lambda: File(path, content="2", mode=mode, owner="ops"))
    assert bench.stat(path) == f"{shown} ops root regular file"
    bench.apply(lambda: File(path, owner="nobody"))
    assert bench.stat(path) == f"{shown} nobody root regular file"
    bench.sh(f"chmod 0604 {path}")
    assert bench.apply(lambda: File(path, mode=mode)) == {f"file:{path}": "update"}
    assert bench.stat(path) == f"{shown} nobody root regular file"


def test_a_file_without_content_is_created_empty(bench: Bench) -> None:
    assert bench.apply(lambda: File("/srv/empty", mode=0o600)) == {"file:/srv/empty": "create"}
    assert bench.stat("/srv/empty", "%a %s") == "600 0"
    bench.sh("echo something > /srv/empty")
    bench.assert_settled(lambda: File("/srv/empty", mode=0o600))


def test_a_link_in_its_place_is_replaced_and_not_followed(bench: Bench) -> None:
    bench.sh("echo precious > /srv/target; ln -s /srv/target /srv/in-place")

    def made() -> object:
        return File("/srv/in-place", content="mine\n")

    assert bench.apply(made) == {"file:/srv/in-place": "update"}
    assert bench.stat("/srv/in-place") == "644 root root regular file"
    assert bench.out("cat", "/srv/target") == "precious"


def test_a_link_in_its_place_stays_when_nothing_says_what_replaces_it(bench: Bench) -> None:
    bench.sh("ln -s /srv/somewhere /srv/only-attributes")
    why = bench.refused(lambda: File("/srv/only-attributes", mode=0o600))
    assert "/srv/only-attributes is a symbolic link to /srv/somewhere" in why


def test_a_link_is_followed_when_asked(bench: Bench) -> None:
    bench.sh("mkdir /srv/real; echo old > /srv/real/end; ln -s real/end /srv/followed")

    def made() -> object:
        return File("/srv/followed", content="new\n", mode=0o600, follow=True)

    assert bench.apply(made) == {"file:/srv/followed": "update"}
    assert bench.out("readlink", "/srv/followed") == "real/end"
    assert bench.out("cat", "/srv/real/end") == "new"
    assert bench.stat("/srv/real/end") == "600 root root regular file"
    bench.sh("rm /srv/real/end")
    assert bench.apply(made) == {"file:/srv/followed": "create"}
    assert bench.out("cat", "/srv/followed") == "new"


def test_attributes_alone_of_a_followed_link_are_those_of_its_end(bench: Bench) -> None:
    bench.sh("echo kept > /srv/behind; ln -s behind /srv/in-front")

    def made() -> object:
        return File("/srv/in-front", mode=0o640, owner="ops", follow=True)

    inode = bench.stat("/srv/behind", "%i")
    assert bench.apply(made) == {"file:/srv/in-front": "update"}
    assert bench.stat("/srv/behind") == "640 ops root regular file"
    assert bench.stat("/srv/behind", "%i") == inode
    assert bench.out("readlink", "/srv/in-front") == "behind"


@pytest.mark.parametrize("made", ["mkdir", "mkdir -p /srv/way/in; mkdir", "mkfifo"])
def test_what_is_no_file_is_never_replaced(bench: Bench, made: str) -> None:
    path = f"/srv/way-{len(made)}"
    bench.sh(f"{made} {path}")
    before = bench.stat(path)
    assert f"{path} is a" in bench.refused(lambda: File(path, content="x"))
    assert bench.stat(path) == before


def test_absent_removes_files_and_links_but_no_directory(bench: Bench) -> None:
    bench.sh(
        "echo x > /srv/goes; ln -s /srv/stays /srv/goes-too; echo y > /srv/stays; mkdir /srv/d"
    )
    assert bench.apply(
        lambda: [File(f"/srv/{name}", absent=True) for name in ("goes", "goes-too", "never-was")]
    ) == {"file:/srv/goes": "delete", "file:/srv/goes-too": "delete"}
    assert not bench.exists("/srv/goes")
    assert not bench.exists("/srv/goes-too")
    assert bench.exists("/srv/stays")
    assert "/srv/d is a directory" in bench.refused(lambda: File("/srv/d", absent=True))


def test_a_missing_folder_is_refused_at_plan_time(bench: Bench) -> None:
    why = bench.refused(lambda: File("/srv/no/such/file", content="x"))
    assert "its folder /srv/no/such does not exist" in why
    assert 'Directory("/srv/no/such")' in why


def test_an_unknown_owner_is_refused_at_plan_time(bench: Bench) -> None:
    for_user = bench.refused(lambda: File("/srv/whose", content="x", owner="nobody-here"))
    for_group = bench.refused(lambda: File("/srv/whose", content="x", group="nobody-here"))
    assert "there is no user 'nobody-here' on the host" in for_user
    assert "there is no group 'nobody-here' on the host" in for_group
    assert not bench.exists("/srv/whose")


def test_a_file_comes_with_its_folders_owner_and_group_in_one_go(bench: Bench) -> None:
    def declare() -> None:
        File("/srv/app/conf/main", content="x", owner="app", group="appgroup")
        Directory("/srv/app/conf", owner="app", mode=0o700)
        User("app", group="appgroup")
        Group("appgroup")
        Directory("/srv/app")
        Symlink("/srv/app/current", to="conf/main")

    assert set(bench.apply(declare).values()) == {"create"}
    assert bench.stat("/srv/app/conf/main") == "644 app appgroup regular file"
    assert bench.stat("/srv/app/conf") == "700 app root directory"
    assert bench.out("cat", "/srv/app/current") == "x"


def test_a_secret_makes_its_file_private(bench: Bench, tmp_path: object) -> None:
    source = f"{tmp_path}/secret.j2"
    with open(source, "w", encoding="utf-8") as file:
        file.write("password = {{ password }}\n")

    def declare() -> None:
        password = Secret.command(["printf", "correct horse"])
        File("/srv/secret", content=password)
        File("/srv/secret.conf", content=template(source, password=password))
        File("/srv/secret.shared", content=f"p={password}\n", mode=0o640, group="adm")

    assert set(bench.apply(declare).values()) == {"create"}
    assert bench.out("cat", "/srv/secret") == "correct horse"
    assert bench.out("cat", "/srv/secret.conf") == "password = correct horse"
    assert bench.out("cat", "/srv/secret.shared") == "p=correct horse"
    assert bench.stat("/srv/secret") == "600 root root regular file"
    assert bench.stat("/srv/secret.conf") == "600 root root regular file"
    assert bench.stat("/srv/secret.shared") == "640 root adm regular file"
    bench.sh("chmod 0644 /srv/secret.conf; echo other > /srv/secret")
    shown = repr(bench.plan(declare)) + str(bench.plan(declare).to_json())
    assert "horse" not in shown
    assert bench.apply(declare) == {"file:/srv/secret": "update", "file:/srv/secret.conf": "update"}
    assert bench.stat("/srv/secret.conf") == "600 root root regular file"


@pytest.mark.parametrize("account", ["ops", "nobody"])
def test_owners_may_be_numbers(bench: Bench, account: str) -> None:
    uid, gid = int(bench.out("id", "-u", account)), int(bench.out("id", "-g", account))

    def made() -> object:
        return [
            Directory(f"/srv/numbers-{account}", owner=uid, group=gid),
            File(f"/srv/numbers-{account}/file", content="x", owner=uid, group=gid),
            File(f"/srv/numbers-{account}/named", content="x", owner=uid, group="adm"),
            File(f"/srv/numbers-{account}/nobody", content="x", owner=54321, group=54321),
        ]

    assert set(bench.apply(made).values()) == {"create"}
    assert bench.stat(f"/srv/numbers-{account}/file", "%u %g") == f"{uid} {gid}"
    assert bench.stat(f"/srv/numbers-{account}/nobody", "%u %g") == "54321 54321"
    bench.sh(f"chown root:root /srv/numbers-{account}/file")
    assert bench.apply(made) == {f"file:/srv/numbers-{account}/file": "update"}
    assert bench.stat(f"/srv/numbers-{account}/file", "%u %g") == f"{uid} {gid}"


def test_a_number_that_the_same_plan_gives_a_name_is_known_by_it(bench: Bench) -> None:
    def declare() -> None:
        Directory("/srv/renamed", owner=4711, group=4712)
        File("/srv/renamed/file", content="x", owner=4711, group=4712)
        User("numbered", uid=4711, group="numbers", home="/srv")
        Group("numbers", gid=4712)

    bench.sh("mkdir /srv/renamed; chown 4711:4712 /srv/renamed")
    assert bench.apply(declare) == {
        "group:numbers": "create",
        "user:numbered": "create",
        "file:/srv/renamed/file": "create",
    }
    assert bench.stat("/srv/renamed") == "755 numbered numbers directory"
    assert bench.stat("/srv/renamed/file") == "644 numbered numbers regular file"
