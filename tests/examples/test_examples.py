"""Each example is planned, applied, and looked at from outside; a second apply does nothing."""

import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import cfgdsl
from tests.lab import Lab

EXAMPLES = Path(__file__).parents[2] / "examples"


def copied(name: str, folder: Path, old: str, new: str) -> Path:
    """A copy of an example, with the place that it configures replaced."""
    shutil.copytree(EXAMPLES / name, folder / name)
    config = folder / name / "infra.py"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    return config


def fetched(address: str) -> str:
    """A page; nginx listens on a new address a moment after it was told to."""
    for _ in range(50):
        try:
            with urllib.request.urlopen(f"http://{address}:8080/", timeout=10) as page:
                return str(page.read().decode())
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"{address} serves no page")


def test_quickstart_makes_its_site_in_a_directory(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    config = copied(
        "quickstart", tmp_path, 'Path(__file__).parents[2] / ".demo"', f"Path({str(root)!r})"
    )
    with cfgdsl.load(config) as project:
        assert project.apply(project.plan()).ok
        assert project.plan().is_empty
    assert "Hello from cfgdsl" in (root / "srv/www/index.html").read_text()
    assert (root / "etc/site").is_symlink()


@pytest.mark.lab
def test_webserver_serves_its_page_from_three_hosts(tmp_path: Path, lab: Lab) -> None:
    hosts = lab.hosts(3)
    numbers = tuple(int(host.address.rpartition(".")[2]) for host in hosts)
    prefix = hosts[0].address.rpartition(".")[0]
    config = copied("webserver", tmp_path, "(1, 2, 3)]", f"{numbers}]")
    config.write_text(config.read_text().replace("127.0.77", prefix))
    options = cfgdsl.Options(ssh_config=hosts[0].ssh_config)
    with cfgdsl.load(config, options=options) as project:
        plan = project.plan()
        assert plan.ok
        run = project.apply(plan)
        assert run.ok, run.failures
        for host in hosts:
            assert host.name in fetched(host.address)
        assert project.plan().is_empty
