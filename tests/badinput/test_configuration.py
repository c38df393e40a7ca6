"""What is wrong in the configuration: one message, the line, exit code 2, nothing changed."""

import re

import pytest

from tests.badinput.workspace import Workspace, refused

DECLARATIONS = {
    "unknown argument": (
        'File("/etc/x", contnet="a")  # HERE',
        ["'contnet'", "did you mean 'content'"],
    ),
    "wrong type": ('File("/etc/x", content=1.5)  # HERE', ["content", "text", "float"]),
    "bad mode": ('File("/etc/x", content="", mode="0999")  # HERE', ["mode", "octal", "'0999'"]),
    "decimal mode": ('File("/etc/x", content="", mode=644)  # HERE', ["mode", "0o644"]),
    "relative path": ('File("etc/x", content="")  # HERE', ["absolute path", "'etc/x'"]),
    "path with ..": ('File("/etc/../x", content="")  # HERE', ["'..'"]),
    "missing key": ("File(content='')  # HERE", ["path"]),
    "no guard": ('Command(["true"])  # HERE', ["guard", "creates=PATH"]),
    "unknown after": (
        'File("/motd", content="")\nFile("/x", content="", after="file:/modt")  # HERE',
        ["file:/modt", "Did you mean", "file:/motd"],
    ),
    "unknown restart cause": (
        'File("/motd", content="")\nService("x", restart_on="file:/modt")  # HERE',
        ["file:/modt", "file:/motd"],
    ),
    "a user where there is no system": ('User("deploy")  # HERE', ["root", "user"]),
    "a unit where there is no system": ('Service("nginx", running=True)  # HERE', ["root"]),
    "a package where there is no system": ('Package("nginx")  # HERE', ["root"]),
    "source is missing": (
        'File("/x", source="nowhere.txt")  # HERE',
        ["nowhere.txt", "No such file"],
    ),
    "source is a folder": ('File("/x", source=".")  # HERE', ["directory"]),
}


@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_wrong_declaration_names_its_line(work: Workspace, case: str) -> None:
    text, told = DECLARATIONS[case]
    work.local(text)
    done = work.run("apply", "--yes")
    code = 1 if "no system" in case else 2
    refused(done, work.line(), *told, code=code)
    assert work.tree() == {}


def test_duplicate_identities_name_both_lines(work: Workspace) -> None:
    work.local('File("/x", content="1")  # ONE\nFile("/x", content="2")  # TWO')
    refused(work.run("plan"), "file:/x", work.line("# ONE"), work.line("# TWO"))


def test_two_writers_of_a_path_name_both_lines(work: Workspace) -> None:
    work.local('File("/x", content="1")  # ONE\nDirectory("/x")  # TWO')
    refused(work.run("plan"), "/x", work.line("# ONE"), work.line("# TWO"))


def test_a_cycle_is_shown_with_all_its_lines(work: Workspace) -> None:
    work.local("""
        File("/a", content="", after="file:/c")  # A
        File("/b", content="", after="file:/a")  # B
        File("/c", content="", after="file:/b")  # C
    """)
    lines = [work.line(f"# {name}") for name in "ABC"]
    refused(work.run("plan"), "cycle", "file:/a", "file:/b", "file:/c", *lines)


def test_all_wrong_declarations_are_told_at_once(work: Workspace) -> None:
    work.module("""
        from cfgdsl import *
        from cfgdsl_stdlib import *

        @configure([Host.local("/nowhere", name="one")])
        def first(host):
            File("relative")  # ONE

        @configure([Host.local("/nowhere", name="one-more")])
        def second(host):
            File("/x", mode="rw")  # TWO
    """)
    done = work.run("plan")
    told = [work.line("# ONE"), work.line("# TWO"), "2 problems"]
    assert all(each in done.all for each in told), done.all
    assert done.code == 2


SYNTAX = {
    "invalid": ("x = (1,\ny = 2\n", "infra.py:1", "'(' was never closed"),
    "indentation": ("def f():\nreturn 1\n", "infra.py:2", "expected an indented block"),
    "NUL": ("x = '\0'\n", "infra.py:1", "null bytes"),
}


@pytest.mark.parametrize("case", SYNTAX)
def test_a_syntax_error_names_its_line(work: Workspace, case: str) -> None:
    text, where, what = SYNTAX[case]
    work.module(text)
    refused(work.run("plan"), "syntax error", where, what)


def test_an_encoding_error_is_a_syntax_error(work: Workspace) -> None:
    work.file.write_bytes(b"x = '\xff'\n")
    refused(work.run("plan"), "syntax error", "infra.py")


def test_an_exception_shows_the_frames_of_the_user_only(work: Workspace) -> None:
    work.module(
        "import json\n\ndef read(text):\n    return json.loads(text)  # HERE\n", name="own.py"
    )
    work.module("from own import read\n\nread('{')  # HERE\n")
    done = work.cli("plan")
    refused(done, "JSONDecodeError", "own.py:4", work.line())
    assert "lib/python" not in done.all
    assert "cfgdsl/engine" not in done.all


def test_an_exception_while_a_host_is_configured_names_function_and_host(work: Workspace) -> None:
    work.local("ports = {}\nports['http']  # HERE")
    refused(work.run("plan"), "everything(local)", "KeyError", "'http'", work.line())
    assert work.tree() == {}


def test_a_module_that_exits_is_an_error(work: Workspace) -> None:
    work.module("import sys\nsys.exit(0)  # HERE\n")
    refused(work.run("plan"), "SystemExit", work.line())


def test_an_import_that_is_not_there_is_told(work: Workspace) -> None:
    work.module("import cfgdsl_stdlibb  # HERE\n")
    refused(work.run("plan"), "cfgdsl_stdlibb", work.line())


def test_a_name_that_cfgdsl_does_not_have_is_told(work: Workspace) -> None:
    work.module("from cfgdsl import Hots  # HERE\n")
    refused(work.run("plan"), "Hots", work.line())


TEMPLATES = {
    "syntax": ("a\n{% if %}\n", ["site.j2:2"]),
    "undefined": ("a\nb {{ workesr }}\n", ["site.j2:2", "'workesr' is undefined", "workers"]),
    "missing include": ("{% include 'more.j2' %}\n", ["more.j2"]),
    "bad expression": ("\n\n{{ 1 / 0 }}\n", ["site.j2:3", "ZeroDivisionError"]),
    "unsafe": ("{{ ''.__class__.__mro__ }}\n", ["site.j2:1", "unsafe"]),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_template_error_names_template_and_line(work: Workspace, case: str) -> None:
    text, told = TEMPLATES[case]
    work.module(text, name="site.j2")
    work.local('File("/x", content=template("site.j2", workers=4))  # HERE')
    refused(work.run("plan"), *told, work.line())


def test_a_missing_template_is_told(work: Workspace) -> None:
    work.local('File("/x", content=template("nowhere.j2"))  # HERE')
    refused(work.run("plan"), "nowhere.j2", "No such file", work.line())


def test_no_message_is_longer_than_a_screen(work: Workspace) -> None:
    work.local('File("/x", content={})  # HERE'.format("[" + "'long', " * 5000 + "]"))
    done = work.run("plan")
    refused(done, "content", work.line())
    assert max(map(len, done.all.splitlines())) < 300
    assert len(re.findall("long", done.all)) < 40
