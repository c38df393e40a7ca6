"""The predicted world: what probes will answer after the steps planned so far.

An overlay over the answers of the real host. File ops predict themselves here; a `Run` says its own
effects, so that nothing in this module ever learns what a command means. What only the run can
tell is `Unknown`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.footprint import folder_of, parents
from cfgdsl.core.ops import Discard, Generate, Link, Mkdir, Op, Put, Remove, Run, SetAttrs
from cfgdsl.core.overlay import KEPT, PathOverlay
from cfgdsl.core.probes import (
    AccountName,
    AccountNumber,
    Answer,
    Generated,
    Group,
    List,
    Probe,
    Query,
    Read,
    Stat,
    Unknown,
    User,
    is_error,
    is_known,
)

_SECRET = Unknown("a secret decides it")
_KIND_WORDS = {"dir": "directory", "link": "symbolic link", "other": "special file"}


@attrs.frozen
class Identity:
    """Whom the runner acts as: owner of what is made without an explicit one."""

    user: str = "root"
    group: str = "root"


class World:
    """Answers to probes, as the steps applied so far will leave them.

    >>> folder = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}
    >>> world = World({Stat("/srv", follow=True): folder, Stat("/srv/www"): None})
    >>> world.apply(Mkdir("/srv/www", mode=0o750))
    >>> world.answer(Stat("/srv/www"))["mode"] == 0o750
    True
    """

    def __init__(self, base: Mapping[Probe, Answer], identity: Identity | None = None) -> None:
        self._base = base
        self._identity = identity or Identity()
        self._paths = PathOverlay(base)
        self._over: dict[Probe, Answer | Unknown] = {}
        self._told: dict[Probe, Answer | Unknown] = {}
        self._generated: dict[str, Generate | Discard] = {}

    def answer(self, probe: Probe) -> Answer | Unknown:
        """What `probe` will answer now."""
        if isinstance(probe, Stat | Read | List):
            return self._at_path(probe)
        if probe in self._told:
            return self._told[probe]
        if probe in self._over:
            return self._over[probe]
        if isinstance(probe, Generated) and probe.name in self._generated:
            return _made_by(self._generated[probe.name], probe)
        if isinstance(probe, Query) and probe.when is not None:
            first = self.answer(probe.when)
            if first is not None:
                return None if is_known(first) else first
        return self._base.get(probe, Unknown("not asked"))

    def _at_path(self, probe: Stat | Read | List) -> Answer | Unknown:
        match probe:
            case Stat(path, follow):
                return self._named(self._paths.stat(path, follow=follow))
            case Read():
                return self._paths.read(probe)
            case List(path):
                return self._paths.names(path)

    def is_base(self, probe: Probe) -> bool:
        """Whether the answer is still the host's own."""
        if isinstance(probe, Stat | Read):
            end = self._paths.end_of(probe.path) if probe.follow else probe.path
            return self._paths.node(end) is None
        if isinstance(probe, List):
            return self._paths.node(probe.path) is None
        made = isinstance(probe, Generated) and probe.name in self._generated
        return not made and probe not in self._over and probe not in self._told

    def tell(self, effects: Mapping[Probe, Answer | Unknown]) -> None:
        """For now, until told otherwise: what shared tasks do for the resource that is planned.

        The next resource must see the world without, or it would not ask for its share.
        """
        self._told = dict(effects)

    def apply(self, op: Op) -> None:
        """Take in what `op` will do; raises `ImpossibleError` when it cannot work."""
        match op:
            case Put():
                self._put(op)
            case Mkdir():
                self._mkdir(op)
            case Link():
                self._link(op)
            case SetAttrs():
                self._set_attrs(op)
            case Remove():
                self._remove(op)
            case Run():
                self._run(op)
            case Generate() | Discard():
                self._generated[op.name] = op
            case _:
                raise TypeError(f"no prediction for {op!r}")

    def _put(self, op: Put) -> None:
        path = self._paths.end_of(op.path) if op.follow else op.path
        self._need_parent(path)
        self._need_owner(op.owner, op.group)
        now = self._paths.stat(op.path, follow=op.follow)
        if isinstance(now, dict) and now.get("kind") == "dir":
            raise ImpossibleError(f"{path} is a directory, not a file")
        kept = now if isinstance(now, dict) and now.get("kind") == "file" else {}
        content = _SECRET if op.content.is_sealed else op.content
        self._paths.set(path, self._attributes("file", path, op, now=now, kept=kept), content)

    def _mkdir(self, op: Mkdir) -> None:
        if op.parents:
            self._make_parents(op.path)
        self._need_parent(op.path)
        self._need_owner(op.owner, op.group)
        now = self._paths.stat(op.path)
        if isinstance(now, Unknown) and self._paths.stat(op.path, follow=True) is None:
            now = None  # a link that leads nowhere would be in the way
        kept = now if isinstance(now, dict) else {}
        if kept.get("kind", "dir") != "dir":
            raise ImpossibleError(f"{op.path} is a {_kind_of(kept)}, not a directory")
        self._paths.set(op.path, self._attributes("dir", op.path, op, now=now, kept=kept), None)

    def _link(self, op: Link) -> None:
        self._need_parent(op.path)
        self._need_owner(op.owner, op.group)
        now = self._paths.stat(op.path)
        kept = now if isinstance(now, dict) else {}
        if kept.get("kind", "link") != "link":
            raise ImpossibleError(f"{op.path} is a {_kind_of(kept)}, not a symbolic link")
        owner, group = self._default_owner(op.path)
        stat = {
            "kind": "link",
            "target": op.to,
            "owner": op.owner or kept.get("owner", owner),
            "group": op.group or kept.get("group", group),
        }
        self._paths.set(op.path, stat, None)

    def _set_attrs(self, op: SetAttrs) -> None:
        self._need_owner(op.owner, op.group)
        path = self._paths.end_of(op.path) if op.follow else op.path
        now = self._paths.stat(op.path, follow=op.follow)
        if now is None:
            raise ImpossibleError(f"there is nothing at {path}, and nothing in the plan makes it")
        if not isinstance(now, dict):
            return
        changes = {"mode": op.mode, "owner": op.owner, "group": op.group}
        known = {k: v for k, v in changes.items() if v is not None and k in now}
        node = self._paths.node(path)
        self._paths.set(path, {**now, **known}, node.content if node is not None else KEPT)

    def _remove(self, op: Remove) -> None:
        inside = self._paths.names(op.path)
        if not op.recursive and isinstance(inside, dict) and inside.get("names"):
            raise ImpossibleError(
                f"{op.path} is not empty: it holds {_some_of(inside)}",
                hint="Remove what is in it too, or all of it at once with recursive=True.",
            )
        self._paths.remove(op.path)

    def _run(self, op: Run) -> None:
        for probe, answer in op.effects:
            if isinstance(probe, Stat):
                end = self._paths.end_of(probe.path) if probe.follow else probe.path
                self._paths.set(end, answer, _content_beside(answer))
            elif isinstance(probe, List):
                self._paths.fill(probe.path, answer)
            elif not isinstance(probe, Read):
                self._told.pop(probe, None)
                self._over[probe] = answer
        for probe, answer in op.effects:
            if isinstance(probe, Read):
                self._paths.set(probe.path, self._paths.stat(probe.path), _content_from(answer))

    def blur(self, probes: Iterable[Probe]) -> None:
        """What only the run can tell from here on."""
        unknown = Unknown("an earlier step decides it")
        for probe in probes:
            if isinstance(probe, Stat | Read):
                self._paths.set(probe.path, unknown, unknown)
            elif isinstance(probe, List):
                self._paths.fill(probe.path, unknown)
            else:
                self._over[probe] = unknown

    def _attributes(
        self, kind: str, path: str, op: Put | Mkdir, *, now: Answer | Unknown, kept: dict[str, Any]
    ) -> Answer | Unknown:
        """How `path` is after `op`; what the op leaves open stays, or is as for new entries."""
        if isinstance(now, Unknown) and None in {op.mode, op.owner, op.group}:
            return now
        owner, group = self._default_owner(path)
        mode = kept.get("mode", 0o755 if kind == "dir" else 0o644)
        return {
            "kind": kind,
            "mode": mode if op.mode is None else op.mode,
            "owner": op.owner or kept.get("owner", owner),
            "group": op.group or kept.get("group", group),
        }

    def _named(self, stat: Answer | Unknown) -> Answer | Unknown:
        """Numbers of owners that have, or will have, a name, by that name."""
        if not isinstance(stat, dict):
            return stat
        for database, field in (("user", "owner"), ("group", "group")):
            number = stat.get(field, "")
            if number.isdecimal():
                answer = self.answer(AccountName(database, int(number)))
                if isinstance(answer, dict) and "name" in answer:
                    stat = {**stat, field: answer["name"]}
        return stat

    def _default_owner(self, path: str) -> tuple[str, str]:
        """What a new entry gets: the runner's user, and its group or that of a setgid folder."""
        parent = self._paths.stat(folder_of(path), follow=True)
        if isinstance(parent, dict) and parent.get("mode", 0) & 0o2000:
            return self._identity.user, parent["group"]
        return self._identity.user, self._identity.group

    def _make_parents(self, path: str) -> None:
        folders = [key.removeprefix("path:") for key in reversed(parents(path))]
        missing = [self._paths.stat(folder, follow=True) is None for folder in folders]
        if any(missing):  # then all below are missing too, asked for or not
            for folder in folders[missing.index(True) :]:
                self.apply(Mkdir(folder))

    def _need_parent(self, path: str) -> None:
        folder = folder_of(path)
        answer = self._paths.stat(folder, follow=True)
        if answer is None:
            raise ImpossibleError(
                f"its folder {folder} does not exist, and nothing in the plan makes it",
                hint=f'Declare Directory("{folder}").',
            )
        if isinstance(answer, dict) and not is_error(answer) and answer.get("kind") != "dir":
            raise ImpossibleError(f"{folder} is a {_kind_of(answer)}, not a directory")

    def _need_owner(self, owner: str | None, group: str | None) -> None:
        for account in (User(owner) if owner else None, Group(group) if group else None):
            if account is None or account.name.isdecimal():
                continue
            found = self._owner(account)
            if is_error(found):
                raise ImpossibleError(
                    found["error"], hint="Leave it out, or name an account of this machine."
                )
            if found is None:
                what, name = account.kind, account.name
                raise ImpossibleError(
                    f"there is no {what} {name!r} on the host, and nothing in the plan makes it",
                    hint=f'Declare {what.capitalize()}("{name}").',
                )

    def _owner(self, account: User | Group) -> Answer | Unknown:
        """Whether files can belong to it: as this plan leaves it, else as the host says."""
        number = AccountNumber(account.kind, account.name)
        if self.is_base(account) and number in self._base:
            return self._base[number]
        found = self.answer(account)
        return Unknown("it has no accounts") if is_error(found) else found


