"""drift, destroy, rollback, history, show RUN and import, as one types them over a directory."""

import fcntl
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cfgdsl.cli.main import run
from cfgdsl.cli.terminal import Terminal
from tests.cli.conftest import Golden

UNKNOWN = "20200101T000000Z-00000000"
HEAD = """
from pathlib import Path
from cfgdsl import *
from cfgdsl_stdlib import *

project("demo")


@configure(Host.local(str(Path(__file__).parent / "root"), name="demo"))
def site(host: Host) -> None:
"""
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the directory that is configured."""
    (tmp_path / "root").mkdir(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    declare(tmp_path, 'Directory("/srv")', 'File("/srv/a", content="a\\n")')
    return tmp_path


def declare(site: Path, *lines: str) -> None:
    body = "".join(f"    {line}\n" for line in lines or ("pass",))
    (site / "infra.py").write_text(HEAD + body)


@pytest.fixture
def cli(site: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line; its exit code, and what it said on both streams."""

    def called(*words: str) -> tuple[int, str, str]:
        code = run(words)
        return (code, *capsys.readouterr())

    return called


@pytest.fixture
def applied(site: Path, cli: Cli) -> str:
    """The id of a run that has made what is declared."""
    assert cli("apply", "--yes")[0] == 0
    return run_ids(cli)[0]


def run_ids(cli: Cli) -> list[str]:
    return [run["id"] for run in json.loads(cli("history", "--json")[1])["hosts"]["demo"]]


def plain(text: str) -> str:
    """Without what differs from run to run: ids, times, who, commits."""
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RUN", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", text)
    text = re.sub(r" in [0-9.]+ s", " in TIME", text)
    return re.sub(r"(WHEN)  \S+@\S+(  [0-9a-f]{12}(?= ))?", r"\1  WHO", text)


def test_drift(site: Path, cli: Cli, applied: str, golden: Golden) -> None:
    assert cli("drift") == (0, "1 host: nothing has drifted\n", "")
    (site / "root/srv/a").write_text("by hand\n")
    (site / "root/srv").chmod(0o700)
    code, out, err = cli("drift")
    assert (code, err) == (3, "")
    golden("drift.txt", out)
    document = json.loads(cli("drift", "--json")[1])
    steps = document["hosts"][0]["steps"]
    assert {s["identity"]: s["corrective"] for s in steps} == {"file:/srv/a": True}
    assert cli("apply", "--yes")[0] == 0
    assert cli("drift")[0] == 0


def test_what_is_only_intended_is_no_drift(site: Path, cli: Cli, applied: str) -> None:
    declare(site, 'Directory("/srv")', 'File("/srv/a", content="new\\n")')
    assert cli("drift") == (
        0,
        "1 host: nothing has drifted\n1 intended change pending too: cfgdsl plan\n",
        "",
    )
    declare(site, 'Directory("/srv")')
    assert cli("drift")[0] == 0  # what is no longer declared has not drifted either


def test_drift_of_a_host_that_cannot_be_planned_is_a_failure(site: Path, cli: Cli) -> None:
    (site / "root/srv").write_text("in the way")
    code, out, _ = cli("drift")
    assert code == 1
    assert "not a directory" in out


def test_destroy(site: Path, cli: Cli, applied: str, golden: Golden) -> None:
    code, out, err = cli("destroy", "--yes")
    assert (code, err) == (0, "")
    golden("destroy.txt", plain(out))
    assert list((site / "root").iterdir()) == [site / "root/.cfgdsl"]
    assert cli("destroy", "--yes") == (0, "1 host: nothing to do\n", "")


def test_destroy_as_json(cli: Cli, applied: str) -> None:
    code, out, err = cli("destroy", "--yes", "--json")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["event"] == "summary"
    assert events[-1]["outcomes"] == {"delete": 2}


def test_destroy_of_what_is_protected_is_a_failure(site: Path, cli: Cli) -> None:
    declare(site, 'File("/data", content="x", protect=True)')
    assert cli("apply", "--yes")[0] == 0
    declare(site)
    for command in ("destroy", "apply"):
        code, out, _ = cli(command, "--yes")
        assert code == 1
        assert "is protected, and no longer declared" in out
    assert (site / "root/data").exists()


def test_rollback(site: Path, cli: Cli, applied: str, golden: Golden) -> None:
    declare(site, 'Directory("/srv", mode=0o750)', 'File("/srv/a", content="b\\n")')
    assert cli("apply", "--yes")[0] == 0
    code, out, err = cli("rollback", run_ids(cli)[-1], "--yes")
    assert (code, err) == (0, "")
    golden("rollback.txt", plain(out))
    assert (site / "root/srv/a").read_text() == "a\n"
    assert (site / "root/srv").stat().st_mode & 0o777 == 0o755


