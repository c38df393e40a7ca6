"""Users and groups on a real host."""

import pytest

from cfgdsl_stdlib import Directory, File, Group, User
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab


def entry(bench: Bench, name: str) -> str:
    """The line of passwd(5)."""
    return bench.out("getent", "passwd", name)


def groups(bench: Bench, name: str) -> set[str]:
    return set(bench.out("id", "-nG", name).split())


def test_a_user_is_created_with_all_that_is_declared_and_repaired(bench: Bench) -> None:
    def made() -> object:
        return User(
            "ada",
            uid=2001,
            group="staff",
            groups=["adm", "games"],
            shell="/bin/bash",
            home="/srv/ada",
            comment="Ada, room 5",
        )

    assert bench.apply(made) == {"user:ada": "create"}
    gid = bench.out("getent", "group", "staff").split(":")[2]
    line = f"ada:x:2001:{gid}:Ada, room 5:/srv/ada:/bin/bash"
    assert entry(bench, "ada") == line
    assert groups(bench, "ada") == {"staff", "adm", "games"}
    assert bench.stat("/srv/ada", "%U %G %F") == "ada staff directory"
    assert bench.exists("/srv/ada/.profile")

    for drift in (
        "usermod -s /bin/sh ada",
        "usermod -c other -d /elsewhere ada",
        "usermod -G adm,audio ada",
        "usermod -g games ada",
        "usermod -u 2999 ada",
    ):
        bench.sh(drift)
        assert bench.apply(made) == {"user:ada": "update"}
        assert entry(bench, "ada") == line
        assert groups(bench, "ada") == {"staff", "adm", "games"}

    assert bench.apply(lambda: User("ada", absent=True)) == {"user:ada": "delete"}
    assert bench.host.run(["id", "ada"], check=False).returncode == 1
    assert bench.exists("/srv/ada")


def test_a_plain_user_gets_what_the_host_gives(bench: Bench) -> None:
    assert bench.apply(lambda: User("plain")) == {"user:plain": "create"}
    name, _, _, _, _, home, _ = entry(bench, "plain").split(":")
    assert (name, home) == ("plain", "/home/plain")
    assert groups(bench, "plain") == {"plain"}
    assert bench.stat("/home/plain", "%U %F") == "plain directory"


def test_what_is_not_declared_of_a_user_is_kept(bench: Bench) -> None:
    bench.sh("useradd -s /bin/bash -G adm,games -c Kept kept")
    before = entry(bench, "kept")
    bench.assert_settled(lambda: User("kept"))
    assert bench.apply(lambda: User("kept", shell="/bin/sh")) == {"user:kept": "update"}
    assert entry(bench, "kept") == before.replace("/bin/bash", "/bin/sh")
    assert groups(bench, "kept") == {"kept", "adm", "games"}


def test_groups_are_exactly_these_or_at_least_these(bench: Bench) -> None:
    bench.sh("useradd -G adm,games member")

    def more() -> object:
        return User("member", groups=["audio"], append=True)

    assert bench.apply(more) == {"user:member": "update"}
    assert groups(bench, "member") == {"member", "adm", "games", "audio"}
    assert bench.apply(lambda: User("member", groups=["audio"])) == {"user:member": "update"}
    assert groups(bench, "member") == {"member", "audio"}
    assert bench.apply(lambda: User("member", groups=[])) == {"user:member": "update"}
    assert groups(bench, "member") == {"member"}


def test_a_system_user_has_a_low_number_and_no_home(bench: Bench) -> None:
    def made() -> object:
        return User("svc", system=True, home="/var/lib/svc", shell="/usr/sbin/nologin")

    assert bench.apply(made) == {"user:svc": "create"}
    assert int(bench.out("id", "-u", "svc")) < 1000
    assert not bench.exists("/var/lib/svc")


def test_a_home_goes_with_its_user_only_when_asked(bench: Bench) -> None:
    bench.apply(lambda: [User("leaver"), User("stayer")])

    def declared() -> object:
        return [User("leaver", absent=True, remove_home=True), User("stayer", absent=True)]

    assert bench.apply(declared) == {"user:leaver": "delete", "user:stayer": "delete"}
    assert not bench.exists("/home/leaver")
    assert bench.exists("/home/stayer")


