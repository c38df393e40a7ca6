"""A saved plan does exactly what was shown, without the configuration, and nothing else."""

import hashlib
import shutil
import sys
import textwrap
import tracemalloc
from pathlib import Path
from typing import Any

import attrs
import pytest

import cfgdsl
from cfgdsl import ConfigurationError, Plan, Run
from cfgdsl.core.facts import basic_facts
from cfgdsl.core.saved_values import NotSavableError
from cfgdsl.engine import apply, installed
from cfgdsl.engine.events import StepDone
from cfgdsl.engine.verify import look_at_steps

HEAD = """
from typing import Self
from cfgdsl import *
from cfgdsl_stdlib import *
"""


@attrs.frozen
class Site:
    """A folder with a configuration, and the directory that it configures."""

    folder: Path
    root: Path

    def declare(self, body: str, head: str = "", project: str = 'project("demo")') -> None:
        lines = textwrap.indent(textwrap.dedent(body), "    ")
        host = f"Host.local({str(self.root)!r})"
        text = f"{HEAD}\n{project}\n{head}\n@configure({host})\ndef everything(host):\n{lines}\n"
        (self.folder / "infra.py").write_text(text)

    @property
    def plan_file(self) -> Path:
        return self.folder.parent / "x.plan"

    def save(self) -> Plan:
        with cfgdsl.load(self.folder / "infra.py") as project:
            plan = project.plan()
            project.save(plan, self.plan_file)
        return plan

    def apply(self) -> Run:
        with cfgdsl.load_plan(self.plan_file) as saved:
            return saved.apply()

    def line(self, marker: str) -> int:
        lines = (self.folder / "infra.py").read_text().splitlines()
        return next(n for n, line in enumerate(lines, 1) if marker in line)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path / "config", tmp_path / "root")
    found.folder.mkdir()
    found.root.mkdir()
    return found


def outcomes(run: Run) -> dict[str, str]:
    return {done.step.identity: done.outcome for done in run.outcomes}


def test_it_is_applied_when_the_configuration_and_all_its_files_are_gone(site: Site) -> None:
    (site.folder / "t.j2").write_text("hello {{ who }}\n")
    (site.folder / "source.bin").write_bytes(b"\0binary" * 20_000)
    (site.folder / "beside.py").write_text("WHO = 'world'\n")
    site.declare(
        """
        Directory("/d", mode=0o750)
        File("/d/t", content=template("t.j2", who=WHO))
        File("/d/bin", source="source.bin")
        Symlink("/d/l", to="t")
        """,
        head="from beside import WHO",
    )
    data = (site.folder / "source.bin").read_bytes()
    shown = site.save()
    shutil.rmtree(site.folder)
    run = site.apply()
    assert run.ok
    assert outcomes(run) == {step.identity: "changed" for step in shown.steps}
    assert site.read("d/t") == "hello world\n"
    assert (site.root / "d/bin").read_bytes() == data
    assert (site.root / "d").stat().st_mode & 0o777 == 0o750
    assert set(outcomes(site.apply()).values()) == {"unneeded"}


def test_it_is_bound_to_code_facts_and_tool_by_digest(site: Site) -> None:
    (site.folder / "beside.py").write_text("X = 1\n")
    (site.folder / "late.py").write_text("Y = 1\n")
    site.declare('import late\nFile("/f", content=host.facts.os_id)', head="import beside")
    site.save()
    found = cfgdsl.load_plan(site.plan_file)
    made_from = found.made_from
    names = ("infra.py", "beside.py", "late.py")
    texts = {name: (site.folder / name).read_bytes() for name in names}
    assert made_from.code == {n: hashlib.sha256(t).hexdigest() for n, t in texts.items()}
    assert set(made_from.facts) == {"local"}
    assert made_from.tool.startswith(f"cfgdsl {cfgdsl.__version__} sha256:")
    (site.folder / "beside.py").write_text("X = 2\n")
    site.save()
    assert cfgdsl.load_plan(site.plan_file).digest != found.digest


