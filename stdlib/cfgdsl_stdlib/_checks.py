"""What several types refuse in a field, as sentences that end up behind the user's line."""

import json
from collections.abc import Callable
from typing import Any

from cfgdsl import Answers, ImpossibleError, Output, Secret, probes

_MARK = Secret("any").token[0]
_SECRET_MARKS = (_MARK, json.dumps(_MARK)[1:-1])
"""What every reference to a secret begins with, in text and in JSON text."""


def no_secret(field: str, *texts: str | None) -> None:
    """Refuse a reference to a secret where the text is shown, or seen in process lists.

    >>> no_secret("comment", "plain")
    """
    if any(map(holds_secret, texts)):
        raise ValueError(f"{field} must not contain a secret: others on the host can see it")


def holds_secret(text: str | Output[str] | None) -> bool:
    """Whether there is a reference to a secret in a text, or will be.

    >>> holds_secret("plain")
    False
    """
    if isinstance(text, Output):
        return text.secret
    return text is not None and any(mark in text for mark in _SECRET_MARKS)


def account_text(field: str, text: str | None) -> None:
    """Refuse what cannot stand in a field of passwd(5) or group(5).

    >>> account_text("comment", "Deployment, room 5")
    """
    no_secret(field, text)
    if text is not None and any(c == ":" or not c.isprintable() for c in text):
        raise ValueError(f"{field} must not contain ':' or control characters: {text!r}")


def account_name(field: str, name: str) -> None:
    """Refuse what useradd(8) and groupadd(8) refuse, and numbers posing as names.

    >>> account_name("name", "www-data")
    """
    account_text(field, name)
    if name.isdigit() or name[0] in "+~@." or len(name) > 32:
        raise ValueError(f"{field} is no valid account name: {name!r}")


def as_references(value: Any) -> tuple[Any, ...]:
    """One reference or a list of them, as a tuple.

    >>> as_references("package:nginx")
    ('package:nginx',)
    """
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)


def number_keys(key: Callable[[str], str], number: int | None) -> tuple[str, ...]:
    """The key of an account by its number, which others may use instead of its name.

    >>> number_keys("user:{}".format, 1000)
    ('user:1000',)
    """
    return () if number is None else (key(str(number)),)


def account_number(field: str, number: int | None) -> None:
    """Refuse what is no uid or gid; the two highest numbers mean "none" to the kernel.

    >>> account_number("uid", 1000)
    """
    if number is not None and not 0 <= number < 2**32 - 2:
        raise ValueError(f"{field} must be between 0 and 4294967293, not {number}")


def is_there(account: probes.User | probes.Group, answers: Answers) -> None:
    """Refuse to plan with an account that will not be there; one that was not asked for may be.

    >>> is_there(probes.Group("adm"), Answers({}))
    """
    if answers.get(account, account) is None:
        raise ImpossibleError(
            f"there is no {account.kind} {account.name!r} on the host, and nothing in the plan "
            "makes it",
            hint=f'Declare {account.kind.capitalize()}("{account.name}").',
        )
