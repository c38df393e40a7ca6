"""Plans of more hosts than go on at once: they wait in a spool, and nothing else changes."""

import gc
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cfgdsl
from cfgdsl import ConfigurationError, Content, Event, Options, Plan, Project
from cfgdsl.core.errors import SpoolError
from cfgdsl.core.plan import HostPlans
from cfgdsl.engine.events import StepDone
from cfgdsl.engine.pickled import CannotBePickledError, Pickled
from cfgdsl.engine.spool import Spool, Spooled, SpooledPlans

HEAD = """
import threading
from cfgdsl import *
from cfgdsl_stdlib import *

a, b, c = (Host.local({root!r} + "/" + name, name=name) for name in "abc")
hosts = [a, b, c]
project("spooled", secrets={{"word": Secret.env("SPOOL_TEST_WORD")}})


@resource("own")
class Own(Resource):
    \"\"\"A type that only this module has.\"\"\"

    path: Field[str] = key()
    odd: Field[object] = field(default=None, how=True, kw_only=True)
    text: Field[str] = field(kw_only=True)

    def footprint(self):
        return Footprint(writes=(f"path:{{self.path}}",))

    def probes(self):
        return (probes.Read(self.path, up_to=100),)

    def observe(self, answers):
        found = answers[probes.Read(self.path, up_to=100)]
        return None if found is None else self.observed(text=found.get("text") or "")

    def ops(self, change):
        return (ops.Put(self.path, Content.of(self.text), mode=0o644),)
"""

WORD = "correct-horse-battery"

PIECES = {
    "plain": 'File("/plain", content=f"for {host.name}")',
    "own type": 'Own("/own", text=f"{host.name} again")',
    "odd": 'Own("/odd", text="x", odd=threading.Lock())',
    "secret": 'File("/secret", content=f"word={Secret(\'word\')}")',
    "edits": 'Line("/plain", "more")\n    Block("/new", "text", name="n")',
    "output": 'first = File("/first", content="x")\n    File("/second", content=first.sha256)',
    "component": 'with component("web", tags=["t"]):\n        Directory("/d")\n'
    '    File("/d/f", content="", after="component:web")',
    "skipped": 'File("/never", content="x", only_if=exists("/nowhere"))',
    "wrong": 'Line("/binary", "x")',
}

ACROSS = """
@configure(c)
def reader(host):
    File("/sums", content=each_sum["a"].sha256)

@configure(a)
def each_sum(host):
    return File("/across", content="x")
"""


@contextmanager
def loaded(folder: Path, text: str, parallel: int) -> Iterator[Project]:
    for name in "abc":
        (folder / name).mkdir(parents=True)
        (folder / name / "binary").write_bytes(b"\0\1")
    config = folder / "infra.py"
    config.write_text(HEAD.format(root=str(folder)) + text)
    with cfgdsl.load(config, options=Options(parallel=parallel)) as project:
        yield project


def config_of(pieces: list[str], *, across: bool = False) -> str:
    body = "".join(f"    {PIECES[piece]}\n" for piece in pieces)
    text = f"\n@configure(hosts)\ndef each(host):\n{body or '    ...'}\n"
    return text + ACROSS if across else text