def test_what_cannot_be_undone_is_shown(site: Path, cli: Cli, applied: str, golden: Golden) -> None:
    declare(site, 'Directory("/srv")', 'File("/srv/a", content="b\\n")')
    assert cli("apply", "--yes")[0] == 0
    for kept in (site / "root/.cfgdsl/demo/backup").iterdir():
        kept.unlink()
    code, out, _ = cli("rollback", run_ids(cli)[-1], "--yes")
    assert code == 0
    golden("rollback_impossible.txt", plain(out))


def test_history(site: Path, cli: Cli, golden: Golden) -> None:
    assert cli("history") == (0, "No runs yet.\n", "")
    assert cli("apply", "--yes")[0] == 0
    declare(site, 'Directory("/srv")')
    assert cli("apply", "--yes")[0] == 0
    code, out, err = cli("history")
    assert (code, err) == (0, "")
    golden("history.txt", plain(out))
    runs = json.loads(cli("history", "--json")[1])["hosts"]["demo"]
    assert [set(run) for run in runs] == [
        {"id", "host", "began", "ended", "who", "commit", "plan"}
    ] * 2


def test_history_says_which_run_was_interrupted(site: Path, cli: Cli, applied: str) -> None:
    journal = site / "root/.cfgdsl/demo/journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))  # as a kill leaves it: without an end
    assert cli("history")[1].rstrip().endswith("demo  interrupted on demo")


def test_show_a_run(site: Path, cli: Cli, applied: str, golden: Golden) -> None:
    code, out, err = cli("show", applied)
    assert (code, err) == (0, "")
    golden("show_run.txt", plain(out).replace(str(site), "."))
    declare(site, 'Directory("/srv", mode=0o711)')
    assert cli("apply", "--yes")[0] == 0
    second = run_ids(cli)[-1]
    code, out, err = cli("show", "-v", second)
    assert (code, err) == (0, "")
    golden("show_run_verbose.txt", plain(out).replace(str(site), "."))
    steps = json.loads(cli("show", "--json", second)[1])["hosts"]["demo"]
    assert {step["identity"]: step["outcome"] for step in steps} == {
        "file:/srv/a": "changed",
        "directory:/srv": "changed",
    }
    assert all(step["host"] == "demo" and step["origin"] for step in steps)


