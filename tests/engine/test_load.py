"""Loading runs the user's module, talks to nobody, and turns every mistake into one message."""

from pathlib import Path

import pytest

import cfgdsl
from cfgdsl.core.errors import ConfigurationError

GOOD = """
from cfgdsl import Host, configure, project
project("demo")
@configure([Host("web1"), Host("web2")])
def web(host):
    pass
"""


def write(folder: Path, text: str, name: str = "infra.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problem(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        cfgdsl.load(path)
    return str(caught.value)


def test_a_configuration_names_its_project_and_hosts(tmp_path: Path) -> None:
    with cfgdsl.load(write(tmp_path, GOOD)) as project:
        assert project.name == "demo"
        assert [host.name for host in project.hosts] == ["web1", "web2"]


def test_a_syntax_error_says_file_and_line(tmp_path: Path) -> None:
    message = problem(write(tmp_path, "x = 1\ndef broken(:\n"))
    assert "syntax error" in message
    assert "infra.py:2" in message


def test_an_exception_shows_the_users_frames_only(tmp_path: Path) -> None:
    message = problem(write(tmp_path, "def deep():\n    return 1 / 0\n\ndeep()\n"))
    assert "raised ZeroDivisionError" in message
    assert "infra.py:2 in deep" in message
    assert "infra.py:4" in message
    assert "load.py" not in message


def test_sys_exit_in_a_configuration_is_an_error_and_not_an_exit(tmp_path: Path) -> None:
    assert "SystemExit" in problem(write(tmp_path, "import sys\nsys.exit(0)\n"))


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    message = problem(tmp_path / "nope.py")
    assert "cannot read nope.py" in message
    assert "cfgdsl init" in message


def test_a_configuration_without_hosts_is_an_error(tmp_path: Path) -> None:
    assert "configures no host" in problem(write(tmp_path, "x = 1\n"))


def test_an_empty_host_list_is_an_error(tmp_path: Path) -> None:
    text = "from cfgdsl import configure\n@configure([])\ndef web(host): pass\n"
    assert "@configure got no hosts" in problem(write(tmp_path, text))


def test_two_hosts_of_one_name_name_both_lines(tmp_path: Path) -> None:
    text = """
from cfgdsl import Host, configure
@configure(Host("web1"))
def one(host): pass
@configure(Host("web1"))
def two(host): pass
"""
    message = problem(write(tmp_path, text))
    assert "two hosts are named 'web1'" in message
    assert "infra.py:3" in message
    assert "infra.py:5" in message


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_everybody_may_write_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    path = write(folder, GOOD)
    (path if what == "file" else folder).chmod(0o777)
    assert "can be written by every user" in problem(path)


def test_modules_beside_the_configuration_can_be_imported_and_are_read_again(
    tmp_path: Path,
) -> None:
    write(tmp_path, "from cfgdsl import Host\nhosts = [Host('a')]\n", "myhosts_1.py")
    path = write(
        tmp_path,
        "from cfgdsl import configure\nfrom myhosts_1 import hosts\n"
        "@configure(hosts)\ndef f(host): pass\n",
    )
    assert [h.name for h in cfgdsl.load(path).hosts] == ["a"]
    write(tmp_path, "from cfgdsl import Host\nhosts = [Host('b'), Host('c')]\n", "myhosts_1.py")
    assert [h.name for h in cfgdsl.load(path).hosts] == ["b", "c"]


def test_a_planted_module_does_not_replace_one_of_the_standard_library(tmp_path: Path) -> None:
    write(tmp_path, "raise RuntimeError('planted')\n", "colorsys.py")
    path = write(tmp_path, "import colorsys\n" + GOOD)
    assert len(cfgdsl.load(path).hosts) == 2


def test_two_projects_live_side_by_side(tmp_path: Path) -> None:
    first = cfgdsl.load(write(tmp_path, GOOD))
    second = cfgdsl.load(write(tmp_path, GOOD.replace("demo", "other"), "other.py"))
    assert (first.name, second.name) == ("demo", "other")


def test_a_bad_project_name_is_an_error(tmp_path: Path) -> None:
    assert "bad project name '../x'" in problem(
        write(tmp_path, 'import cfgdsl\ncfgdsl.project("../x")\n')
    )


def test_a_function_may_import_what_lies_beside_the_configuration(tmp_path: Path) -> None:
    write(tmp_path, "MOTD = 'from beside'\n", "myroles_2.py")
    root = tmp_path / "root"
    root.mkdir()
    text = f"""
from cfgdsl import Host, configure
from cfgdsl_stdlib import File
@configure(Host.local({str(root)!r}))
def f(host):
    import myroles_2
    File("/motd", content=myroles_2.MOTD)
"""
    with cfgdsl.load(write(tmp_path, text)) as project:
        assert project.apply(project.plan()).ok
    assert (root / "motd").read_text() == "from beside"
