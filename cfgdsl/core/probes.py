"""Probes: questions about a target, as values. Equal probes are asked once.

The set is closed, and small: the runner and the simulator are complete interpreters of it. What
each answer looks like stands in `cfgdsl.runner.wire.PROBES`.

>>> Stat("/etc/motd").to_json()
{'kind': 'stat', 'path': '/etc/motd'}
>>> from_json({"kind": "group", "name": "adm"})
Group(name='adm')
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias, TypeGuard

import attrs

from cfgdsl.core.wire_value import WireValue, restore, wire_value

Answer: TypeAlias = Any
"""JSON as a host gives it: None is absent, ``{"error": ...}`` is unanswered."""


@attrs.frozen
class Probe(WireValue):
    """The base of the closed set of probes.

    >>> isinstance(Group("adm"), Probe)
    True
    """


@wire_value
class Stat(Probe):
    """What is at a path: kind, mode, owner, group, the target of a link; a link is not followed by
    default.

    >>> Stat("/etc/motd", follow=True).to_json()
    {'kind': 'stat', 'path': '/etc/motd', 'follow': True}
    """

    kind: ClassVar = "stat"
    path: str
    follow: bool = False


@wire_value
class Read(Probe):
    """Digest and size of a regular file; its text too when it differs from `unless` (a digest) and
    has at most `up_to` bytes.

    >>> Read("/etc/motd").up_to
    65536
    """

    kind: ClassVar = "read"
    path: str
    unless: str | None = attrs.field(default=None, repr=False)  # perhaps of a secret
    up_to: int = 65536
    follow: bool = False


@wire_value
class List(Probe):
    """The names in a directory, sorted, the first thousand of them.

    >>> List("/srv/www").to_json()
    {'kind': 'list', 'path': '/srv/www'}
    """

    kind: ClassVar = "list"
    path: str


@wire_value
class User(Probe):
    """An account: uid, primary group, comment, home, shell, supplementary groups.

    >>> User("deploy").to_json()
    {'kind': 'user', 'name': 'deploy'}
    """

    kind: ClassVar = "user"
    name: str


@wire_value
class Group(Probe):
    """A group: its gid.

    >>> Group("adm").name
    'adm'
    """

    kind: ClassVar = "group"
    name: str


@wire_value
class AccountName(Probe):
    """Who has a number: the name in the `database` of users or of groups.

    >>> AccountName("user", 0).number
    0
    """

    kind: ClassVar = "account_name"
    database: str
    number: int


@wire_value
class AccountNumber(Probe):
    """Which number a name has in the `database` of users or of groups: whether it can own files.

    >>> AccountNumber("group", "adm").to_json()
    {'kind': 'account_number', 'database': 'group', 'name': 'adm'}
    """

    kind: ClassVar = "account_number"
    database: str
    name: str


@wire_value
class Query(Probe):
    """One item of a bulk question: all that are alike but for `item` run as one command.

    >>> Query(("dpkg-query", "-W", "-f", "${Package}\\t${Version}\\n"), "nginx", split="rows").item
    'nginx'
    """

    kind: ClassVar = "query"
    argv: tuple[str, ...]
    item: str
    split: str
    separator: str | None = None
    key: str | None = None
    fields: tuple[str, ...] = ()
    absent: str | None = None
    """``KEY=VALUE|VALUE``: a block with one of these values counts as missing."""
    when: "Probe | None" = None


@wire_value
class Run(Probe):
    """Exit status and output of a command that changes nothing (a guard, a version, a fact).

    >>> Run(("nginx", "-v"), timeout=5.0).argv
    ('nginx', '-v')
    """

    kind: ClassVar = "run"
    argv: tuple[str, ...]
    cwd: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    stdin: str | None = None
    timeout: float | None = None


@wire_value
class Generated(Probe):
    """A secret that `ops.Generate` has made in the project's record on the host: its length, and
    whether it `fits` an alphabet.

    `reveal`: its value too, as ``text``: by the time anything here reads the answer, that is a
    reference to a secret.

    >>> Generated("db").to_json()
    {'kind': 'generated', 'name': 'db'}
    """

    kind: ClassVar = "generated"
    name: str
    alphabet: str | None = None
    reveal: bool = False


_KINDS: dict[str, type[Probe]] = {
    cls.kind: cls
    for cls in (
        *(Stat, Read, List, User, Group, AccountName, AccountNumber, Query, Run),
        Generated,
    )
}


def from_json(data: Mapping[str, Any]) -> Probe:
    """The probe that `to_json` made `data` from; raises `ValueError` for anything else.

    >>> from_json({"kind": "stat", "path": "/etc"})
    Stat(path='/etc', follow=False)
    """
    return restore(data, _KINDS)


@attrs.frozen
class Unknown:
    """The answer that only the run will bring.

    >>> Unknown("the command decides it").why
    'the command decides it'
    """

    why: str = ""
    """What decides it."""
    secret: bool = False
    """Whether it will hold one: then what it replaces is not shown."""


def is_error(answer: Answer | Unknown) -> TypeGuard[dict[str, str]]:
    """Whether the host could not answer.

    >>> is_error({"error": "permission denied"})
    True
    """
    return isinstance(answer, dict) and len(answer) == 1 and "error" in answer


class Answers(Mapping[Probe, Answer]):
    """Answers by probe, as `Resource.observe` reads them.

    >>> Answers({Group("adm"): {"gid": 4}})[Group("adm")]
    {'gid': 4}
    """

    __slots__ = ("_by_probe",)

    def __init__(self, by_probe: Mapping[Probe, Answer]) -> None:
        self._by_probe = by_probe

    def __getitem__(self, probe: Probe) -> Answer:
        return self._by_probe[probe]

    def __iter__(self) -> Any:
        return iter(self._by_probe)

    def __len__(self) -> int:
        return len(self._by_probe)


def is_known(answer: Answer | Unknown) -> bool:
    """Whether the answer is known when the plan is made.

    >>> is_known(None), is_known(Unknown("not asked"))
    (True, False)
    """
    return not isinstance(answer, Unknown)
