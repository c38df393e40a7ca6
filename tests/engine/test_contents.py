"""Templates and local files become contents: strictly, once, and without leaking secrets."""

from pathlib import Path

import jinja2
import pytest

from cfgdsl import ConfigurationError, Field, FileContent, Footprint, Resource, Secret, field, key
from cfgdsl.core.content import Content, LocalFile, Template
from cfgdsl.engine.contents import Contents, stream
from cfgdsl.engine.vault import Vault


class Note(Resource):
    """Something with a content."""

    name: Field[str] = key(kw_only=False)
    content: Field[FileContent | None, object] = field(default=None, kw_only=True)

    def footprint(self) -> Footprint:
        return Footprint()


def resolved(content: object, vault: Vault | None = None) -> Content:
    return content_of(Contents(vault or Vault()), content)


def content_of(contents: Contents, declared: object) -> Content:
    note = contents.resolve(Note("n", content=declared))
    assert isinstance(note, Note)
    assert isinstance(note.content, Content)
    return note.content


def render(folder: Path, text: str, **variables: object) -> Content:
    path = folder / "t.j2"
    path.write_text(text)
    return resolved(Template(str(path), tuple(sorted(variables.items()))))


def failure(folder: Path, text: str, **variables: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        render(folder, text, **variables)
    return str(caught.value)


def test_a_template_keeps_its_last_newline(tmp_path: Path) -> None:
    assert render(tmp_path, "a {{ x }}\n", x=1).data == b"a 1\n"


def test_a_value_that_looks_like_a_template_is_not_rendered_again(tmp_path: Path) -> None:
    assert render(tmp_path, "{{ x }}", x="{{ 7*7 }}").data == b"{{ 7*7 }}"


def test_an_undefined_variable_names_template_line_and_variable(tmp_path: Path) -> None:
    message = failure(tmp_path, "a\nb {{ wrokers }}\n", workers=2)
    assert "t.j2:2: 'wrokers' is undefined" in message
    assert "It was given: workers." in message
    assert "test_contents.py" in message


def test_a_syntax_error_names_template_and_line(tmp_path: Path) -> None:
    assert "t.j2:2" in failure(tmp_path, "a\n{% if x %}\n", x=1)


def test_a_failing_expression_names_template_and_line(tmp_path: Path) -> None:
    assert "t.j2:1: ZeroDivisionError" in failure(tmp_path, "{{ 1 / 0 }}")


def test_templates_are_sandboxed(tmp_path: Path) -> None:
    assert "SecurityError" in failure(tmp_path, "{{ ''.__class__.__mro__ }}")


def test_a_missing_local_file_names_the_declaration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read .*nope: No such file") as caught:
        resolved(LocalFile(str(tmp_path / "nope")))
    assert "test_contents.py" in str(caught.value)


def test_a_large_local_file_is_streamed_and_never_held(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 300_000)
    contents = Contents(Vault())
    content = content_of(contents, LocalFile(str(path)))
    assert content.data is None
    assert sum(map(len, stream(content))) == 300_000


def test_a_content_with_a_secret_shows_neither_value_nor_digest() -> None:
    content = resolved(f"password={Secret('p')}\n", Vault({"p": "hunter22"}))
    assert content.data == b"password=hunter22\n"
    assert content.secret
    assert content.text is None
    assert "hunter22" not in repr(content)
    assert str(content) == "(secret content)"


def written(folder: Path, **texts: str) -> Path:
    """Templates by name (``__`` for a slash); the folder."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_template_finds_others_in_its_own_folder(tmp_path: Path) -> None:
    written(
        tmp_path,
        base="<{% block body %}{% endblock %}>",
        parts__all='{% include "one.j2" %}{% include "../two.j2" %}',
        parts__one="1",
        two="2",
        macros="{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}",
    )
    text = (
        '{% extends "base.j2" %}{% from "macros.j2" import twice %}'
        '{% block body %}{% include "parts/all.j2" %}{{ twice(x) }}{% endblock %}'
    )
    assert render(tmp_path, text, x="3").data == b"<1233>"


def test_an_absolute_path_still_works(tmp_path: Path) -> None:
    written(tmp_path, other__part="{{ x }}")
    assert render(tmp_path, f'{{% include "{tmp_path}/other/part.j2" %}}', x=1).data == b"1"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("a\nb {{ wrokers }}\n", "part.j2:2: 'wrokers' is undefined"),
        ("a\n{{ 1 / 0 }}\n", "part.j2:2: ZeroDivisionError"),
        ("a\n{% if x %}\n", "part.j2:2: Unexpected end of template"),
        ("a\n\n{% include 'none.j2' %}", "part.j2:3: there is no template"),
        ("a\n{{ ''.__class__.__mro__ }}", "part.j2:2: SecurityError"),
    ],
)
def test_a_mistake_in_an_included_template_names_that_one_and_its_line(
    tmp_path: Path, part: str, message: str
) -> None:
    written(tmp_path, parts__part=part)
    told = failure(tmp_path, '\n{% include "parts/part.j2" %}', x=1)
    assert f"template {tmp_path}/parts/{message}" in told


def test_a_template_that_is_not_there_names_where_it_was_looked_for(tmp_path: Path) -> None:
    told = failure(tmp_path, 'a\n{% include "parts/none.j2" %}')
    assert f"template {tmp_path}/t.j2:2: there is no template {tmp_path}/parts/none.j2" in told
    assert "in the folder of the template that names it" in told
    with pytest.raises(ConfigurationError, match=r"cannot read template .*gone: No such file"):
        resolved(Template(str(tmp_path / "gone"), ()))


def test_a_template_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_bytes(b"\xff")
    told = failure(tmp_path, '{% include "part.j2" %}')
    assert f"cannot read template {tmp_path}/part.j2: it is no UTF-8 text" in told


def test_a_template_is_compiled_once_and_anew_when_it_or_an_included_one_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    real = jinja2.Environment.compile

    def compile_(self: jinja2.Environment, source: str, name: str, filename: str) -> object:
        compiled.append(Path(name).name)
        return real(self, source, name, filename)

    monkeypatch.setattr(jinja2.Environment, "compile", compile_)
    written(tmp_path, top='{% include "part.j2" %}', part="old")
    contents, declared = Contents(Vault()), Template(str(tmp_path / "top.j2"), ())
    assert [content_of(contents, declared).data for _ in range(3)] == [b"old"] * 3
    assert compiled == ["top.j2", "part.j2"]
    written(tmp_path, part="newer")
    assert content_of(contents, declared).data == b"newer"
    assert compiled == ["top.j2", "part.j2", "part.j2"]
    (tmp_path / "part.j2").unlink()
    with pytest.raises(ConfigurationError, match="there is no template"):
        content_of(contents, declared)
