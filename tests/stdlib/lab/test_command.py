"""Commands on a real host: their guards, their surroundings, their limits."""

import json
import time

import pytest

from cfgdsl import Secret
from cfgdsl_stdlib import Command, Directory, File, User
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab


def test_creates_runs_once_and_again_when_what_it_made_is_gone(bench: Bench) -> None:
    def made() -> object:
        return Command(["touch", "/srv/made"], creates="/srv/made")

    assert bench.apply(made) == {"command:touch /srv/made": "run"}
    bench.sh("rm /srv/made")
    assert bench.apply(made) == {"command:touch /srv/made": "run"}


def test_a_command_that_does_not_make_what_it_says_is_unproven(bench: Bench) -> None:
    ended = bench.fails(lambda: Command(["true"], creates="/srv/never"))
    outcome, detail = ended["command:true"]
    assert outcome == "unproven"
    assert detail["differences"] == ["it is not there"]


def test_unless_runs_while_its_guard_says_so(bench: Bench) -> None:
    def made() -> object:
        return Command(
            ["cp", "/etc/hostname", "/srv/copy"], unless=["cmp", "/etc/hostname", "/srv/copy"]
        )

    assert list(bench.apply(made).values()) == ["run"]
    bench.sh("echo other > /srv/copy")
    assert list(bench.apply(made).values()) == ["run"]


def test_on_change_runs_once_after_the_last_of_several_changes(bench: Bench) -> None:
    def declare(text: str = "1") -> None:
        sources = [File(f"/srv/src/{n}", content=f"{text}{n}\n") for n in range(5)]
        Directory("/srv/src")
        Command(
            shell="cat /srv/src/* > /srv/joined; echo run >> /srv/runs",
            on_change=sources,
            id="join",
        )

    done = bench.apply(declare)
    assert done["command:join"] == "run"
    assert bench.out("cat", "/srv/joined").split() == ["10", "11", "12", "13", "14"]
    assert bench.out("cat", "/srv/runs") == "run"
    bench.sh("echo drift > /srv/src/3")
    assert bench.apply(declare) == {"file:/srv/src/3": "update", "command:join": "run"}
    assert bench.out("cat", "/srv/runs").split() == ["run", "run"]


def test_always_runs_each_time_and_is_no_change(bench: Bench) -> None:
    def made() -> object:
        return Command(shell="echo x >> /srv/always", always=True, id="always")

    assert bench.apply(made) == {"command:always": "always"}
    assert bench.plan(made).is_empty
    assert bench.out("wc", "-l", "/srv/always").startswith("2 "), "one for each of two applies"


def test_directory_environment_user_and_input(bench: Bench) -> None:
    def declare() -> None:
        User("runner", shell="/bin/sh")
        Directory("/srv/place", owner="runner")
        Command(
            shell='read line; echo "$PWD $(id -un) $HOME $GREETING $line" > out',
            creates="/srv/place/out",
            cwd="/srv/place",
            env={"GREETING": "hello  world"},
            user="runner",
            input="from stdin\n",
            id="surroundings",
        )

    assert set(bench.apply(declare)) == {
        "user:runner",
        "directory:/srv/place",
        "command:surroundings",
    }
    said = "/srv/place runner /home/runner hello  world from stdin"
    assert bench.out("cat", "/srv/place/out") == said
    assert bench.stat("/srv/place/out", "%U %G") == "runner runner"


def test_a_secret_goes_to_its_input_and_nowhere_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SECRET", "correct horse")

    def declare() -> None:
        Command(
            shell="ps -eo args > /srv/args; cat > /srv/from-secret; cat /srv/from-secret",
            creates="/srv/from-secret",
            input=Secret.env("BENCH_SECRET"),
            id="secret",
        )

    plan = bench.observe(declare)
    run = bench.project.apply(plan)
    assert run.ok
    assert bench.out("cat", "/srv/from-secret") == "correct horse"
    assert "correct horse" not in bench.out("cat", "/srv/args")
    assert "correct horse" not in repr(run.events) + plan.to_json()
    journal = bench.sh("cat /var/lib/cfgdsl/.unnamed/journal")
    assert "correct horse" not in journal


def test_only_the_exit_codes_that_are_said_are_success(bench: Bench) -> None:
    def made(ok: tuple[int, ...] = (0,)) -> Command:
        return Command(shell="touch /srv/three; exit 3", creates="/srv/three", ok=ok, id="three")

    outcome, detail = bench.fails(made)["command:three"]
    assert (outcome, detail["error"], detail["exit"]) == ("failed", "exit status 3", 3)
    bench.sh("rm /srv/three")
    assert bench.apply(lambda: made((0, 3))) == {"command:three": "run"}