@pytest.mark.parametrize("words", [("show",), ("rollback", "--yes")])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_an_unknown_run_is_an_error_that_says_where_to_look(
    cli: Cli, applied: str, words: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    code, out, err = cli(words[0], UNKNOWN, *words[1:], *as_json)
    assert code == 2
    assert f"no host knows a run {UNKNOWN}" in err
    assert "`cfgdsl history` lists the runs that hosts know." in err
    assert bool(out) == bool(as_json)


def test_what_is_no_id_of_a_run_is_told_so(cli: Cli, applied: str) -> None:
    assert cli("rollback", "nonsense", "--yes")[0] == 2
    assert cli("show", "nonsense")[0] == 2


@pytest.mark.parametrize("words", [("destroy",), ("rollback", UNKNOWN)])
def test_nobody_can_be_asked_without_a_terminal(
    cli: Cli, applied: str, words: tuple[str, ...]
) -> None:
    for more in ((), ("--json",)):
        code, _, err = cli(*words, *more)
        assert code == 2
        assert "add --yes" in err


def test_a_host_that_another_run_changes_is_left_alone(site: Path, cli: Cli, applied: str) -> None:
    declare(site, 'Directory("/srv")', 'File("/srv/a", content="new\\n")')
    holder = {"who": "ann@laptop", "run": UNKNOWN, "since": "2026-01-01 08:00:00 UTC"}
    with (site / "root/.cfgdsl/.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump(holder, lock)
        lock.flush()
        for command in (["apply"], ["destroy"], ["rollback", applied]):
            code, out, _ = cli(*command, "--yes")
            assert code == 1
            told = f"another run changes this host: ann@laptop, run {UNKNOWN}, since 2026-01-01"
            assert told in " ".join(out.split())
        for command in (["plan"], ["history"], ["show", applied], ["drift"]):
            assert cli(*command)[0] == 0
    assert (site / "root/srv/a").read_text() == "a\n"


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("y\n", 0)])
def test_destroy_asks(
    site: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    assert cli("apply", "--yes")[0] == 0
    original = Terminal.__init__

    def interactive(self: Terminal, **values: object) -> None:
        original(self, **values)  # type: ignore[arg-type]
        self.is_interactive = True

    monkeypatch.setattr(Terminal, "__init__", interactive)
    (site / "typed").write_text(typed)
    with (site / "typed").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert cli("destroy")[0] == code
    assert (site / "root/srv/a").exists() == (code == 1)


def test_import_writes_code_whose_plan_is_empty(site: Path, cli: Cli, golden: Golden) -> None:
    root = site / "root"
    (root / "srv").mkdir(mode=0o750)
    (root / "srv/a").write_text('tab\t"quoted"\n')
    (root / "srv/a").chmod(0o640)
    (root / "srv/big").write_text("a line\n" * 400)
    (root / "srv/link").symlink_to("a")
    things = ["directory:/srv", "file:/srv/a", "file:/srv/big", "symlink:/srv/link"]
    (site / "new").mkdir()
    code, out, err = cli("import", "demo", *things, "--out", "new/infra.py")
    assert (code, out, err) == (0, "Wrote new/infra.py, new/files/srv_big.\n", "")
    text = (site / "new/infra.py").read_text()
    golden("import.py.txt", owned(text.replace(str(site), ".")))
    assert (site / "new/files/srv_big").read_bytes() == (root / "srv/big").read_bytes()
    (site / "new/infra.py").write_text(text)
    code, out, _ = cli("plan", "new/infra.py", "--detailed-exitcode")
    assert (code, out.splitlines()[-1]) == (0, "1 host: nothing to do; 4 unchanged")


def owned(text: str) -> str:
    return re.sub(r'(owner|group)="[^"]+"', r'\1="ME"', text)


def test_import_to_the_terminal_says_which_files_it_needs_too(site: Path, cli: Cli) -> None:
    (site / "root/big").write_text("a line\n" * 400)
    code, out, err = cli("import", "demo", "file:/big")
    assert code == 0
    assert 'File("/big", source="files/big"' in out
    assert err == "Needs files too: --out writes files/big.\n"
    document = json.loads(cli("import", "demo", "file:/big", "--json")[1])
    assert set(document) == {"code", "files"}


def test_import_overwrites_nothing(site: Path, cli: Cli) -> None:
    before = (site / "infra.py").read_text()
    (site / "root/x").write_text("x")
    code, _, err = cli("import", "demo", "file:/x", "--out", "infra.py")
    assert code == 2
    assert "infra.py is there already" in err
    assert (site / "infra.py").read_text() == before


def test_what_is_not_there_is_not_imported(site: Path, cli: Cli) -> None:
    (site / "root/x").write_text("x")
    code, out, err = cli("import", "demo", "file:/x", "file:/y")
    assert code == 1
    assert err == "Not imported: demo/file:/y: is not there\n"
    assert 'File("/x"' in out


def test_what_is_no_text_is_not_imported_and_all_else_is(site: Path, cli: Cli) -> None:
    (site / "root/x").write_text("x")
    (site / "root/binary").write_bytes(b"\0\1")
    code, out, err = cli("import", "demo", "file:/binary", "file:/x")
    assert code == 1
    assert "Not imported: demo/file:/binary: is no text, or longer than 64 KiB: 2 bytes" in err
    assert 'File("/x"' in out


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        ("nonsense", "cannot import 'nonsense'"),
        ("fiel:/etc/motd", "cannot import 'fiel:/etc/motd'"),
        ("file:", "cannot import 'file:'"),
        ("line:/etc/motd", "cannot import 'line:/etc/motd'"),
        ("file:relative", "relative"),
    ],
)
def test_what_cannot_be_imported_is_a_usage_error(cli: Cli, thing: str, told: str) -> None:
    code, out, err = cli("import", "demo", thing)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_a_host_that_nobody_knows_is_an_error_with_a_near_name(cli: Cli) -> None:
    code, _, err = cli("import", "dmeo", "file:/etc/motd")
    assert code == 2
    assert "demo" in err
    for command in (["drift"], ["destroy", "--yes"], ["history"], ["rollback", UNKNOWN, "--yes"]):
        code, _, err = cli(*command, "--limit", "dmeo")
        assert code == 2
        assert "demo" in err


@pytest.mark.parametrize("command", ["drift", "destroy", "rollback", "history", "show", "import"])
def test_help(cli: Cli, command: str) -> None:
    code, out, err = cli(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: cfgdsl {command} [OPTIONS]")
    assert "--json" in out


@pytest.mark.parametrize(
    "words", ["rollback", "import", "import demo", "show", "destroy --nonsense"]
)
def test_a_wrong_command_line_is_a_usage_error(cli: Cli, words: str) -> None:
    code, _, err = cli(*words.split())
    assert code == 2
    assert "Usage:" in err


def test_without_a_project_there_is_nothing_to_destroy_or_to_tell(site: Path, cli: Cli) -> None:
    text = (site / "infra.py").read_text()
    (site / "infra.py").write_text(text.replace('project("demo")', ""))
    assert cli("apply", "--yes")[0] == 0
    assert cli("destroy", "--yes")[0] == 0
    assert (site / "root/srv/a").exists()
    assert os.listdir(site / "root/.cfgdsl")
