"""Data from hosts is data (S5), and no host can change what is planned for another (S16)."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.badinput.workspace import Done, Workspace
from tests.security import hostile

SECRET = "hunter2-the-canary"
CONFIG = """
    File("/etc/x", content=f"by text {host.facts.hostname} {host.facts.fqdn}\\n")
    File("/etc/y", content=template("y.j2", facts=host.facts))
    File("/etc/z", content=Secret.env("CANARY"))
"""
TEMPLATE = "by template {{ facts.hostname }} {{ facts.fqdn }} {{ 6*7 }}\n"


def evil(work: Workspace, mode: str) -> str:
    """The expression for a host that behaves in this mode."""
    program = str(Path(hostile.__file__))
    return f"Host('evil', exec={[sys.executable, program, mode, str(work.folder / 'notes')]!r})"


def notes(work: Workspace) -> str:
    file = work.folder / "notes"
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def clear(done: Done) -> None:
    """It ended as it should: a failure that is told, and nothing that a terminal would obey."""
    assert "Traceback" not in done.all, done.all
    assert "bug in cfgdsl" not in done.all, done.all
    assert done.code == 1, done
    assert "evil" in done.all
    assert "\x1b" not in done.all
    assert not re.search(r"\b49\b", done.all)
    assert len(done.all) < 10_000


@pytest.mark.parametrize("mode", hostile.NONSENSE)
def test_nonsense_is_one_clear_error(work: Workspace, mode: str) -> None:
    """S5."""
    work.hosts('File("/etc/x", content="x")', evil(work, mode))
    done = work.run("apply", "--yes")
    clear(done)
    assert len(done.errors()) == 1, done.all


@pytest.mark.parametrize("mode", hostile.POSING)
def test_facts_are_text_whatever_they_look_like(
    work: Workspace, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S5."""
    monkeypatch.setenv("CANARY", SECRET)
    work.module(TEMPLATE, name="y.j2")
    work.hosts(CONFIG, evil(work, mode))
    done = work.run("apply", "--yes", "-v")
    assert "Traceback" not in done.all, done.all
    assert done.code in {1, 2}, done
    assert "\x1b" not in done.all
    assert SECRET not in done.all
    assert "\nlocal  created" not in done.all
    assert "by template 49" not in done.all
    for line in notes(work).splitlines():
        if "by text" in line or "by template" in line:
            assert SECRET not in line, "a host got a secret by naming it"
    if mode == "a template":
        assert "by text {{7*7}}" in done.all
        assert "by template {{7*7}} {% include '/etc/passwd' %} 42" in done.all


@pytest.mark.parametrize("mode", [*hostile.POSING, "answers that are text", "deep nesting"])
def test_poisoned_facts_leave_the_plan_of_another_host_as_it_is(work: Workspace, mode: str) -> None:
    """S16."""
    work.module(TEMPLATE, name="y.j2")
    good = f"Host.local({str(work.root)!r}, name='good')"
    text = CONFIG.replace("/etc/", "/").rpartition("File")[0]
    plans = []
    for hosts in (f"[{good}]", f"[{good}, {evil(work, mode)}]"):
        work.hosts(text, hosts)
        document = json.loads(work.run("plan", "--json").out)
        (found,) = (host for host in document["hosts"] if host["host"] == "good")
        plans.append(found)
    assert plans[0]["steps"]
    assert plans[0] == plans[1]