def test_arguments_reach_the_command_as_they_are(bench: Bench) -> None:
    words = ["a b", "$HOME", "`id`", "*", "'", '"', "", "-n", "\\", "é", ";"]
    script = 'import json, sys; json.dump(sys.argv[1:], open("/srv/words", "w"))'
    argv = ["python3", "-c", script, *words]
    bench.apply(lambda: Command(argv, creates="/srv/words", id="words"))
    assert json.loads(bench.host.path("/srv/words").read_text()) == words


def test_what_it_writes_comes_before_what_uses_it(bench: Bench) -> None:
    def declare() -> None:
        File("/srv/unpacked/conf/mine", content="x")
        Command(
            shell="mkdir -p /srv/unpacked/conf /srv/unpacked/bin",
            creates="/srv/unpacked/bin",
            writes=["/srv/unpacked/conf"],
            id="unpack",
        )

    assert bench.apply(declare) == {
        "command:unpack": "run",
        "file:/srv/unpacked/conf/mine": "create",
    }


def test_a_file_in_a_folder_that_some_command_may_bring_waits_for_it(bench: Bench) -> None:
    def declare() -> None:
        File("/srv/brought/deep/mine", content="x")
        Command(shell="mkdir -p /srv/brought/deep", creates="/srv/brought", id="bring")

    assert set(bench.apply(declare)) == {"command:bring", "file:/srv/brought/deep/mine"}


def test_a_timeout_kills_all_that_the_command_started(bench: Bench) -> None:
    began = time.monotonic()
    ended = bench.fails(
        lambda: Command(
            shell="sleep 4321 & setsid sleep 4322 & (sleep 4323; true) & sleep 4324",
            always=True,
            timeout=1,
            id="slow",
        )
    )
    assert time.monotonic() - began < 8
    outcome, detail = ended["command:slow"]
    assert outcome == "failed"
    assert detail["error"] == "timed out after 1 s"
    left = bench.host.run(["pgrep", "-af", "sleep 432[134]"], check=False).stdout
    assert "sleep 4321" not in left
    assert "sleep 4323" not in left
    assert "sleep 4324" not in left
    bench.host.run(["pkill", "-f", "sleep 4322"], check=False)


def test_what_fails_is_tried_again_as_often_as_asked(bench: Bench) -> None:
    script = "echo x >> /srv/tries; [ $(wc -l < /srv/tries) -ge 3 ] && touch /srv/at-last"

    def made() -> object:
        return Command(shell=script, creates="/srv/at-last", retries=2, id="tries")

    assert bench.apply(made) == {"command:tries": "run"}
    assert bench.out("wc", "-l", "/srv/tries").startswith("3 ")


def test_a_failure_says_all_that_one_needs(bench: Bench) -> None:
    ended = bench.fails(
        lambda: [
            Command(shell="echo out; echo err >&2; exit 9", always=True, id="bad"),
            File("/srv/after-bad", content="x", after="command:bad"),
            File("/srv/beside-bad", content="x"),
        ]
    )
    outcome, detail = ended["command:bad"]
    assert outcome == "failed"
    assert detail == {
        "error": "exit status 9",
        "argv": ["/bin/sh", "-c", "echo out; echo err >&2; exit 9"],
        "exit": 9,
        "stdout": "out\n",
        "stderr": "err\n",
    }
    assert ended["file:/srv/after-bad"][0] == "skipped"
    assert ended["file:/srv/beside-bad"][0] == "changed"


def test_a_program_that_is_not_there_fails_with_its_name(bench: Bench) -> None:
    _, detail = bench.fails(lambda: Command(["no-such-program"], always=True))[
        "command:no-such-program"
    ]
    assert detail["error"] == "no such program: no-such-program"


def test_an_unknown_user_or_folder_is_refused_at_plan_time(bench: Bench) -> None:
    assert "nobody-here" in bench.refused(
        lambda: Command(["true"], creates="/srv/x", user="nobody-here")
    )
    assert "/srv/no-folder" in bench.refused(
        lambda: Command(["true"], creates="/srv/x", cwd="/srv/no-folder")
    )


def test_a_command_without_a_guard_is_refused_at_the_declaration(bench: Bench) -> None:
    assert "needs a guard" in bench.refused(lambda: Command(["reboot"]))