def test_what_changed_in_between_is_stale_and_all_else_goes_on(site: Site) -> None:
    for name in ("a", "b"):
        site.write(name, "old\n")
    site.declare(
        """
        a = File("/a", content="new\\n", mode=0o600)
        File("/b", content="new\\n")
        File("/c", content="waits\\n", after=a)
        """
    )
    site.save()
    site.write("a", "somebody's\n")
    run = site.apply()
    assert outcomes(run) == {"file:/a": "stale", "file:/b": "changed", "file:/c": "skipped"}
    assert not run.ok
    assert site.read("a") == "somebody's\n"
    (stale,) = run.failures
    digests = [hashlib.sha256(t).hexdigest() for t in (b"old\n", b"somebody's\n", b"new\n")]
    (_, sha256), *_ = rows = [(r["question"], r) for r in stale.detail["side_by_side"]]
    assert [(name, r["field"]) for name, r in rows] == [("read /a", "sha256"), ("read /a", "size")]
    assert [sha256[side] for side in ("planned_from", "found", "wanted")] == digests


def test_a_plan_in_memory_reports_the_same(site: Site) -> None:
    site.write("a", "old\n")
    (site.root / "a").chmod(0o644)
    site.declare('File("/a", mode=0o600)')
    with cfgdsl.load(site.folder / "infra.py") as project:
        plan = project.plan()
        (site.root / "a").chmod(0o666)
        (stale,) = project.apply(plan).failures
    row = {"question": "stat /a", "field": "mode"}
    sides = {"planned_from": 0o644, "found": 0o666, "wanted": 0o600}
    assert stale.detail == {"side_by_side": [{**row, **sides}]}


