"""No secret in any sink of the core: whatever prints, stores or copies a value (SECURITY.md S6)."""

import copy
import hashlib
import html
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import Content, Diagnostic, Plan, Secret
from cfgdsl.core.decide import differences
from cfgdsl.core.diff import compare
from cfgdsl.core.probes import Answers
from cfgdsl.core.secret import is_damaged, redact, reveal, secrets_in, strip_marks

from .kinds import TinyFile
from .machine import FOLDER, Machine

VALUE = "correct horse battery"
OLD = "older secret\n"
names = st.text(
    st.characters(exclude_characters="\ue000\ue001\0", exclude_categories=["Cs"])
).filter(lambda name: "\\ue00" not in name)  # a mark in JSON's spelling: refused, see below
secrets = st.one_of(
    names.map(Secret.env), names.map(Secret.file), names.map(Secret.prompt), names.map(Secret),
    st.lists(names, min_size=1).map(Secret.command),
)  # fmt: skip
plain = st.text(st.characters(exclude_characters="\ue000\ue001\\", exclude_categories=["Cs"]))


def needles(value: str) -> list[str]:
    return [value, hashlib.sha256(value.encode()).hexdigest()[:12]]


def secret_content() -> Content:
    """As the engine resolves a text with secrets, just before planning."""
    return attrs.evolve(Content.of(VALUE), secret=True, shown=f"{Secret.env('KEY')}")


def secret_file() -> TinyFile:
    return TinyFile("/f", content=secret_content())


def host() -> Machine:
    return Machine(paths={"/f": {**FOLDER, "kind": "file", "data": OLD.encode()}})


def plan() -> Plan:
    return Plan(project=None, hosts=(host().plan(secret_file()).plan,))


def observed() -> list[Any]:
    machine = host()
    return [machine.answer(probe) for probe in secret_file().probes()]


def change() -> Any:
    file = secret_file()
    return compare(file, file.observe(Answers(dict(zip(file.probes(), observed(), strict=True)))))


def trace(thing: object) -> str:
    error = RuntimeError(thing)
    return "".join(traceback.format_exception(error))


SINKS: dict[str, Callable[[], str]] = {
    "repr of a content": lambda: repr(secret_content()),
    "str of a content": lambda: str(secret_content()),
    "format of a content": lambda: f"{secret_content()} {secret_content()!r}",
    "text of a content": lambda: str(secret_content().text),
    "repr of a resource": lambda: repr(secret_file()),
    "repr of its probes": lambda: repr(secret_file().probes()),
    "repr of a copy": lambda: repr(copy.copy(secret_file())),
    "repr of a deep copy": lambda: repr(copy.deepcopy(secret_file())),
    "repr of a change": lambda: repr(change().fields),
    "differences": lambda: str(differences(secret_file(), secret_file().probes(), observed())),
    "repr of a plan": lambda: repr(plan()),
    "JSON of a plan": lambda: plan().to_json(),
    "JSON of a plan from JSON": lambda: Plan.from_json(plan().to_json()).to_json(),
    "repr of a plan from JSON": lambda: repr(Plan.from_json(plan().to_json())),
    "a traceback with a plan": lambda: trace(plan()),
    "a traceback with a content": lambda: trace(secret_content()),
}


@pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS.keys())
def test_no_sink_shows_a_secret_its_digest_or_what_it_replaces(sink: Callable[[], str]) -> None:
    shown = sink()
    assert not [n for value in (VALUE, OLD.strip(), OLD) for n in needles(value) if n in shown]


def test_the_sinks_do_show_a_content_that_is_none() -> None:
    """The test above would pass on an empty text."""
    open_file = TinyFile("/f", content=VALUE)
    document = Plan(project=None, hosts=(host().plan(open_file).plan,)).to_json()
    assert all(needle in document for needle in needles(VALUE))
    assert OLD.strip() in document


def test_a_plan_with_a_secret_says_that_there_is_one() -> None:
    step = json.loads(plan().to_json())["hosts"][0]["steps"][0]
    assert step["changes"] == [
        {"field": "content", "before": {"secret": True}, "after": {"secret": True}}
    ]


def test_a_content_that_holds_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(secret_content())
    assert pickle.loads(pickle.dumps(Content.of("x"))) == Content.of("x")  # noqa: S301 - its own


@given(secrets)
def test_a_secret_is_its_reference_however_it_is_copied_or_stored(secret: Secret) -> None:
    assert copy.copy(secret) == copy.deepcopy(secret) == secret
    assert pickle.loads(pickle.dumps(secret)) == secret  # noqa: S301 - its own
    assert eval(repr(secret)) == secret  # noqa: S307 - its own
    assert secrets_in(f"{secret:>80.3}") == (secret,)
    with pytest.raises(TypeError):
        json.dumps(secret)


@given(st.lists(st.tuples(plain, secrets)), plain)
def test_references_survive_join_format_and_templates(
    pairs: list[tuple[str, Secret]], end: str
) -> None:
    text = "".join(f"{before}{secret}" for before, secret in pairs) + end
    values = {secret: f"<{index}>" for index, (_, secret) in enumerate(pairs)}
    assert secrets_in(text) == tuple(dict.fromkeys(secret for _, secret in pairs))
    assert not is_damaged(text)
    assert reveal(text, values) == "".join(f"{b}{values[s]}" for b, s in pairs) + end
    assert "\ue000" not in redact(text)


@given(secrets, st.text(st.characters(exclude_categories=["Cs"])))
def test_a_reference_in_json_is_replaced_by_the_value_as_json(secret: Secret, value: str) -> None:
    for ascii_only in (True, False):
        text = json.dumps({"key": str(secret)}, ensure_ascii=ascii_only)
        assert secrets_in(text) == (secret,) or not ascii_only
    revealed = reveal(json.dumps({"key": str(secret)}), {secret: value})
    assert json.loads(revealed) == {"key": value}


def test_a_value_that_looks_like_a_reference_is_not_looked_up_again() -> None:
    one, other = Secret.env("A"), Secret.env("B")
    values = {one: json.dumps(str(other))[1:-1], other: "leaked"}
    assert "leaked" not in reveal(f"{one}", values)


@given(st.text())
def test_a_host_cannot_name_a_secret(text: str) -> None:
    for forged in (text, text + str(Secret.env("A")), json.dumps(text + str(Secret.env("A")))):
        assert secrets_in(strip_marks(forged)) == ()
        assert strip_marks(strip_marks(forged)) == strip_marks(forged)


def test_a_diagnostic_shows_references_in_words() -> None:
    text = str(Diagnostic(summary=f"bad {Secret.env('KEY')}"))
    assert text == "bad (secret env KEY)"
    assert html.escape(text) == text


@pytest.mark.parametrize("name", [str(Secret.env("A")), "\ue000", "\\ue001"])
def test_a_secret_is_not_named_by_another(name: str) -> None:
    with pytest.raises(ValueError, match="a secret is named by text"):
        Secret.env(name)


def forget_to_hide(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("cfgdsl.core.diff.hide", lambda found, _: found)


def write_digests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("cfgdsl.core.step._guarded", lambda data, **_: data)


@pytest.mark.parametrize(
    ("mutate", "sink"), [(forget_to_hide, "repr of a change"), (write_digests, "JSON of a plan")]
)
def test_a_mutant_that_leaks_is_caught(
    mutate: Any, sink: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        test_no_sink_shows_a_secret_its_digest_or_what_it_replaces(SINKS[sink])
