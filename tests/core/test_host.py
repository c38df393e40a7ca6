"""Hosts as users name them: what cannot be one is refused at its line."""

from typing import Any

import pytest

from cfgdsl import Become, ConfigurationError, Host, Secret


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"port": "22"}, "bad port '22' of host 'web1'"),
        ({"port": True}, "bad port True of host 'web1'"),
        ({"port": 0}, "bad port 0"),
        ({"port": 65536}, "bad port 65536"),
        ({"address": ""}, "bad address ''"),
        ({"address": "-oProxyCommand=x"}, "bad address '-oProxyCommand=x'"),
        ({"address": 5}, "bad address 5"),
        ({"user": "a b"}, "bad user 'a b'"),
        ({"key": 5}, "bad key 5"),
        ({"python": ""}, "bad python ''"),
        ({"via": 5}, "bad via 5"),
        ({"exec": "docker exec -i web"}, "bad exec: must be a list of arguments"),
        ({"exec": []}, "bad exec: must not be empty"),
        ({"bootstrap": ["apt-get install -y python3"]}, "bad bootstrap: must be a list of arg"),
        ({"bootstrap": "apt-get"}, "bad bootstrap: must be a list of commands"),
        ({"become": "pfexec"}, "bad become: must be one of 'sudo', 'su', 'doas'"),
        ({"tags": 5}, "bad tags: must be a list"),
        ({"tags": [5]}, "bad tags: must be text, not int 5"),
        ({"exec": ["x"], "address": "192.0.2.1"}, "has exec= and address="),
    ],
)
def test_what_cannot_be_a_host_is_refused_at_its_line(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Host("web1", **arguments)
    assert why in str(caught.value)
    assert __file__ in str(caught.value)


def test_a_password_is_a_secret_and_no_text_and_is_not_repeated_in_the_error() -> None:
    for refused in (lambda p: Host("web1", password=p), lambda p: Become(password=p)):
        with pytest.raises(ConfigurationError) as caught:
            refused("hunter2")
        assert "must be a Secret, like Secret.env" in str(caught.value)
        assert "hunter2" not in str(caught.value)
    assert Host("web1", password=Secret.env("P")).password == Secret.env("P")


def test_become_may_be_said_in_words() -> None:
    assert Host("a", become="su").become == Become(method="su")
    assert Host("a", become=True).become == Become()
    assert Host("a", become=False).become is None


def test_a_local_host_may_be_a_directory() -> None:
    assert Host.local("/tmp/x").root == "/tmp/x"
    with pytest.raises(ConfigurationError, match="bad root 'x'"):
        Host.local("x")
