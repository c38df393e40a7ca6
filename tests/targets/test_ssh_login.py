"""SSH against a real sshd: which keys are shown, and what a refusal says."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cfgdsl.targets.options import Options
from tests.targets.clients import authorize, refusal, says
from tests.targets.conftest import Sshd, keygen


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_every_kind_of_key_logs_in(sshd: Sshd, tmp_path: Path, kind: str) -> None:
    key = keygen(tmp_path / "key", kind=kind)
    authorize(sshd, key)
    assert says(sshd.host(key=str(key)), sshd.options()) == "hello\n"


def test_an_encrypted_key_is_asked_for_once_per_run(sshd: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", passphrase="open sesame")
    authorize(sshd, key)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "wrong" if len(asked) == 1 else "open sesame"

    options = sshd.options(ask=ask)
    for name in ("web1", "web2"):
        assert says(sshd.host(name, key=str(key)), options) == "hello\n"
    assert len(asked) == 2
    assert str(key) in asked[0]


def test_an_encrypted_key_that_nobody_can_be_asked_for_is_told(sshd: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", passphrase="open sesame")
    problem = refusal(sshd.host(key=str(key)), sshd.options())
    assert "no passphrase" in problem.detail


def test_the_agent_signs_for_an_encrypted_key_without_a_prompt(
    sshd: Sshd, tmp_path: Path, agent: Callable[[Path], str]
) -> None:
    key = keygen(tmp_path / "key")
    authorize(sshd, key)
    path = agent(key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True)
    key.with_name("key.pub").unlink()
    text = f"Host *\n IdentityAgent {path}\n"
    assert says(sshd.host(key=str(key)), sshd.options(text)) == "hello\n"


def test_identities_only_keeps_other_keys_of_the_agent_unused(
    sshd: Sshd, tmp_path: Path, agent: Callable[[Path], str]
) -> None:
    key = keygen(tmp_path / "key")
    authorize(sshd, key)
    wrong = keygen(tmp_path / "wrong")
    text = f"Host *\n IdentityAgent {agent(key)}\n"
    assert says(sshd.host(), sshd.options(text)) == "hello\n"
    text += f" IdentitiesOnly yes\nMatch all\n IdentityFile {wrong}\n"
    path = sshd.config(text)
    path.write_text(path.read_text().replace(f"IdentityFile {sshd.user_key}", ""))
    problem = refusal(sshd.host(), Options(ssh_config=path, retries=0))
    assert str(wrong) in problem.detail
    assert "(agent)" not in problem.detail


def test_a_refused_login_names_the_keys_that_were_tried(sshd: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "stranger")
    problem = refusal(sshd.host(key=str(key)), sshd.options())
    assert "cannot log in" in problem.summary
    assert str(key) in problem.detail
    assert "publickey" not in problem.summary


def test_a_key_that_does_not_exist_is_told(sshd: Sshd) -> None:
    assert "no such file" in refusal(sshd.host(key="/no/such/key"), sshd.options()).detail