def test_what_is_as_wanted_already_is_left_alone(site: Site) -> None:
    site.declare('File("/a", content="new\\n")')
    site.save()
    site.write("a", "new\n")
    (site.root / "a").chmod(0o644)
    assert outcomes(site.apply()) == {"file:/a": "unneeded"}


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "in memory"])
def test_another_machine_is_refused_whole(
    site: Site, saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.declare('File("/a", content="x")\nFile("/b", content="x")')
    with cfgdsl.load(site.folder / "infra.py") as project:
        plan = project.plan()
        project.save(plan, site.plan_file)
        rebuilt = lambda raw: basic_facts({**raw, "machine_id": "f" * 32})  # noqa: E731
        monkeypatch.setattr(apply, "basic_facts", rebuilt)
        run = site.apply() if saved else project.apply(plan)
    assert not run.ok
    assert run.outcomes == ()
    (problem,) = run.failed_hosts["local"]
    assert "not the machine that the plan was made for" in problem.summary
    assert "f" * 32 in problem.detail
    assert list(site.root.glob("[ab]")) == []


OWN = """
@resource("flag")
class Flag(Resource):
    path: Field[AbsPath] = key(kw_only=False)

    def footprint(self) -> Footprint:
        return Footprint(writes=[keys.path(self.path)], reads=keys.parents(self.path))

    def probes(self) -> tuple[probes.Probe, ...]:
        return (probes.Stat(self.path),)

    def observe(self, answers: Answers) -> Self | None:
        return None if answers[probes.Stat(self.path)] is None else self

    def ops(self, change: Change[Self]) -> tuple[ops.Op, ...]:
        return (ops.Put(self.path, Content.of("")),)
"""


def test_a_closed_step_of_the_users_own_type_is_saved(site: Site) -> None:
    site.declare('Flag("/flag")', head=OWN)
    site.save()
    shutil.rmtree(site.folder)
    assert outcomes(site.apply()) == {"flag:/flag": "changed"}
    assert outcomes(site.apply()) == {"flag:/flag": "unneeded"}


def test_an_open_step_of_the_users_own_type_is_refused_naming_the_line(site: Site) -> None:
    own = OWN.replace("path: Field[AbsPath] = key(kw_only=False)", _CONTENT_FIELD)
    site.declare('Flag("/flag", content=Secret.env("CFGDSL_NOT_SET"))  # HERE', head=own)
    with pytest.raises(ConfigurationError) as caught:
        site.save()
    assert f"infra.py:{site.line('# HERE')}" in str(caught.value)
    assert "type Flag is defined in the configuration" in str(caught.value)
    assert not site.plan_file.exists()


_CONTENT_FIELD = """path: Field[AbsPath] = key(kw_only=False)
    content: Field[FileContent | None, object] = field(default=None, kw_only=True)"""


def test_a_type_of_another_version_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.declare('File("/a", content="x")')
    site.save()
    assert cfgdsl.load_plan(site.plan_file).made_from.packages.keys() == {"cfgdsl_stdlib"}
    monkeypatch.setattr(installed, "code_digest", lambda _: "another")
    with pytest.raises(ConfigurationError, match="another version of cfgdsl_stdlib"):
        cfgdsl.load_plan(site.plan_file)
    assert cfgdsl.load_plan(site.plan_file, only_to_show=True).plan.counts() == {"create": 1}


def test_only_types_of_installed_packages_have_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loose.py").write_text(f"{HEAD}\n{OWN}")
    monkeypatch.syspath_prepend(str(tmp_path))
    import loose  # type: ignore[import-not-found]

    try:
        with pytest.raises(NotSavableError, match="no installed package"):
            installed.type_name(loose.Flag("/x"))
    finally:
        del sys.modules["loose"]
    with pytest.raises(ConfigurationError, match="which is not installed here"):
        installed.type_named("loose:Flag")
    with pytest.raises(ConfigurationError, match="which is not installed here"):
        installed.type_named("cfgdsl_stdlib.file:posixpath")
    name = "cfgdsl_stdlib.file:File"
    assert installed.type_name(installed.type_named(name)("/x")) == name


def test_a_host_without_a_python_is_refused(site: Site) -> None:
    site.declare('File("/a", content="x")')
    text = (site.folder / "infra.py").read_text()
    bare = "Host('bare', exec=['env'], python='/nonexistent', bootstrap=[['true']])"
    text = text.replace(f"Host.local({str(site.root)!r})", bare)
    (site.folder / "infra.py").write_text(text)
    with pytest.raises(ConfigurationError, match="bare: has no Python yet"):
        site.save()


def test_a_host_that_could_not_be_planned_is_left_out_with_its_problems(site: Site) -> None:
    site.declare('File("/a", content="x")')
    text = (site.folder / "infra.py").read_text()
    local = f"Host.local({str(site.root)!r})"
    dead = "Host('dead', address='127.88.1.1', port=9)"
    (site.folder / "infra.py").write_text(text.replace(local, f"[{local}, {dead}]"))
    assert not site.save().ok
    run = site.apply()
    assert outcomes(run) == {"file:/a": "changed"}
    assert set(run.failed_hosts) == {"dead"}


def test_a_plan_that_another_project_made_is_refused(site: Site) -> None:
    site.declare('File("/a", content="x")')
    with cfgdsl.load(site.folder / "infra.py") as one, cfgdsl.load(site.folder / "infra.py") as two:
        plan = one.plan()
        for use in (two.apply, lambda p: two.save(p, site.plan_file)):
            with pytest.raises(ConfigurationError, match="not the last plan that this project"):
                use(plan)


def test_a_large_content_is_never_in_memory(site: Site) -> None:
    size = 48 * 1024 * 1024
    with (site.folder / "large").open("wb") as file:
        file.truncate(size)
    site.declare('File("/large", source="large")')
    tracemalloc.start()
    try:
        site.save()
        shutil.rmtree(site.folder)
        assert site.apply().ok
        assert tracemalloc.get_traced_memory()[1] < size / 3
    finally:
        tracemalloc.stop()
    assert (site.root / "large").stat().st_size == size


def planned_again(site: Site) -> Plan:
    with cfgdsl.load(site.folder / "infra.py") as project:
        return project.plan()


def test_what_a_saved_plan_makes_is_owned_and_dropped_like_any_other(site: Site) -> None:
    site.write("had", "x")
    site.declare('File("/new", content="x")\nFile("/had", content="x")\nFile("/stays")')
    site.save()
    assert site.apply().ok
    again = planned_again(site)
    assert again.is_empty
    assert again.hosts[0].is_noted
    site.declare('File("/stays")')
    assert [s.identity for s in site.save().steps] == ["file:/new"]
    assert site.apply().ok
    assert (site.root / "had").exists()
    assert not (site.root / "new").exists()
    assert planned_again(site).hosts[0].is_noted


def test_a_name_that_moved_moves_in_the_record_too(site: Site) -> None:
    site.declare('File("/a", content="x", id="old")')
    site.save()
    assert site.apply().ok
    site.declare('moved("file:old", "file:new")\nFile("/a", content="y", id="new")')
    plan = site.save()
    assert cfgdsl.load_plan(site.plan_file).plan.counts() == {"update": 1}
    assert plan.hosts[0].rename == {"file:old": "file:new"}
    assert site.apply().ok
    again = planned_again(site)
    assert again.is_empty
    assert again.hosts[0].is_noted


def test_what_was_overwritten_is_restored_from_the_copy_on_the_host(site: Site) -> None:
    site.write("a", "the host's own\n")
    site.declare('File("/a", content="ours\\n")\nFile("/b")')
    site.save()
    assert site.apply().ok
    site.declare('File("/b")')
    assert site.save().counts() == {"restore": 1}
    assert site.apply().ok
    assert site.read("a") == "the host's own\n"


class Answering:
    """A session that answers from a table."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def probe(self, probes: list[dict[str, Any]]) -> list[Any]:
        return [self.answers.get(probe["path"]) for probe in probes]


def test_after_the_run_all_steps_are_observed_once_more(site: Site) -> None:
    site.declare('Flag("/flag")\nDirectory("/d", mode=0o750)\nSymlink("/l", to="x")', head=OWN)
    site.save()
    (prepared,) = cfgdsl.load_plan(site.plan_file)._prepared.values()
    planned = prepared.planned
    assert len(planned.resources) == 2  # no package has the type of the flag
    done = [StepDone(host="local", step=s, outcome="changed") for s in planned.plan.steps]
    folder = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}
    flag = {"kind": "file", "mode": 0o600, "owner": "root", "group": "root"}
    link = {"kind": "link", "target": "x", "owner": "root", "group": "root"}
    session: Any = Answering({"/": folder, "/d": folder, "/flag": flag, "/l": link})
    found = look_at_steps(session, prepared, planned, done)
    assert {d.address: d.summary for d in found} == {
        "local/flag:/flag": "was changed after it was applied: differs",
        "local/directory:/d": "was changed after it was applied: mode",
    }
    failed = [attrs.evolve(each, outcome="failed") for each in done]
    assert look_at_steps(session, prepared, planned, failed) == ()


SECRET = "hunter2-canary"
WITH_SECRET = """
    File("/s", content=f"password={Secret.env('CANARY')}\\n", mode=0o640)
    File("/plain", content="x\\n")
"""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Turns the provider of the secret on and off."""

    def turn(value: str | None) -> None:
        if value is None:
            monkeypatch.delenv("CANARY", raising=False)
        else:
            monkeypatch.setenv("CANARY", value)

    turn(SECRET)
    return turn


def nowhere(path: Path, *texts: str) -> None:
    data = path.read_bytes()
    for text in texts:
        digest = hashlib.sha256(text.encode()).hexdigest()
        for form in (SECRET, digest, digest[:24]):
            assert form.encode() not in data


def test_a_secret_is_in_the_file_by_reference_only(site: Site, provider: Any) -> None:
    site.write("s", "password=older\n")
    site.declare(WITH_SECRET)
    site.save()
    nowhere(site.plan_file, f"password={SECRET}\n", "password=older\n")
    assert b"env:CANARY" in site.plan_file.read_bytes()
    run = site.apply()
    assert run.ok
    assert site.read("s") == f"password={SECRET}\n"
    assert set(outcomes(site.apply()).values()) == {"unneeded"}


def test_what_stays_of_a_file_with_a_secret_gives_it_away_neither(
    site: Site, provider: Any
) -> None:
    site.write("s", f"password={SECRET}\n")
    (site.root / "s").chmod(0o600)
    site.declare(WITH_SECRET)
    plan = site.save()
    assert [c.name for c in plan["file:/s"].fields] == ["mode"]
    nowhere(site.plan_file, f"password={SECRET}\n")
    noted = plan["file:/s"].record
    assert noted is not None
    assert noted.applied.encode() not in site.plan_file.read_bytes()
    assert plan["file:/s"].to_json()["planned_from"] is None
    assert site.apply().ok
    assert (site.root / "s").stat().st_mode & 0o777 == 0o640
    again = planned_again(site)
    assert again.is_empty
    assert again.hosts[0].is_noted


def test_all_but_the_secret_itself_is_compared_and_swapped(site: Site, provider: Any) -> None:
    site.write("s", "password=older\n")
    (site.root / "s").chmod(0o600)
    site.declare(WITH_SECRET)
    site.save()
    (site.root / "s").chmod(0o666)
    run = site.apply()
    assert outcomes(run) == {"file:/s": "stale", "file:/plain": "changed"}
    (stale,) = run.failures
    (row,) = stale.detail["side_by_side"]
    assert (row["field"], row["planned_from"], row["found"]) == ("mode", 0o600, 0o666)
    assert site.read("s") == "password=older\n"


def test_another_content_in_the_place_of_a_secret_is_told_without_it(
    site: Site, provider: Any
) -> None:
    site.write("s", "password=older\n")
    site.declare(WITH_SECRET)
    with cfgdsl.load(site.folder / "infra.py") as project:
        plan = project.plan()
        site.write("s", "somebody's\n")
        (stale,) = project.apply(plan).failures
    (row,) = stale.detail["side_by_side"]
    assert (row["question"], row["field"], row["found"]) == (
        "read /s",
        "content",
        "(another content)",
    )


def test_a_secret_that_changed_since_is_written_as_it_is_now(site: Site, provider: Any) -> None:
    site.declare(WITH_SECRET)
    site.save()
    provider("rotated-canary")
    assert site.apply().ok
    assert site.read("s") == "password=rotated-canary\n"


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "in memory"])
def test_with_the_provider_down_it_plans_and_applies_nothing(
    site: Site, provider: Any, saved: bool
) -> None:
    """S15."""
    provider(None)
    site.declare(WITH_SECRET)
    site.write("s", "password=older\n")
    (site.root / "s").chmod(0o640)
    with cfgdsl.load(site.folder / "infra.py") as project:
        plan = project.plan()
        step = plan["file:/s"]
        assert (step.possible, step.is_open) == (True, True)
        assert step.reason == "hangs on a secret that is not available now"
        (note,) = plan.hosts[0].notes
        assert "(secret env CANARY)" in note.detail
        project.save(plan, site.plan_file)
        with pytest.raises(ConfigurationError, match="has no value") as caught:
            site.apply() if saved else project.apply(plan)
        assert f"infra.py:{site.line('CANARY')}" in str(caught.value)
        assert "Nothing was changed anywhere" in str(caught.value)
        assert not (site.root / "plain").exists()
        provider(SECRET)
        run = site.apply() if saved else project.apply(plan)
    assert outcomes(run) == {"file:/s": "changed", "file:/plain": "changed"}
    assert site.read("s") == f"password={SECRET}\n"


