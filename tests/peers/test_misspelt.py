"""More words that peers let pass, beside the table of `test_reproduced_failures`."""

from tests.badinput.workspace import Workspace, refused

FIRST = 'File("/first", content="must not be written")\n'
DATA = "data={'workers': 4, 'role': 'web'}"


def attempt(work: Workspace, text: str, *told: str) -> None:
    """Assert that apply tells it in one message before anything is changed."""
    work.local(FIRST + text)
    source = work.file.read_text()
    work.file.write_text(source.replace("Host.local(", f"Host.local({DATA}, root="))
    refused(work.run("apply", "--yes"), work.line(), *told)
    assert work.tree() == {}


def test_misspelt_dependency_of_a_command(work: Workspace) -> None:
    attempt(work, 'Command(["true"], on_change=["file:/frist"])  # HERE', "file:/first")


def test_misspelt_variable_of_python(work: Workspace) -> None:
    attempt(work, 'workers = 1\nFile("/x", content=str(wokers))  # HERE', "NameError", "wokers")


def test_misspelt_fact(work: Workspace) -> None:
    attempt(work, 'File("/x", content=str(host.facts.cpu_cuont))  # HERE', "cpu_cuont", "cpu_count")


def test_misspelt_type(work: Workspace) -> None:
    attempt(work, 'Flie("/x", content="")  # HERE', "NameError", "Flie")


def test_two_owners_of_one_path(work: Workspace) -> None:
    work.module(f"""
        from cfgdsl import *
        from cfgdsl_stdlib import *

        local = Host.local({str(work.root)!r})

        @configure(local)
        def ours(host):
            File("/x", content="ours")  # OURS

        @configure(local)
        def theirs(host):
            File("/x", content="theirs")  # THEIRS
    """)
    refused(work.run("apply", "--yes"), "/x", work.line("# OURS"), work.line("# THEIRS"))
    assert work.tree() == {}


def test_two_owners_of_one_path_by_different_types(work: Workspace) -> None:
    work.local('File("/x", content="")  # OURS\nSymlink("/x", to="y")  # THEIRS')
    refused(work.run("apply", "--yes"), "/x", work.line("# OURS"), work.line("# THEIRS"))
    assert work.tree() == {}
