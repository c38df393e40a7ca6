"""What is documented is true: generated pages are fresh, examples run, links lead somewhere."""

import doctest
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfgdsl
import cfgdsl_stdlib
from tests.generate_docs import DOCS, resources_page

ROOT = DOCS.parent


def modules() -> Iterator[str]:
    for package in (cfgdsl, cfgdsl_stdlib):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield found.name


def test_the_reference_of_resource_types_is_fresh() -> None:
    assert DOCS.joinpath("resources.md").read_text() == resources_page(), "run: make docs"


@pytest.mark.parametrize("name", sorted(modules()))
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    names = {n: getattr(cfgdsl, n) for n in cfgdsl.__all__}
    names |= {n: getattr(cfgdsl_stdlib, n) for n in cfgdsl_stdlib.__all__}
    result = doctest.testmod(module, globs={**names, **vars(module)})
    assert result.failed == 0


def test_every_public_name_is_documented_and_loads() -> None:
    undocumented = [
        name
        for name in cfgdsl.__all__
        if not (getattr(cfgdsl, name).__doc__ or "").strip() and name not in _VALUES
    ]
    assert not undocumented


_VALUES = {"__version__", "AbsPath", "Argv", "Env", "FileContent", "Mode", "Name", "Owner"}
"""Not classes or functions: documented where they are defined."""


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_python_in_the_pages_compiles(page: str) -> None:
    blocks = python_blocks(ROOT / page)
    assert blocks
    for block in blocks:
        compile(block, page, "exec")


def test_the_type_in_contributing_is_a_working_resource_type(tmp_path: Path) -> None:
    (block,) = [b for b in python_blocks(ROOT / "CONTRIBUTING.md") if "@resource(" in b]
    use = (
        "\nfrom cfgdsl import Host, configure\n"
        f"@configure(Host.local({str(tmp_path / 'root')!r}))\n"
        "def f(host):\n    Flag('/flag')\n"
    )
    tmp_path.joinpath("root").mkdir()
    config = tmp_path / "infra.py"
    config.write_text(block + use)
    with cfgdsl.load(config) as project:
        assert project.apply(project.plan()).ok
        assert project.plan().is_empty
    assert tmp_path.joinpath("root", "flag").is_file()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/resources.md"])
def test_links_lead_to_files_that_are_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target
