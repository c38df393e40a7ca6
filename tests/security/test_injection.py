"""No text from a configuration reaches a shell, or a tool as an option (S3, S4)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfgdsl import ConfigurationError, Host, Project
from cfgdsl.core.origin import capture_origin
from cfgdsl.engine.declare import Configured, Declarations
from cfgdsl.engine.options import Options
from cfgdsl_stdlib import Directory, File, Group, Package, Service, Symlink, User
from tests.badinput.workspace import Workspace, reach, refused, ssh_config
from tests.lab import Lab, LabHost

CANARY = "owned"
EVIL = (
    *("; touch owned ;", "$(touch owned)", "`touch owned`", "| touch owned", "&& touch owned"),
    *("'; touch owned; '", '"; touch owned; "', "\ntouch owned\n", "\rtouch owned\r", "$IFS", "~"),
    *("-rf", "--help", "-oProxyCommand=touch owned", "*", "?", "[a]", "{a,b}", "%s", "%n", "\\"),
    *("é", "文字", "\u202e", "\x1b[2J", "\x7f", "a b", " ", "..", "#", "!", "\ud800", "\udcff"),
)
names = st.lists(
    st.one_of(st.sampled_from(EVIL), st.text(st.characters(exclude_characters="\0/"), max_size=5)),
    min_size=1,
    max_size=3,
).map("".join)


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


def applied(root: Path, declare: Any) -> bool:
    """Plan and apply with the real runner; False when it is refused, cleanly."""
    declarations = Declarations()
    host = Host.local(str(root))
    declarations.configured.append(Configured(declare, (host,), capture_origin()))
    with Project(declarations, Options()) as project:
        try:
            plan = project.plan()
        except ConfigurationError:
            return False
        return plan.ok and project.apply(plan).ok and project.plan().is_empty


def unharmed(root: Path) -> None:
    places = [root, root.parent, Path.cwd(), Path("/"), Path.home()]
    assert not [place for place in places if (place / CANARY).exists()]


@given(name=names, text=names)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_paths_targets_and_contents_are_only_text(root: Path, name: str, text: str) -> None:
    """S3."""

    def declare(_: object) -> None:
        folder = Directory(f"/{name}-d")
        File(f"/{name}-d/{name}-f", content=text, after=folder)
        Symlink(f"/{name}-l", to=text)

    ok = applied(root, declare)
    unharmed(root)
    if ok:
        assert (root / f"{name}-d" / f"{name}-f").read_bytes() == text.encode()
        assert (root / f"{name}-l").readlink() == Path(text)


@given(name=names)
@settings(max_examples=100, deadline=None)
def test_names_that_look_like_options_or_shell_are_refused(name: str) -> None:
    """S3, S4: where a tool takes names."""
    bad = name.startswith("-") or any(c in name for c in ";$`|&'\"\n\r *?[]{}\\#!<>()%")
    for kind in (User, Group, Package, Service):
        try:
            declared = kind(name)
        except ConfigurationError:
            continue
        assert not bad, f"{kind.__name__}({name!r})"
        assert not declared.name.startswith("-")


@pytest.mark.parametrize("field", ["address", "user"])
@pytest.mark.parametrize("value", ["-oProxyCommand=touch owned", "-v", "a b", "a\nb", ""])
def test_hosts_that_look_like_options_are_refused(field: str, value: str) -> None:
    """S4."""
    with pytest.raises(ConfigurationError):
        Host("web1", **{field: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        Host(value)


@pytest.mark.parametrize("word", EVIL)
def test_arguments_reach_a_command_as_they_are(word: str, tmp_path: Path) -> None:
    """S3: argv through a prefix that hands its words to a shell, as ssh does."""
    words = ["printf", "%s", word]
    try:
        word.encode()
    except UnicodeEncodeError:
        return
    box = Host("box", exec=["env", "-C", str(tmp_path), "sh", "-c", 'exec "$@"', "sh"])
    declarations = Declarations(configured=[Configured(lambda _: None, (box,), capture_origin())])
    with Project(declarations, Options()) as project:
        result = project.run(words)["box"]
    assert not isinstance(result, tuple), result
    assert result.stdout == word
    assert not (tmp_path / CANARY).exists()


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


@pytest.mark.lab
def test_odd_paths_and_commands_on_a_real_host(host: LabHost, work: Workspace) -> None:
    """S3: as root, over SSH."""
    odd = [word for word in EVIL if word.isprintable() and "/" not in word]
    work.hosts(
        f"""
        Directory("/srv/odd")
        for n, word in enumerate({odd!r}):
            File(f"/srv/odd/{{n}}{{word}}", content=word)
            made = f"/srv/odd/{{n}}{{word}}.made"
            Command(["touch", "--", made], creates=made)
            Symlink(f"/srv/odd/{{n}}{{word}}.link", to=word)
        """,
        reach(host),
    )
    done = work.cli("apply", "--yes", *ssh_config(host))
    assert done.code == 0, done.all
    made = host.run(["find", "/srv/odd", "-mindepth", "1", "-printf", "%f\\0"]).stdout.split("\0")
    expected = {f"{n}{w}{end}" for n, w in enumerate(odd) for end in ("", ".made", ".link")}
    assert set(made) - {""} == expected
    assert host.run(["find", "/", "-xdev", "-name", CANARY], check=False).stdout == ""


@pytest.mark.lab
@pytest.mark.parametrize("kind", ["User", "Group", "Package", "Service"])
def test_names_that_are_allowed_reach_a_tool_after_its_options(
    host: LabHost, work: Workspace, kind: str
) -> None:
    """S4: a name that a tool refuses is its error, one that it takes is a name."""
    more = ", running=True" if kind == "Service" else ""
    work.hosts(f'{kind}("help.version"{more})  # HERE', reach(host))
    done = work.cli("apply", "--yes", *ssh_config(host))
    assert "Traceback" not in done.all
    assert "Usage:" not in done.all
    if done.code:
        refused(done, work.line(), code=1)
