"""`RandomPassword`: what is made, what is kept, and what is refused."""

from typing import Any

import pytest

from cfgdsl import Answers, Output, probes
from cfgdsl_stdlib import Command, RandomPassword
from tests.stdlib.walk import assert_converges, change_of, decided, impossible, refusal

DIGITS = "0123456789"
PASSWORD = RandomPassword("db", length=20, alphabet=DIGITS)
ASKED = probes.Generated("db", DIGITS, reveal=True)
THERE = {"length": 20, "fits": True, "text": "(a reference)"}


@pytest.mark.parametrize(
    ("declared", "given", "action", "ops"),
    [
        (
            PASSWORD,
            {ASKED: None},
            "create",
            [{"kind": "generate", "name": "db", "length": 20, "alphabet": DIGITS}],
        ),
        (PASSWORD, {ASKED: THERE}, "none", []),
        (
            RandomPassword("db", absent=True),
            {probes.Generated("db"): {"length": 9, "text": None}},
            "delete",
            [{"kind": "discard", "name": "db"}],
        ),
        (RandomPassword("db", absent=True), {probes.Generated("db"): None}, "none", []),
    ],
)
def test_what_is_done(declared: RandomPassword, given: Any, action: str, ops: Any) -> None:
    assert change_of(declared, given).action == action
    assert decided(declared, given) == ops
    assert assert_converges(declared, given)


@pytest.mark.parametrize(
    ("found", "summary"),
    [
        ({**THERE, "length": 9}, "the password that is there has 9 characters, not 20"),
        (
            {**THERE, "fits": False, "text": None},
            "the password that is there has characters that are not in its alphabet",
        ),
    ],
)
def test_another_one_than_declared_is_never_replaced(found: Any, summary: str) -> None:
    told, hint = impossible(PASSWORD, {ASKED: found})
    assert told == summary
    assert 'RandomPassword("db-2")' in hint


def test_its_value_is_known_once_it_is_there() -> None:
    assert PASSWORD.outputs(Answers({ASKED: THERE})) == {"value": "(a reference)"}
    assert PASSWORD.outputs(Answers({ASKED: {**THERE, "text": None}})) == {}
    assert PASSWORD.outputs(Answers({ASKED: None})) == {}


def test_whatever_is_made_of_it_is_a_secret_too() -> None:
    value = PASSWORD.value
    plain = Command(["true"], always=True).stdout
    assert not plain.secret
    for made in (value, value.map(str.upper), Output.all(plain, value).map(str)):
        assert made.secret
        with pytest.raises(ValueError, match="what it prints is shown"):
            _ = Command(["cat"], input=made, always=True).stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"length": 7}, "length must be from 8 to 1024, not 7"),
        ({"length": 1025}, "length must be from 8 to 1024, not 1025"),
        ({"length": "32"}, "length must be a whole number"),
        ({"alphabet": "0123 56789"}, "alphabet must be of visible ASCII characters"),
        ({"alphabet": "äöü0123456789"}, "alphabet must be of visible ASCII characters"),
        ({"alphabet": "012345678" * 2}, "alphabet must have 10 or more different characters"),
        ({"rotate": "x"}, "has no argument 'rotate'"),
    ],
)
def test_what_makes_no_password_is_refused(arguments: Any, problem: str) -> None:
    assert problem in refusal(lambda: RandomPassword("db", **arguments))


def test_the_order_of_the_alphabet_does_not_matter() -> None:
    assert RandomPassword("db", alphabet="9876543210" * 2).alphabet == DIGITS
