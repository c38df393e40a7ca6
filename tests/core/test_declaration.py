"""Declaring a resource: every mistake at once, at the user's line; values that never change."""

import copy
import pickle

import attrs
import pytest

from cfgdsl import (
    ConfigurationError,
    Field,
    Host,
    Output,
    Resource,
    Secret,
    UnknownValueError,
    exists,
    field,
    resource,
)
from cfgdsl.core.context import active
from cfgdsl.core.references import references

from .kinds import TinyCommand, TinyFile, TinyPackage, TinyService, TinyUser


def complaint(declare: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        declare()  # type: ignore[operator]
    assert all(origin.file == __file__ for d in caught.value for origin in d.origins)
    return str(caught.value)


def test_all_mistakes_are_reported_at_once_with_the_users_line() -> None:
    text = complaint(lambda: TinyFile("etc", mode=1.5, contnet="x", retries=-1))  # type: ignore[call-arg,arg-type]
    assert "TinyFile: path must be an absolute path, not 'etc'" in text
    assert "TinyFile: mode must be a mode like 0o644 or '0644', not float 1.5" in text
    assert "TinyFile: has no argument 'contnet'; did you mean 'content'?" in text
    assert "TinyFile: retries must be a whole number from 0 on, not int -1" in text
    assert text.count(f"at {__file__}:") == 4


@pytest.mark.parametrize(
    ("arguments", "keywords", "why"),
    [
        ((), {}, "needs path"),
        (("/a", "/b"), {}, "takes path by position; name the argument '/b'"),
        (("/a",), {"path": "/b"}, "got 'path' twice"),
        (("/a",), {"zzz": 1}, "has no argument 'zzz'; it takes"),
        (("/a",), {"after": 5}, "after must be a resource, a component, an identity, or a list"),
        (("/a",), {"on_drop": "keep"}, "on_drop must be one of 'delete', 'restore', 'forget'"),
        (("/a",), {"timeout": 0}, "timeout must be a number of seconds, not int 0"),
        (("/a",), {"only_if": "/x"}, "only_if must be Condition, not str '/x'"),
        (("/a",), {"tags": "web"}, "tags must be a list"),
        ((Secret.env("K"),), {}, "path must not contain a secret"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: tuple[object, ...], keywords: dict[str, object], why: str
) -> None:
    assert why in complaint(lambda: TinyFile(*arguments, **keywords))  # type: ignore[arg-type]


def test_references_may_be_one_or_a_list_or_nested() -> None:
    file, user = TinyFile("/f"), TinyUser("u")
    assert TinyFile("/g", after=file).after == (file,)
    assert TinyFile("/g", after="tiny-file:/f").after == ("tiny-file:/f",)
    assert TinyFile("/g", after=[file, [user, "x:y"]]).after == (file, user, "x:y")
    assert references({user, file}) == (file, user)
    assert TinyService("s", restart_on=file).restart_on == (file,)


def test_the_identity_is_kind_and_key_and_id_replaces_the_key() -> None:
    assert TinyFile("/a").identity == "tiny-file:/a"
    assert TinyFile("/a", id="motd").identity == "tiny-file:motd"
    assert TinyCommand(["echo", "a b"], always=True).identity == "tiny-command:echo 'a b'"


def test_a_declaration_knows_its_line() -> None:
    file = TinyFile("/f")
    assert file.origin.file == __file__
    assert file.origin.function == "test_a_declaration_knows_its_line"


def test_it_enters_the_active_collector_and_is_inert_without_one() -> None:
    class Collector:
        def __init__(self) -> None:
            self.found: list[Resource] = []

        def add(self, declared: Resource) -> None:
            self.found.append(declared)

        def move(self, old: str, new: str) -> None:
            raise AssertionError((old, new))

        def facts(self, host: object) -> object:
            return host

    collector = Collector()
    token = active.set(collector)
    file = TinyFile("/f")
    active.reset(token)
    TinyFile("/g")
    assert collector.found == [file]


def test_it_is_a_value_that_compares_hashes_copies_and_never_changes() -> None:
    one, other = TinyFile("/f", content="x"), TinyFile("/f", content="x", tags=["t"], retries=2)
    assert one == other  # how it is applied is no part of what it is
    assert hash(one) == hash(other)
    assert one != TinyFile("/f", content="y")
    assert copy.deepcopy(one) == copy.copy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - its own
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.mode = 5


def test_an_observed_one_differs_in_what_was_found_only() -> None:
    file = TinyFile("/f", mode=0o600)
    assert file.observed(mode=0o644) == TinyFile("/f", mode=0o644)
    assert file.observed(id="other").identity == "tiny-file:other"
    assert file.identity == "tiny-file:/f"


def test_pure_methods_are_asked_once_and_anew_for_a_changed_copy() -> None:
    file = TinyFile("/f")
    assert file.footprint() is file.footprint()
    assert file.probes() is file.probes()
    assert file.observed(owner="u").footprint() != file.footprint()


def test_an_output_passes_into_any_field_but_a_key_and_is_no_value_yet() -> None:
    user = TinyUser("u")
    output: Output[str] = Output(user, "home")
    given: object = TinyFile("/f", owner=output).owner
    assert given is output
    assert "path must be known now" in complaint(lambda: TinyFile(output))
    for use in (str, bool, list, lambda o: f"{o}", lambda o: o == "x", lambda o: o + "x"):
        with pytest.raises(UnknownValueError) as caught:
            use(output)
        assert "tiny-user:u.home is known only after apply" in str(caught.value)
        assert str(caught.value).count(__file__) == 2  # where it was made, where it was used
    assert output.map(str.upper).map(len).resolve(lambda source, name: "abc") == 3


def test_a_field_without_field_or_annotation_is_an_error_of_the_class() -> None:
    with pytest.raises(TypeError, match=r"Bad\.path needs field\(\.\.\.\) or key\(\.\.\.\)"):

        class Bad(Resource):
            path: Field[str]

    with pytest.raises(TypeError, match=r"Worse\.path needs an annotation"):

        class Worse(Resource):
            path: str = field()


def test_two_types_cannot_have_one_name() -> None:
    with pytest.raises(ConfigurationError, match="two resource types are named 'tiny-file'"):

        @resource("tiny-file")
        class Other(Resource):
            pass


def test_conditions_print_as_they_were_written() -> None:
    assert str(~exists("/a/")) == "not exists(/a)"
    assert str(TinyPackage("p", only_if=exists("/a")).only_if) == "exists(/a)"


@pytest.mark.parametrize("name", ["", "-oProxyCommand=x", "a b", "a/b", "a\n"])
def test_a_host_name_that_is_none_is_refused(name: str) -> None:
    assert "bad host name" in complaint(lambda: Host(name))


def test_host_data_says_what_was_meant() -> None:
    host = Host("web1", data={"role": "web"})
    assert host.data.role == host.data["role"] == "web"
    assert "Did you mean 'role'?" in complaint(lambda: host.data.rolle)