def test_with_the_provider_down_a_file_that_is_right_turns_out_unneeded(
    site: Site, provider: Any
) -> None:
    """S15."""
    provider(None)
    site.declare(WITH_SECRET)
    site.write("s", f"password={SECRET}\n")
    (site.root / "s").chmod(0o640)
    site.save()
    provider(SECRET)
    assert outcomes(site.apply()) == {"file:/s": "unneeded", "file:/plain": "changed"}


def test_with_the_provider_up_the_comparison_is_exact(site: Site, provider: Any) -> None:
    site.declare(WITH_SECRET)
    site.write("s", f"password={SECRET}\n")
    (site.root / "s").chmod(0o640)
    with cfgdsl.load(site.folder / "infra.py") as project:
        assert [step.identity for step in project.plan().steps] == ["file:/plain"]


def test_two_different_secret_contents_of_one_file_are_no_duplicate(
    site: Site, provider: Any
) -> None:
    provider(None)
    site.declare("""
        File("/s", content=Secret.env("CANARY"))
        File("/s", content=Secret.env("OTHER"))
    """)
    with pytest.raises(ConfigurationError, match="declared twice, with different content"):
        site.save()


def test_a_named_secret_is_saved_as_what_stands_behind_it(site: Site, provider: Any) -> None:
    store = 'project("demo", secrets={"db": Secret("real"), "real": Secret.env("CANARY")})'
    site.declare('File("/s", content=Secret("db"))', project=store)
    site.save()
    shutil.rmtree(site.folder)
    assert site.apply().ok
    assert site.read("s") == SECRET


def test_a_value_in_the_store_is_refused_naming_the_line(site: Site) -> None:
    store = f'project("demo", secrets={{"db": {SECRET!r}}})'
    site.declare('File("/s", content=Secret("db"))  # HERE', project=store)
    with pytest.raises(ConfigurationError, match="is a plain value in project") as caught:
        site.save()
    assert f"infra.py:{site.line('# HERE')}" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert not site.plan_file.exists()


def test_a_name_that_the_store_does_not_know_is_a_mistake_not_a_provider_down(site: Site) -> None:
    site.declare('File("/s", content=Secret("db"))')
    with pytest.raises(ConfigurationError, match=r"Secret\('db'\) has no value"):
        site.save()


def test_every_missing_secret_is_told_at_once(site: Site, provider: Any) -> None:
    provider(None)
    site.declare("""
        File("/a", content=Secret.env("CANARY"))
        File("/b", content=Secret.file("/nonexistent/secret"))
    """)
    site.save()
    with pytest.raises(ConfigurationError) as caught:
        site.apply()
    assert len(caught.value.diagnostics) == 2
