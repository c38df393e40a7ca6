"""Ops: effects on a target, as values. A small closed set; what each does stands in
`cfgdsl.runner.wire.OPS`.

>>> Mkdir("/srv/www", mode=0o755).to_json()
{'kind': 'mkdir', 'path': '/srv/www', 'mode': 493}
"""

import shlex
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.probes import Answer, Probe, Unknown
from cfgdsl.core.wire_value import WireValue, restore, wire_value

Effects: TypeAlias = tuple[tuple[Probe, Answer | Unknown], ...]
"""What a command will make of the answers to probes; `Unknown` where only the run can tell."""


@attrs.frozen
class Op(WireValue):
    """The base of the closed set of ops.

    >>> isinstance(Remove("/etc/motd"), Op)
    True
    """


@wire_value
class Put(Op):
    """Create or replace a regular file atomically, with its final owner and mode from the start.

    None keeps what the replaced file has; a new one gets 0644 and the runner's user. ``"%s"`` in
    `validate` stands for the new file before it goes live.

    >>> Put("/etc/motd", Content.of("hello"), mode=0o644).to_json()["size"]
    5
    """

    kind: ClassVar = "put"
    path: str
    content: Content
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    validate: tuple[str, ...] | None = None
    follow: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the wire has it: the content by digest and size."""
        data = WireValue.to_json(self)
        data.pop("content")
        if self.content.secret:
            data["secret"] = True
        return {**data, "sha256": self.content.sha256, "size": self.content.size}


@wire_value
class Mkdir(Op):
    """Create a directory.

    >>> Mkdir("/srv/a/b", parents=True).to_json()
    {'kind': 'mkdir', 'path': '/srv/a/b', 'parents': True}
    """

    kind: ClassVar = "mkdir"
    path: str
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    parents: bool = False


@wire_value
class Link(Op):
    """Create a symbolic link, or replace one.

    >>> Link("/srv/current", "v2").to_json()
    {'kind': 'link', 'path': '/srv/current', 'to': 'v2'}
    """

    kind: ClassVar = "link"
    path: str
    to: str
    owner: str | None = None
    group: str | None = None


@wire_value
class SetAttrs(Op):
    """Set mode, owner or group of what is there; None leaves it.

    >>> SetAttrs("/srv", owner="deploy").to_json()
    {'kind': 'set_attrs', 'path': '/srv', 'owner': 'deploy'}
    """

    kind: ClassVar = "set_attrs"
    path: str
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    follow: bool = False


@wire_value
class Remove(Op):
    """Delete a file, a link, an empty directory, or, when `recursive`, a tree.

    `secret`: it held a secret, so no copy of it is kept.

    >>> Remove("/srv", recursive=True).to_json()
    {'kind': 'remove', 'path': '/srv', 'recursive': True}
    """

    kind: ClassVar = "remove"
    path: str
    recursive: bool = False
    secret: bool = False


@wire_value
class Run(Op):
    """Run ``argv + items``; those alike but for `items` that are ready together become one command.

    `effects` say what it will make of probes; `brings` that paths, units and users that nobody
    declared may appear (a package, an archive). `ok`: exit codes of success. `timeout`: seconds.
    `capture`: the name of the output that what it prints becomes, without newlines at the end.

    >>> describe(Run(("apt-get", "install", "-y", "--"), ("nginx",)))
    'run apt-get install -y -- nginx'
    """

    kind: ClassVar = "run"
    private: ClassVar = frozenset({"effects", "brings"})
    argv: tuple[str, ...]
    items: tuple[str, ...] = ()
    cwd: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    stdin: str | None = None
    timeout: float | None = None
    ok: tuple[int, ...] = (0,)
    effects: Effects = ()
    brings: bool = False
    capture: str | None = None


@wire_value
class Generate(Op):
    """Make a secret at random: `length` characters of `alphabet`, kept in a file of its own in the
    project's record on the host; what is there stays.

    >>> describe(Generate("db", length=32, alphabet="0123456789abcdef"))
    'generate db (secret)'
    """

    kind: ClassVar = "generate"
    name: str
    length: int
    alphabet: str


@wire_value
class Discard(Op):
    """Delete a secret that `Generate` has made.

    >>> describe(Discard("db"))
    'discard db (secret)'
    """

    kind: ClassVar = "discard"
    name: str


def describe(op: Op) -> str:
    """One line for people: what `--verbose` shows.

    >>> describe(Link("/srv/current", "v 2"))
    "link /srv/current -> 'v 2'"
    """
    match op:
        case Run():
            return f"run {shlex.join((*op.argv, *op.items))}"
        case Put(path, Content(secret=True)):
            return f"put {shlex.quote(path)} (secret)"
        case Put(path):
            return f"put {shlex.quote(path)} ({op.content.size} bytes)"
        case Link(path, to):
            return f"link {shlex.quote(path)} -> {shlex.quote(to)}"
        case Generate(name) | Discard(name):
            return f"{op.kind} {shlex.quote(name)} (secret)"
    return f"{op.kind.replace('_', ' ')} {shlex.quote(getattr(op, 'path', ''))}"


def from_json(data: Mapping[str, Any]) -> Op:
    """The op that `to_json` made `data` from; raises `ValueError` for anything else.

    A content comes back by its digest, without its bytes.

    >>> from_json({"kind": "remove", "path": "/etc/motd"})
    Remove(path='/etc/motd', recursive=False, secret=False)
    """
    if data.get("kind") != Put.kind:
        return restore(data, KINDS)
    fields = {name: value for name, value in data.items() if name not in {*_CONTENT, "secret"}}
    by_digest = all(name in data for name in _CONTENT)
    content = Content(*(data[name] for name in _CONTENT)) if by_digest else Content.hidden()
    return restore({**fields, "content": content}, KINDS)


_CONTENT = ("sha256", "size")

KINDS: Mapping[str, type[Op]] = {
    cls.kind: cls for cls in (Put, Mkdir, Link, SetAttrs, Remove, Run, Generate, Discard)
}