def tree(folder: Path) -> dict[str, bytes]:
    """Without records, which have times and the names of runs."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if "cfgdsl" not in name}


def told(events: list[Event]) -> list[tuple[str, str, int]]:
    return sorted((e.host, e.outcome, e.step.id) for e in events if isinstance(e, StepDone))


def all_of(folder: Path, text: str, parallel: int) -> Any:
    """What comes of a configuration: all that anybody may see of it."""
    events: list[Event] = []
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with loaded(folder, text, parallel) as project:
            plan = project.plan()
            assert isinstance(plan.hosts, HostPlans) is (parallel < 3 and "Lock()" not in text)
            before = plan.to_json(), plan.summaries, plan.is_empty, plan.ok, plan.counts()
            run = project.apply(plan, listen=events.append)
            after = run.ok, run.counts(), run.deviations, run.failed_hosts, tree(folder)
            again = project.plan().to_json()
            return before, after, told(events), told(list(run.events)), again
    except ConfigurationError as error:
        return error.diagnostics


@pytest.fixture(scope="module", autouse=True)
def word() -> Iterator[None]:
    os.environ["SPOOL_TEST_WORD"] = WORD
    yield
    del os.environ["SPOOL_TEST_WORD"]


@settings(max_examples=8, deadline=None)
@given(pieces=st.lists(st.sampled_from(sorted(PIECES)), unique=True), across=st.booleans())
def test_the_spool_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], across: bool
) -> None:
    folder = tmp_path_factory.getbasetemp() / "same" / "hosts"
    text = config_of(pieces, across=across)
    assert all_of(folder, text, parallel=2) == all_of(folder, text, parallel=50)


def kinds(plan: Plan) -> list[str]:
    assert isinstance(plan.hosts, SpooledPlans)
    return [type(part).__name__ for part in plan.hosts.parts]


def test_everything_but_what_cannot_be_written_waits_in_the_spool(tmp_path: Path) -> None:
    pieces = sorted(PIECES.keys() - {"odd", "wrong"})
    with loaded(tmp_path / "1", config_of(pieces, across=True), 1) as project:
        assert kinds(project.plan()) == ["Spooled"] * 3
    with loaded(tmp_path / "2", config_of(["odd"]), 1) as project:
        plan = project.plan()
        assert isinstance(plan.hosts, tuple)
        assert project.apply(plan).ok


def test_the_numbers_of_a_plan_take_no_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded(tmp_path, config_of(["plain"]), 1) as project:
        plan = project.plan()
        monkeypatch.setattr(Spooled, "plan", None)
        assert (len(plan.hosts), plan.ok, plan.is_empty) == (3, True, False)
        assert plan.counts() == {"create": 3}


def test_a_plan_is_read_again_and_again_and_is_the_same(tmp_path: Path) -> None:
    with loaded(tmp_path, config_of(["plain"]), 1) as project:
        plan = project.plan()
        first = plan.hosts[0]
        assert plan.hosts[0] is first  # as long as somebody has it
        assert [host.host for host in plan.hosts[1:]] == ["b", "c"]
        assert plan.hosts == tuple(plan.hosts)
        assert plan["c/file:/plain"].action == "create"
        text = plan.to_json()
        assert Plan.from_json(text).to_json() == text
        part = attrs.evolve(plan, hosts=(first,))
        assert project.apply(part).ok
        assert sorted(p.name for p in tmp_path.rglob("plain")) == ["plain"]
    assert plan.to_json() == text  # somebody still has it


def test_an_older_plan_is_refused_and_still_readable(tmp_path: Path) -> None:
    with loaded(tmp_path, config_of(["plain"]), 1) as project:
        older, newer = project.plan(), project.plan()
        with pytest.raises(ConfigurationError, match="not the last plan"):
            project.apply(older)
        assert older.to_json() == newer.to_json()
        assert project.apply(newer).ok


def test_what_went_wrong_is_kept_whole_and_what_went_well_in_brief(tmp_path: Path) -> None:
    with loaded(tmp_path, config_of(["plain", "own type"]), 1) as project:
        plan = project.plan()
        (tmp_path / "a" / "plain").write_text("somebody was faster")
        heard: list[Event] = []
        run = project.apply(plan, listen=heard.append)
        (failure,) = run.failures
        assert failure.step.fields
        assert failure.outcome == "stale"
        well = [done.step for done in run.outcomes if done.outcome == "changed"]
        assert {(s.fields, s.ops, s.probes) for s in well} == {((), (), ())}
        whole = [e.step for e in heard if isinstance(e, StepDone)]
        assert [step.address for step in whole] == [done.step.address for done in run.outcomes]
        assert all(step.ops for step in whole)


def test_a_host_that_was_connected_again_is_looked_at_after_its_run(tmp_path: Path) -> None:
    text = config_of(["plain"])
    spoil = """
@configure(hosts)
def spoil(host):
    Own("/other", text="x", after="file:/plain")
"""
    with loaded(tmp_path, text + spoil, 1) as project:
        plan = project.plan()

        def meddle(event: Event) -> None:
            if isinstance(event, StepDone) and event.step.identity == "own:/other":
                (tmp_path / event.host / "plain").write_text("meddled")

        run = project.apply(plan, listen=meddle)
        assert {*run.deviations} == {"a", "b", "c"}


def spool_files() -> list[str]:
    """What this process has open without a name."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:
            continue
    return [name for name in found if name.endswith(" (deleted)") and "/#" in name]


def test_the_spool_is_a_file_of_this_user_only_without_a_name() -> None:
    spool = Spool()
    spool.write(b"x")
    found = os.fstat(spool._file)
    assert (stat.S_IMODE(found.st_mode), found.st_nlink, found.st_uid) == (0o600, 0, os.getuid())
    assert not os.get_inheritable(spool._file)


