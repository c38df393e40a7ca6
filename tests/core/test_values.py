"""Normal forms: each value has one spelling, and bringing it there twice changes nothing."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import AbsPath, Argv, Content, Env, FileContent, Mode, Name, Owner, Secret
from cfgdsl.core.content import Text
from cfgdsl.core.converters import converter_for, type_name
from cfgdsl.core.values import absolute_path, argument_list, file_content, file_mode, owner_name

LOOKS_DECIMAL = {644, 755, 600, 700, 640, 750, 400, 440, 444, 555, 664, 775, 777, 1777}
text = st.text(st.characters(exclude_characters="\0\ue000\ue001", exclude_categories=["Cs"]))
segments = text.map(lambda t: t.replace("/", "")).filter(lambda t: t not in {"", ".", ".."})
paths = st.lists(segments, max_size=4).map(lambda parts: "/" + "//".join(parts) + "/")
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@+:~-]{0,20}", fullmatch=True)
modes = st.integers(0, 0o7777).filter(lambda m: m not in LOOKS_DECIMAL)

EACH: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (AbsPath, paths),
    (Mode, modes | modes.map(lambda m: f"{m:04o}")),
    (Name, names),
    (Owner, names | st.integers(0, 2**31)),
    (Argv, st.lists(text, min_size=1)),
    (Env, st.dictionaries(names.map(lambda n: n.replace("=", "")), text)),
    (FileContent, text | st.binary()),
    (tuple[str, ...], st.lists(text) | st.frozensets(text)),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (int | None, st.none() | st.integers()),
    (float, st.integers(-9, 9) | st.floats(allow_nan=False)),
]


@pytest.mark.parametrize(("annotation", "values"), EACH, ids=lambda a: str(a)[:30])
def test_a_normal_form_is_its_own(annotation: Any, values: st.SearchStrategy[Any]) -> None:
    @given(values)
    def check(value: Any) -> None:
        normal = converter_for(annotation)(value)
        assert converter_for(annotation)(normal) == normal
        hash(normal)

    check()


@pytest.mark.parametrize(
    ("convert", "value", "why"),
    [
        (absolute_path, "etc/motd", "must be an absolute path, not 'etc/motd'"),
        (absolute_path, "/a/../b", "must not contain '..'"),
        (absolute_path, "/a\0", "must not contain a NUL"),
        (absolute_path, 5, "must be text, not int 5"),
        (file_mode, "rw", "must be octal digits like '0644', not 'rw'"),
        (file_mode, "0999", "must be octal digits"),
        (file_mode, 1.5, "must be a mode like 0o644 or '0644', not float 1.5"),
        (file_mode, True, "must be a mode"),
        (file_mode, 0o10000, "must be between 0 and 0o7777"),
        (file_mode, 644, "is decimal 644; write 0o644"),
        (owner_name, -1, "must be text"),
        (owner_name, "-oProxyCommand=x", "is no valid name"),
        (owner_name, "", "is no valid name"),
        (owner_name, "a\n", "is no valid name"),
        (argument_list, "ls -l", "must be a list of arguments like"),
        (argument_list, [], "must not be empty"),
        (file_content, 5, "must be text, bytes or template"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence(
    convert: Callable[[Any], Any], value: Any, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        convert(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (bool, 1), (int, True), (int, "1"), (float, "1"), (Literal[1], True), (Literal["a"], "b"),
        (tuple[str, ...], "abc"), (tuple[str, ...], [1]), (int | None, "x"), (str, b"x"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        converter_for(annotation)(value)


@pytest.mark.parametrize("annotation", [list[str], dict[str, int], tuple[str, int], list, "int"])
def test_a_type_without_a_normal_form_is_refused_when_the_class_is_made(annotation: Any) -> None:
    with pytest.raises(TypeError, match="has no normal form"):
        converter_for(annotation)


def test_number_0_is_root_since_hosts_answer_with_names() -> None:
    assert owner_name(0) == "root"


def test_a_set_has_one_order() -> None:
    assert converter_for(tuple[str, ...])({"b", "c", "a"}) == ("a", "b", "c")


def test_secrets_stay_references_where_they_may_be_and_are_refused_where_they_show() -> None:
    secret = Secret.env("KEY")
    assert isinstance(file_content(f"key={secret}"), Text)
    assert isinstance(file_content(f"key={secret}".encode()), Text)
    assert isinstance(file_content("plain"), Content)
    for convert, value in ((absolute_path, f"/{secret}"), (argument_list, ["x", str(secret)])):
        with pytest.raises(ValueError, match="must not contain a secret"):
            convert(value)


@pytest.mark.parametrize("damage", [str.upper, lambda t: t[:-1], lambda t: t[1:]])
def test_a_damaged_reference_to_a_secret_is_refused(damage: Callable[[str], str]) -> None:
    broken = damage(f"{Secret.env('KEY')}")
    for convert in (file_content, converter_for(str)):
        with pytest.raises(ValueError, match="part of a reference to a secret"):
            convert(broken)


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Mode | None, "mode"), (tuple[AbsPath, ...], "list of absolute path"), (str, "text"),
        (Literal["a", "b"] | None, "'a', 'b'"), (int | str, "integer or text"),
        (Annotated[int, "no mark"], "integer"), (Content, "Content"), (bool, "bool"),
    ],
)  # fmt: skip
def test_types_have_names_for_people(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name
