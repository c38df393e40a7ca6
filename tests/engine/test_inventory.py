"""Which hosts a `--limit` expression names."""

import pytest

from cfgdsl import ConfigurationError, Host
from cfgdsl.engine.inventory import select

HOSTS = (
    Host("web1", tags={"web", "eu"}),
    Host("web2", tags={"web", "us"}),
    Host("db1", tags={"db", "eu"}),
)


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        (None, ["web1", "web2", "db1"]),
        ("web1", ["web1"]),
        ("db1,web1", ["web1", "db1"]),
        ("web*", ["web1", "web2"]),
        ("@eu", ["web1", "db1"]),
        ("web*,!web2", ["web1"]),
        ("!web2", ["web1", "db1"]),
        ("@web,&@eu", ["web1"]),
        ("@e*", ["web1", "db1"]),
    ],
)
def test_limit_names_hosts_in_declaration_order(limit: str | None, names: list[str]) -> None:
    assert [host.name for host in select(HOSTS, limit)] == names


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("wbe1", "no host named 'wbe1'"),
        ("@ue", "no tag named 'ue'"),
        ("web1,!web1", "leaves no host"),
        ("db*,!nope", "no host named 'nope'"),
    ],
)
def test_a_term_that_matches_nothing_is_an_error(limit: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        select(HOSTS, limit)


def test_a_misspelt_host_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'web"):
        select(HOSTS, "weeb1")


def test_a_wrong_limit_is_no_line_of_anybodys_code() -> None:
    with pytest.raises(ConfigurationError) as caught:
        select(HOSTS, "weeb1")
    assert all(not diagnostic.origins for diagnostic in caught.value)