def test_the_spool_is_gone_with_its_project(tmp_path: Path) -> None:
    gc.collect()
    before = len(spool_files())
    with loaded(tmp_path / "1", config_of(["plain"]), 1) as project:
        plan: Plan | None = project.plan()
        assert len(spool_files()) == before + 1
    plan = None
    gc.collect()
    assert len(spool_files()) == before
    with pytest.raises(RuntimeError, match="boom"):
        _fails_while_something_waits(tmp_path / "2")
    gc.collect()
    assert len(spool_files()) == before
    assert plan is None


def _fails_while_something_waits(folder: Path) -> None:
    with loaded(folder, config_of(["plain"]), 1) as project:
        project.plan()
        raise RuntimeError("boom")


WAITING = """
import sys, time, cfgdsl
with cfgdsl.load(sys.argv[1], options=cfgdsl.Options(parallel=1)) as project:
    plan = project.plan()
    print(len(plan.hosts.parts), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_process_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    with loaded(tmp_path / "hosts", config_of(["secret"]), 1):
        pass
    spooling = tmp_path / "tmp"
    spooling.mkdir()
    env = {**os.environ, "TMPDIR": str(spooling)}
    argv = [sys.executable, "-c", WAITING, str(tmp_path / "hosts" / "infra.py")]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "3\n"
        assert list(spooling.iterdir()) == []
        process.send_signal(number)
        assert process.wait(timeout=30) != 0
    assert list(spooling.iterdir()) == []


def test_no_secret_is_written_and_nothing_that_it_could_be_guessed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: list[bytes] = []
    write = Spool.write

    def noting(self: Spool, data: bytes) -> Any:
        plain.append(data)
        return write(self, data)

    monkeypatch.setattr(Spool, "write", noting)
    with loaded(tmp_path, config_of(["secret", "plain"]), 1) as project:
        plan = project.plan()
        assert isinstance(plan.hosts, SpooledPlans)
        (spool,) = {part._spool for part in plan.hosts.parts if isinstance(part, Spooled)}
        written = os.pread(spool._file, spool._end, 0)
        digest = Content.of(f"word={WORD}").sha256.encode()
        assert len(plain) == 9
        assert not any(WORD.encode() in data for data in plain)
        assert b"for a" in b"".join(plain)  # so it would have been seen
        assert not any(word in written for word in (WORD.encode(), digest, b"for a", b"file:/"))
        assert project.apply(plan).ok
        assert (tmp_path / "a" / "secret").read_text() == f"word={WORD}"


def test_what_was_changed_in_the_spool_is_not_read() -> None:
    spool = Spool()
    place = spool.write(b"as it was")
    (byte,) = os.pread(spool._file, 1, 3)
    os.pwrite(spool._file, bytes([byte ^ 1]), 3)
    with pytest.raises(SpoolError, match="cannot be read from the spool"):
        spool.read(place)


def test_a_plan_that_cannot_be_read_any_more_stops_no_other_host(tmp_path: Path) -> None:
    with loaded(tmp_path, config_of(["plain"]), 1) as project:
        plan = project.plan()
        assert isinstance(plan.hosts, SpooledPlans)
        part = plan.hosts.parts[0]
        assert isinstance(part, Spooled)
        os.pwrite(part._spool._file, b"spoilt", part._rest.offset)
        run = project.apply(plan)
        assert {*run.failed_hosts} == {"a"}
        assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("plain")) == [
            "b/plain",
            "c/plain",
        ]


def test_threads_share_a_spool() -> None:
    spool = Spool()
    found: list[bool] = []

    def work(number: int) -> None:
        texts = [f"{number} {i} ".encode() * 100 * i for i in range(50)]
        places = [spool.write(text) for text in texts]
        time.sleep(0)
        found.append([spool.read(place) for place in places] == texts)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


def test_nothing_is_looked_up_by_name_when_a_plan_is_read() -> None:
    pickled = Pickled()
    evil = b"\x80\x04cos\nsystem\n(X\x04\x00\x00\x00trueetR."
    with pytest.raises(Exception, match=r"os\.system is not looked up"):
        pickled.loads(evil)
    with pytest.raises(CannotBePickledError):
        pickled.dumps(threading.Lock())


def test_values_come_back_as_they_were_and_secret_contents_stay_in_memory() -> None:
    secret = attrs.evolve(Content.of("hidden"), secret=True, shown="(x)")
    pickled = Pickled()
    data = pickled.dumps([secret, Content.of("seen"), len, Content])
    assert b"hidden" not in data
    assert b"seen" in data
    back, seen, function, cls = pickled.loads(data)
    assert back is secret
    assert (seen, seen.data) == (Content.of("seen"), b"seen")
    assert (function, cls) == (len, Content)
