"""What waits for resources of other hosts, in every view."""

import json
from pathlib import Path

import attrs
import pytest

import cfgdsl
from cfgdsl.cli.commands.why import _explained, _named
from cfgdsl.cli.documents import graphs_document
from cfgdsl.cli.render.dot import dot
from cfgdsl.cli.render.entries import step_entry
from cfgdsl.cli.render.graph import graph_lines, pictures
from cfgdsl.cli.render.svg import svg
from cfgdsl.cli.render.why import why_lines
from cfgdsl.cli.terminal import Terminal
from cfgdsl.cli.text import plain
from cfgdsl.cli.view import View
from cfgdsl.core.errors import ConfigurationError
from cfgdsl.core.graph import Graph
from cfgdsl.core.origin import Origin
from cfgdsl.core.plan import Step

CONFIG = """
from cfgdsl import Host, configure
from cfgdsl_stdlib import Directory, File, SshKey

web, backup = Host("web"), Host("backup")

@configure(web)
def key(host):
    Directory("/srv/ssh")
    return SshKey("/srv/ssh/id")

@configure(backup)
def keys(host):
    allowed = File("/etc/keys", content=key["web"].public_key)
    Directory("/srv/late", after=allowed)
"""


@pytest.fixture
def graphs(tmp_path: Path) -> dict[str, Graph]:
    (tmp_path / "infra.py").write_text(CONFIG)
    with cfgdsl.load(tmp_path / "infra.py") as project:
        return project.graphs()


@pytest.fixture
def view(tmp_path: Path) -> View:
    return View(folder=str(tmp_path))


def test_the_listing_names_the_other_host_and_counts_its_own(
    graphs: dict[str, Graph], view: View
) -> None:
    text = plain(graph_lines(graphs, view))
    assert "backup  2 resources, 2 edges" in text
    assert "    after web/ssh_key:/srv/ssh/id  its output is used as content=" in text
    assert text.count("ssh_key:/srv/ssh/id") == 2


def test_pictures_show_it_as_a_node(graphs: dict[str, Graph], view: View) -> None:
    drawn = dot(pictures(graphs, view))
    assert 'label="web/ssh_key:/srv/ssh/id"' in drawn
    assert "web/ssh_key:/srv/ssh/id" in svg(pictures(graphs, view))


def test_json_has_edges_across_hosts(graphs: dict[str, Graph]) -> None:
    document = json.loads(graphs_document(graphs))
    assert document["hosts"]["backup"]["across"] == [
        {
            "before": "web/ssh_key:/srv/ssh/id",
            "after": "file:/etc/keys",
            "kind": "reference",
            "why": "content",
        }
    ]
    assert document["hosts"]["web"]["across"] == []


@pytest.mark.parametrize("turned", [False, True])
def test_why_leads_over_hosts(
    graphs: dict[str, Graph], tmp_path: Path, view: View, turned: bool
) -> None:
    names = [_named("web/directory:/srv/ssh"), _named("backup/directory:/srv/late")]
    first, second = reversed(names) if turned else names
    found = _explained(graphs, first, second, Terminal())
    (explanation,) = found.values()
    assert [name for name, *_ in explanation.way] == [
        "web/directory:/srv/ssh",
        "web/ssh_key:/srv/ssh/id",
        "backup/file:/etc/keys",
        "backup/directory:/srv/late",
    ]
    assert explanation.reversed is turned
    text = plain(why_lines(found, view))
    assert "its output is used as content=" in text
    with pytest.raises(ConfigurationError, match="no resource is called"):
        _explained(graphs, _named("web/file:/no"), second, Terminal())


def test_a_plan_says_what_a_step_waits_for(view: View) -> None:
    step = Step(
        id=0,
        host="backup",
        identity="file:/etc/keys",
        action="create",
        reason="the file is not there",
        origin=Origin("infra.py", 14),
        gates=("web/ssh_key:/srv/ssh/id",),
    )
    assert "waits for web/ssh_key:/srv/ssh/id" in plain(step_entry(step, view).body)
    assert plain(step_entry(attrs.evolve(step, gates=()), view).body) == ""