def test_a_group_that_is_there_becomes_that_of_a_new_user_of_its_name(bench: Bench) -> None:
    bench.sh("groupadd -g 2345 twin")
    assert bench.apply(lambda: User("twin")) == {"user:twin": "create"}
    assert bench.out("id", "-g", "twin") == "2345"


def test_users_and_their_groups_come_in_one_go(bench: Bench) -> None:
    def declare() -> None:
        for number in range(10):
            User(f"crew{number}", group="crew", groups=["deck", f"own{number}"])
            Group(f"own{number}")
        Group("crew", gid=3000)
        Group("deck", system=True)

    done = bench.apply(declare)
    assert len(done) == 22
    assert set(done.values()) == {"create"}
    assert groups(bench, "crew7") == {"crew", "deck", "own7"}


def test_a_group_from_its_creation_to_its_end(bench: Bench) -> None:
    def made() -> object:
        return Group("team", gid=2500)

    assert bench.apply(made) == {"group:team": "create"}
    assert bench.out("getent", "group", "team") == "team:x:2500:"
    bench.sh("groupmod -g 2600 team")
    assert bench.apply(made) == {"group:team": "update"}
    assert bench.out("getent", "group", "team") == "team:x:2500:"
    bench.sh("gpasswd -a ops team")
    bench.assert_settled(made)
    assert bench.apply(lambda: Group("team", absent=True)) == {"group:team": "delete"}
    assert bench.host.run(["getent", "group", "team"], check=False).returncode == 2


def test_a_user_and_its_groups_go_in_one_go(bench: Bench) -> None:
    bench.sh("groupadd g1; groupadd g2; useradd -g g1 -G g2 goner")
    done = bench.apply(
        lambda: [Group("g1", absent=True), Group("g2", absent=True), User("goner", absent=True)]
    )
    assert done == {"user:goner": "delete", "group:g1": "delete", "group:g2": "delete"}


def test_the_group_of_a_user_that_stays_cannot_go(bench: Bench) -> None:
    bench.sh("groupadd needed; useradd -g needed needs")
    ended = bench.fails(lambda: Group("needed", absent=True))
    outcome, detail = ended["group:needed"]
    assert outcome == "failed"
    assert "primary group of user 'needs'" in detail["stderr"]


def test_an_unknown_group_is_refused_at_plan_time(bench: Bench) -> None:
    why = bench.refused(lambda: User("joiner", groups=["no-such-group"]))
    assert "no-such-group" in why
    assert bench.host.run(["id", "joiner"], check=False).returncode == 1


def test_two_users_of_one_number_are_refused(bench: Bench) -> None:
    why = bench.refused(lambda: [User("one", uid=4000), User("two", uid=4000)])
    assert "both write user:4000" in why


def test_a_number_that_somebody_else_has_fails_with_the_reason(bench: Bench) -> None:
    ended = bench.fails(lambda: User("second-root", uid=0))
    outcome, detail = ended["user:second-root"]
    assert outcome == "failed"
    assert "UID 0 is not unique" in detail["stderr"]


@pytest.mark.parametrize("name", ["", "-x", "a:b", "1000", "a" * 33, "+nis"])
def test_bad_names_are_refused_at_the_declaration(bench: Bench, name: str) -> None:
    assert bench.refused(lambda: User(name))


def test_what_is_in_a_home_comes_with_its_user_in_one_go(bench: Bench) -> None:
    def declare() -> None:
        File("/home/dweller/.profile", content="umask 022\n", owner="dweller", mode=0o600)
        Directory("/home/dweller/.ssh", mode=0o700)
        User("dweller")
        File("/srv/den/notes", content="x\n")
        User("hermit", home="/srv/den")

    assert set(bench.apply(declare)) == {
        "user:dweller",
        "user:hermit",
        "file:/home/dweller/.profile",
        "directory:/home/dweller/.ssh",
        "file:/srv/den/notes",
    }
    assert bench.stat("/home/dweller/.profile") == "600 dweller dweller regular file"
    assert bench.stat("/srv/den", "%U") == "hermit"
    assert bench.exists("/srv/den/.profile")