def _made_by(op: Generate | Discard, probe: Generated) -> Answer:
    """The answer about a generated secret after `op`; its value only the run brings."""
    if isinstance(op, Discard):
        return None
    fits = {} if probe.alphabet is None else {"fits": set(op.alphabet) <= set(probe.alphabet)}
    return {"length": op.length, "text": None, **fits}


def _kind_of(stat: Mapping[str, Any]) -> str:
    kind = str(stat.get("kind"))
    return _KIND_WORDS.get(kind, kind)


def _some_of(listing: Mapping[str, Any]) -> str:
    """A few of the names in a folder, and how many more there are."""
    names, shown = listing["names"], listing["names"][:3]
    left = f"at least {len(names) - 2}" if listing["more"] else f"{len(names) - 3}"
    return ", ".join(shown) + (f" and {left} more" if len(names) > 3 else "")


def _content_beside(stat: Answer | Unknown) -> Unknown | None:
    """The content at a path of which a command's effects say only how it is."""
    if isinstance(stat, Unknown):
        return stat
    is_file = stat is not None and stat.get("kind") == "file"
    return Unknown("a command writes it") if is_file else None


def _content_from(answer: Answer | Unknown) -> Content | Unknown | None:
    """The content that an answer to `Read` stands for."""
    if answer is None or isinstance(answer, Unknown):
        return answer
    text = answer.get("text")
    return Content(answer["sha256"], answer["size"], data=None if text is None else text.encode())
