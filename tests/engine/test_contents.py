"""Templates and local files become contents: strictly, once, and without leaking secrets."""

from pathlib import Path

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
