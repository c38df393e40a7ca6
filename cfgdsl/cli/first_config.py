"""What `cfgdsl init` writes: a configuration to begin with, and a test for it."""

import re
from pathlib import Path

DEMO = "demo"
"""The folder that stands for a machine, beside the configuration."""

_LOCAL = '''"""What this project configures. `cfgdsl plan` shows it, `cfgdsl apply` makes it so."""

from pathlib import Path

from cfgdsl import Host, configure, project
from cfgdsl_stdlib import Directory, File, Symlink

project("{name}")

# A folder that stands for a machine's "/": to try things out, no root is needed.
# A real machine is Host("web1.example.com"), or Host.local() for this one.
demo = Host.local(str(Path(__file__).parent / "demo"), name="demo")


@configure(demo)
def site(host: Host) -> None:
    Directory("/srv")
    Directory("/srv/www")
    File("/srv/www/index.html", content="<h1>It works</h1>\\n", mode=0o644)
    Symlink("/srv/current", to="www")
'''

_REMOTE = '''"""What this project configures. `cfgdsl plan` shows it, `cfgdsl apply` makes it so."""

from cfgdsl import Host, configure, project
from cfgdsl_stdlib import File

project("{name}")

# Address, user, port and keys come from ~/.ssh/config, or are given here:
# Host("{host}", address="192.0.2.1", user="admin", become="sudo")
hosts = [Host("{host}")]


@configure(hosts)
def motd(host: Host) -> None:
    File("/etc/motd", content=f"{{host.name}} is managed by cfgdsl.\\n", mode=0o644)
'''

_LOCAL_TEST = '''"""Tests of {file}: run them with pytest."""

import shutil
from pathlib import Path

import cfgdsl

CONFIG = Path(__file__).parents[1] / "{file}"


def test_applied_once_nothing_is_left_to_do(tmp_path: Path) -> None:
    copy = shutil.copy(CONFIG, tmp_path)
    (tmp_path / "demo").mkdir()
    with cfgdsl.load(copy) as project:
        assert project.apply(project.plan()).ok
        assert project.plan().is_empty
    assert (tmp_path / "demo/srv/current/index.html").read_text() == "<h1>It works</h1>\\n"
'''

_REMOTE_TEST = '''"""Tests of {file}: run them with pytest. No connection is made."""

from pathlib import Path

import cfgdsl

CONFIG = Path(__file__).parents[1] / "{file}"


def test_every_host_gets_its_motd() -> None:
    with cfgdsl.load(CONFIG) as project:
        for graph in project.graphs().values():
            assert "file:/etc/motd" in graph.position
'''


def configuration(file: Path, host: str | None) -> str:
    """The text of a first configuration."""
    return (_REMOTE if host else _LOCAL).format(name=_project(file), host=host)


def test(file: Path, host: str | None) -> str:
    """The text of its test."""
    return (_REMOTE_TEST if host else _LOCAL_TEST).format(file=file.name)


def _project(file: Path) -> str:
    """A project name from the folder's: what its hosts will know as the owner of things."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.absolute().parent.name).strip("-._")
    return name[:64] or "first-light"
