"""Secrets are fetched late, revealed only on purpose, and found in what hosts print."""

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl import ConfigurationError, Secret
from cfgdsl.core.secret import generated_secret
from cfgdsl.engine.vault import Vault


def test_each_source_gives_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFGDSL_TEST_SECRET", "from-env")
    (tmp_path / "s").write_text("from-file\n")
    vault = Vault(
        {"a": "from-store", "b": Secret.env("CFGDSL_TEST_SECRET")}, ask=lambda q: f"<{q}>"
    )
    assert vault.value(Secret.env("CFGDSL_TEST_SECRET")) == "from-env"
    assert vault.value(Secret.file(str(tmp_path / "s"))) == "from-file"
    assert vault.value(Secret.command(["printf", "from %s", "command"])) == "from command"
    assert vault.value(Secret.prompt("Which?")) == "<Which?>"
    assert vault.value(Secret("a")) == "from-store"
    assert vault.value(Secret("b")) == "from-env"


@pytest.mark.parametrize(
    "secret",
    [
        Secret.env("CFGDSL_NO_SUCH_VARIABLE"),
        Secret.file("/nonexistent/secret"),
        Secret.command(["false"]),
        Secret.command(["/nonexistent/command"]),
        Secret.prompt("nobody is asked"),
        Secret("unknown"),
    ],
)
def test_a_secret_without_a_value_is_one_clear_error(secret: Secret) -> None:
    with pytest.raises(ConfigurationError):
        Vault().value(secret)


def test_a_secret_is_fetched_once(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("first")
    vault = Vault()
    secret = Secret.file(str(path))
    assert vault.value(secret) == "first"
    path.write_text("second")
    assert vault.value(secret) == "first"


def test_references_in_nested_json_are_revealed() -> None:
    vault = Vault({"p": "hunter22"})
    data = {"env": {"P": f"x{Secret('p')}y"}, "argv": ["a", f"{Secret('p')}"], "n": 1}
    assert vault.reveal_json(data) == {
        "env": {"P": "xhunter22y"},
        "argv": ["a", "hunter22"],
        "n": 1,
    }


@given(
    value=st.text(min_size=4).filter(
        lambda v: v.strip() and "\ue000" not in v and "\ue001" not in v
    )
)
def test_no_common_spelling_of_a_value_survives_scrubbing(value: str) -> None:
    vault = Vault({"p": value})
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    vault.value(Secret("p"))
    for spelling in (
        value,
        json.dumps(value)[1:-1],
        urllib.parse.quote(value, safe=""),
        base64.b64encode(value.encode()).decode(),
    ):
        scrubbed = vault.scrub(f"[{spelling}]")
        assert scrubbed.startswith("[")
        assert spelling not in scrubbed or spelling in "(secret store p)"


def test_each_long_line_of_a_secret_is_scrubbed() -> None:
    vault = Vault({"key": "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"})
    vault.value(Secret("key"))
    assert "MIIEvQIBADANBg" not in vault.scrub("error near MIIEvQIBADANBg in line 2")


def test_what_is_not_available_is_asked_for_once_until_looked_for_again(tmp_path: Path) -> None:
    asked, value = tmp_path / "asked", tmp_path / "value"
    script = f"echo >> {asked}; cat {value}"
    text = f"password={Secret.command(['sh', '-c', script])}"
    vault = Vault()
    assert [vault.has(text), vault.has(text)] == [False, False]
    assert len(asked.read_text().splitlines()) == 1
    value.write_text("up again\n")
    assert not vault.has(text)
    vault.look_again()
    assert vault.has(text)
    assert vault.reveal(text) == "password=up again"


def test_a_name_stands_for_another_secret_through_other_names() -> None:
    vault = Vault({"a": Secret("b"), "b": Secret.env("B"), "plain": "hunter22"})
    assert vault.source_of(Secret("a")) == Secret.env("B")
    assert vault.source_of(Secret.env("X")) == Secret.env("X")
    assert vault.source_of(Secret("plain")) is None


def test_names_that_lead_nowhere_are_mistakes() -> None:
    vault = Vault({"a": Secret("b"), "b": Secret("a")})
    for name in ("a", "unknown"):
        for use in (vault.value, vault.source_of, lambda s: vault.has(str(s))):
            with pytest.raises(ConfigurationError, match="has no value"):
                use(Secret(name))


def test_who_is_asked_and_gives_no_answer_wants_to_stop() -> None:
    text = str(Secret.prompt("Which?"))
    assert not Vault().has(text), "nobody can be asked"
    with pytest.raises(ConfigurationError, match="has no value"):
        Vault(ask=lambda _: None).has(text)


def test_a_generated_secret_is_known_once_its_host_has_told_it() -> None:
    vault = Vault()
    secret = generated_secret("web1", "db")
    assert not vault.has(secret.token)
    assert not vault.has_value(secret)
    with pytest.raises(ConfigurationError, match="apply there first"):
        vault.value(secret)
    assert vault.keep("web1", "db", "s3cret-s3cret") == secret.token
    assert vault.has(secret.token)
    assert vault.reveal(f"p={secret}") == "p=s3cret-s3cret"
    assert vault.scrub("p=s3cret-s3cret") == "p=(secret generated web1/db)"
    vault.keep("web1", "db", "another-secret")
    assert vault.value(secret) == "another-secret"
    assert "s3cret" not in vault.scrub("s3cret-s3cret another-secret"), "an older one is one too"
    with pytest.raises(ConfigurationError):
        vault.value(generated_secret("web2", "db"))
