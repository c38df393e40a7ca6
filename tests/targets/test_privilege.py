"""The dialogue with sudo, su and doas, against fakes; the real ones are in test_lab_targets.py."""

import pytest

from cfgdsl.core.errors import TargetError
from cfgdsl.core.host import Become
from cfgdsl.core.secret import Secret
from cfgdsl.targets.privilege import Privilege
from cfgdsl.targets.session import Session
from tests.targets.fakes import READY, FakeChannel, FakeConnector, frames, host, options

SECRET = Secret.env("P")


def privilege(method: str, *, password: bool) -> Privilege:
    become = Become(method=method, user="joe", password=SECRET if password else None)
    return Privilege(become=become, marker="MARK", python="python3")


def test_the_command_is_wrapped_once_and_quoted() -> None:
    argv = ["sh", "-c", "it's $1"]
    nothing = Privilege(become=None, marker="M", python="p")
    assert nothing.wrap(argv) == argv
    assert privilege("sudo", password=False).wrap(argv)[:6] == [
        "sudo", "-n", "-H", "-u", "joe", "--",
    ]  # fmt: skip
    assert privilege("sudo", password=True).wrap(argv)[1:4] == ["-S", "-p", "MARK"]
    assert privilege("doas", password=False).wrap(argv)[:3] == ["doas", "-n", "-u"]
    assert privilege("su", password=True).wrap(argv) == [
        "su", "-s", "/bin/sh", "-c", "exec sh -c 'it'\"'\"'s $1'", "--", "joe",
    ]  # fmt: skip


class AskingChannel(FakeChannel):
    """Waits for the password before it says anything."""

    password = b"pw\n"
    again = False

    def read(self, size: int, timeout: float | None = None) -> bytes:
        if self.password not in self.heard:
            if self.heard and self.again:
                self.stderr = self.stderr * 2
            raise TimeoutError
        return super().read(size, timeout)


def opened(channel: FakeChannel, become: Become) -> Session:
    connector = FakeConnector(channel)
    return Session.open(
        host(become=become), options(reveal=lambda secret: "pw"), connector=connector
    )


@pytest.mark.parametrize("method", ["sudo", "su", "doas"])
def test_the_password_goes_to_stdin_when_it_is_asked_for(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfgdsl.targets.dialogue.new_marker", iter(["cfgdsl1", "ASK"]).__next__)
    channel = AskingChannel(
        frames(READY), stderr="Lecture.\n" + ("Passwort: " if method == "su" else "ASK")
    )
    talk = opened(channel, Become(method=method, password=SECRET))
    assert bytes(channel.heard) == b"pw\n"
    assert talk.basics


def test_no_password_is_sent_when_none_is_asked_for() -> None:
    channel = FakeChannel(frames(READY))
    opened(channel, Become(password=SECRET))
    assert not channel.heard


def test_a_second_question_is_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfgdsl.targets.dialogue.new_marker", iter(["cfgdsl1", "ASK"]).__next__)
    channel = AskingChannel(stderr="ASK")
    channel.password, channel.again = b"right\n", True
    with pytest.raises(TargetError, match="sudo refused the password"):
        opened(channel, Become(password=SECRET))
    assert bytes(channel.heard) == b"pw\n"


SAID = {
    "sudo: a password is required": ("sudo", "wants a password"),
    "doas: Authentication required": ("doas", "wants a password"),
    "joe is not in the sudoers file.": ("sudo", "does not allow"),
    "doas: Operation not permitted": ("doas", "does not allow"),
    "bash: line 1: sudo: command not found": ("sudo", "no sudo on the host"),
    "sudo: unknown user: joe": ("sudo", "sudo failed"),
}


@pytest.mark.parametrize("said", SAID)
def test_what_the_tool_says_becomes_a_clear_error(said: str) -> None:
    method, told = SAID[said]
    connector = FakeConnector(FakeChannel(stderr=said + "\n"), greeting=lambda marker: b"")
    with pytest.raises(TargetError, match=told) as error:
        Session.open(host(become=Become(method=method)), options(), connector=connector)
    assert said in str(error.value)


def test_su_that_asks_without_a_password_to_give_fails_at_once() -> None:
    channel = FakeChannel(stderr="Password: ", silent=True)
    connector = FakeConnector(channel, greeting=lambda marker: b"")
    with pytest.raises(TargetError, match="su wants a password"):
        Session.open(host(become="su"), options(), connector=connector)
