"""Graphs as text, dot and SVG, and why one resource comes before another."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import cfgdsl
from cfgdsl.cli.documents import graph_data
from cfgdsl.cli.render.dot import dot
from cfgdsl.cli.render.graph import graph_lines, pictures
from cfgdsl.cli.render.svg import svg
from cfgdsl.cli.render.why import explain, why_lines
from cfgdsl.cli.text import plain
from cfgdsl.cli.view import View
from cfgdsl.core.graph import Graph, build
from cfgdsl_stdlib import File, User
from tests.cli.conftest import Golden

CONFIG = """
from cfgdsl import Host, configure
from cfgdsl_stdlib import Directory, File, Package, Service, User

web = [Host("web1"), Host("web2")]
db = Host("db")


@configure([*web, db])
def everywhere(host: Host) -> None:
    User("deploy")


@configure(web)
def site(host: Host) -> None:
    package = Package("nginx")
    Directory("/srv")
    Directory("/srv/www", owner="deploy")
    page = File("/srv/www/index <1>.html", content="hello", owner="deploy")
    Service("nginx", running=True, restart_on=page, after=package)
"""


@pytest.fixture
def graphs(tmp_path: Path) -> dict[str, Graph]:
    (tmp_path / "infra.py").write_text(CONFIG)
    with cfgdsl.load(tmp_path / "infra.py") as project:
        return project.graphs()


@pytest.fixture
def view(tmp_path: Path) -> View:
    return View(folder=str(tmp_path))


def test_hosts_with_the_same_graph_are_listed_once(
    graphs: dict[str, Graph], view: View, golden: Golden
) -> None:
    golden("graph.txt", plain(graph_lines(graphs, view)))


def test_dot(graphs: dict[str, Graph], view: View, golden: Golden) -> None:
    golden("graph.dot", dot(pictures(graphs, view)))


def test_svg_is_well_formed_and_its_boxes_do_not_overlap(
    graphs: dict[str, Graph], view: View
) -> None:
    picture = ET.fromstring(svg(pictures(graphs, view)))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    boxes = [
        [float(rect.attrib[name]) for name in ("x", "y", "width", "height")]
        for rect in picture.iter(f"{space}rect")
    ]
    assert len(boxes) == 7
    for number, (x, y, width, height) in enumerate(boxes):
        for x2, y2, width2, height2 in boxes[:number]:
            apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
            assert apart
    texts = {text.text for text in picture.iter(f"{space}text")}
    assert {"web1, web2", "db", "file:/srv/www/index <1>.html"} <= texts


def test_svg_leaves_out_edges_that_follow_from_others(graphs: dict[str, Graph], view: View) -> None:
    only = {"web1": graphs["web1"]}
    edges = svg(pictures(only, view)).count("<path ")
    assert edges < len(graphs["web1"].edges)


@pytest.fixture
def fan() -> Graph:
    """Many after a component of many."""
    users = [User(f"u{n}") for n in range(20)]
    files = [File(f"/{n}", content="", after="component:users") for n in range(30)]
    return build([*users, *files], {"component:users": [user.identity for user in users]})


def test_many_after_many_are_listed_and_drawn_in_the_sum_of_lines(fan: Graph, view: View) -> None:
    text = plain(graph_lines({"web1": fan}, view))
    assert "50 resources, 50 edges" in text
    assert text.count("after all in component:users  declared by after=") == 30
    assert text.count("    user:u7") == 1
    drawn = pictures({"web1": fan}, view)
    assert dot(drawn).count(" -> ") == 50
    assert dot(drawn).count("shape=point") == 1
    picture = svg(drawn)
    assert (picture.count("<path "), picture.count("<rect "), picture.count("<circle ")) == (
        50,
        50,
        1,
    )
    data = graph_data(fan)
    assert data["groups"] == {"all in component:users": [f"user:u{n}" for n in range(20)]}
    assert len(data["edges"]) == 30
    assert set(data["order"]) == {r.identity for r in fan.resources}


def test_why_explains_an_edge_through_a_component(fan: Graph, view: View) -> None:
    found = explain(fan, "file:/3", "user:u7", view)
    assert [(each[0], *each[2:]) for each in found.way] == [
        ("user:u7", "declared", "declared by after="),
        ("file:/3", "", ""),
    ]
    assert found.reversed


def test_why_explains_each_edge_of_the_way(
    graphs: dict[str, Graph], view: View, golden: Golden
) -> None:
    pairs = [
        ("directory:/srv", "service:nginx.service"),
        ("service:nginx.service", "package:nginx"),
        ("user:deploy", "package:nginx"),
    ]
    web = {name: graph for name, graph in graphs.items() if name != "db"}
    found = (
        {name: explain(graph, first, second, view) for name, graph in web.items()}
        for first, second in pairs
    )
    golden("why.txt", "".join(plain(why_lines(each, view)) for each in found))


def test_why_knows_the_parts_of_a_file(tmp_path: Path, view: View) -> None:
    (tmp_path / "infra.py").write_text(
        "from cfgdsl import Host, configure\n"
        "from cfgdsl_stdlib import File, Line, Package\n"
        '@configure(Host("web1"))\n'
        "def site(host):\n"
        '    File("/f")\n'
        '    one = Line("/f", "one")\n'
        '    Line("/f", "two")\n'
        '    Package("nginx", after=one)\n'
    )
    with cfgdsl.load(tmp_path / "infra.py") as project:
        graph = project.graphs()["web1"]
    one, two = "line:/f:one", "line:/f:two"
    together = explain(graph, one, two, view)
    assert together.to_json()["together"] == "file:/f"
    assert f"{one} and {two} are one write of file:/f." in plain(
        why_lines({"web1": together}, view)
    )
    after = explain(graph, "package:nginx", two, view)
    assert [identity for identity, *_ in after.way] == ["file:/f", "package:nginx"]
    assert graph_data(graph)["resources"][0]["parts"] == ["file:/f", one, two]
