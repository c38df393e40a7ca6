"""The predicted world: what probes will answer after the steps planned so far.

An overlay over the answers of the real host. File ops predict themselves here; a `Run` says its own
effects, so that nothing in this module ever learns what a command means. What only the run can
tell is `Unknown`.
"""

import posixpath
from collections.abc import Iterable, Mapping
from functools import singledispatchmethod
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.ops import Link, Mkdir, Op, Put, Remove, Run, SetAttrs
from cfgdsl.core.probes import Answer, Group, Probe, Read, Stat, Unknown, User, is_error

_MAX_LINKS = 40


@attrs.frozen
class Node:
    """A path that an earlier step makes, changes or removes."""

    stat: Answer | Unknown
    content: Content | Unknown | None = None


@attrs.frozen
class Identity:
    """Whom the runner acts as: owner of what is made without an explicit one."""

    user: str = "root"
    group: str = "root"


class World:
    """Answers to probes, as the steps applied so far will leave them.

    >>> world = World(
    ...     {
    ...         Stat("/srv", follow=True): {
    ...             "kind": "dir",
    ...             "mode": 0o755,
    ...             "owner": "root",
    ...             "group": "root",
    ...         },
    ...         Stat("/srv/www"): None,
    ...     }
    ... )
    >>> world.apply(Mkdir("/srv/www", mode=0o750))
    >>> world.answer(Stat("/srv/www"))["mode"] == 0o750
    True
    """

    def __init__(self, base: Mapping[Probe, Answer], identity: Identity | None = None) -> None:
        self._base = base
        self._identity = identity or Identity()
        self._over: dict[Probe, Answer | Unknown] = {}
        self._nodes: dict[str, Node] = {}
        self._removed: set[str] = set()

    def answer(self, probe: Probe) -> Answer | Unknown:
        """What `probe` will answer now."""
        match probe:
            case Stat(path, follow):
                return self._stat(path, follow=follow)
            case Read(path):
                return self._read(probe)
        if probe in self._over:
            return self._over[probe]
        return self._base.get(probe, Unknown("not asked"))

    def is_base(self, probe: Probe) -> bool:
        """Whether the answer is still the host's own."""
        if isinstance(probe, Stat | Read):
            return probe.path not in self._nodes and not self._under_removed(probe.path)
        return probe not in self._over

    def _stat(self, path: str, *, follow: bool, depth: int = 0) -> Answer | Unknown:
        node = self._nodes.get(path)
        if node is None:
            if self._under_removed(path):
                return None
            probe = Stat(path, follow=follow)
            if probe not in self._base and follow:
                probe = Stat(path)  # the same, unless it is a link
                answer = self._base.get(probe, Unknown("not asked"))
                return Unknown("not asked") if _is_link(answer) else answer
            return self._base.get(probe, Unknown("not asked"))
        if follow and isinstance(node.stat, dict) and _is_link(node.stat) and depth < _MAX_LINKS:
            target = posixpath.normpath(
                posixpath.join(posixpath.dirname(path), node.stat["target"])
            )
            return self._stat(target, follow=True, depth=depth + 1)
        return node.stat

    def _read(self, probe: Read) -> Answer | Unknown:
        node = self._nodes.get(probe.path)
        if node is None:
            return (
                None
                if self._under_removed(probe.path)
                else self._base.get(probe, Unknown("not asked"))
            )
        if isinstance(node.content, Unknown):
            return (
                self._base.get(probe, node.content) if node.content.why == "kept" else node.content
            )
        if node.content is None:
            return None
        shown = node.content.sha256 != probe.unless and node.content.size <= probe.up_to
        return {
            "sha256": node.content.sha256,
            "size": node.content.size,
            "text": node.content.text if shown else None,
        }

    def _under_removed(self, path: str) -> bool:
        if not self._removed:
            return False
        while path not in {"/", ""}:
            if path in self._removed:
                return True
            path = posixpath.dirname(path)
        return False

    @singledispatchmethod
    def apply(self, op: Op) -> None:
        """Take in what `op` will do; raises `ImpossibleError` when it cannot work."""
        raise TypeError(f"no prediction for {op!r}")

    @apply.register
    def _(self, op: Put) -> None:
        self._need_parent(op.path)
        self._need_owner(op.owner, op.group)
        now = self._stat(op.path, follow=op.follow)
        kept = now if isinstance(now, dict) and now.get("kind") == "file" else {}
        unknown = isinstance(now, Unknown) and None in {op.mode, op.owner, op.group}
        stat: Answer | Unknown = (
            now if unknown else self._attributes("file", op, default_mode=0o644, kept=kept)
        )
        self._set(op.path, Node(stat, op.content))

    @apply.register
    def _(self, op: Mkdir) -> None:
        if op.parents:
            self._make_parents(op)
        else:
            self._need_parent(op.path)
        self._need_owner(op.owner, op.group)
        self._set(op.path, Node(self._attributes("dir", op, default_mode=0o755, kept={})))

    @apply.register
    def _(self, op: Link) -> None:
        self._need_parent(op.path)
        self._need_owner(op.owner, op.group)
        now = self._stat(op.path, follow=False)
        if isinstance(now, dict) and now.get("kind") not in {"link", None}:
            raise ImpossibleError(f"{op.path} is a {now['kind']}, not a link")
        owner, group = self._default_owner(op.path)
        kept = now if isinstance(now, dict) else {}
        stat = {
            "kind": "link",
            "target": op.to,
            "owner": op.owner or kept.get("owner") or owner,
            "group": op.group or kept.get("group") or group,
        }
        self._set(op.path, Node(stat))

    @apply.register
    def _(self, op: SetAttrs) -> None:
        self._need_owner(op.owner, op.group)
        now = self._stat(op.path, follow=False)
        if not isinstance(now, dict):
            return
        changes = {"mode": op.mode, "owner": op.owner, "group": op.group}
        stat = {**now, **{k: v for k, v in changes.items() if v is not None}}
        old = self._nodes.get(op.path)
        self._set(op.path, Node(stat, old.content if old else Unknown("kept")))

    @apply.register
    def _(self, op: Remove) -> None:
        self._nodes = (
            {p: n for p, n in self._nodes.items() if not p.startswith(op.path + "/")}
            if op.recursive
            else self._nodes
        )
        self._nodes[op.path] = Node(None)
        self._removed.add(op.path)

    @apply.register
    def _(self, op: Run) -> None:
        for probe, answer in op.effects:
            if isinstance(probe, Stat):
                content = answer if isinstance(answer, Unknown) else None
                self._set(probe.path, Node(answer, content))
            else:
                self._over[probe] = answer

    def blur(self, probes: Iterable[Probe]) -> None:
        """What only the run can tell from here on."""
        for probe in probes:
            unknown = Unknown("an earlier step decides it")
            if isinstance(probe, Stat | Read):
                self._set(probe.path, Node(unknown, unknown))
            else:
                self._over[probe] = unknown

    def _set(self, path: str, node: Node) -> None:
        self._nodes[path] = node

    def _attributes(
        self, kind: str, op: Put | Mkdir, *, default_mode: int, kept: dict[str, Any]
    ) -> dict[str, Any]:
        owner, group = self._default_owner(op.path)
        return {
            "kind": kind,
            "mode": op.mode if op.mode is not None else kept.get("mode", default_mode),
            "owner": op.owner or kept.get("owner", owner),
            "group": op.group or kept.get("group", group),
        }

    def _default_owner(self, path: str) -> tuple[str, str]:
        """What a new entry gets: the runner's user, and its group or that of a setgid folder."""
        parent = self._stat(posixpath.dirname(path), follow=True)
        if isinstance(parent, dict) and parent.get("mode", 0) & 0o2000:
            return self._identity.user, parent["group"]
        return self._identity.user, self._identity.group

    def _make_parents(self, op: Mkdir) -> None:
        missing = []
        folder = posixpath.dirname(op.path)
        while folder not in {"/", ""} and self._stat(folder, follow=True) is None:
            missing.append(folder)
            folder = posixpath.dirname(folder)
        for path in reversed(missing):
            attributes = self._attributes("dir", Mkdir(path), default_mode=0o755, kept={})
            self._set(path, Node(attributes))

    def _need_parent(self, path: str) -> None:
        folder = posixpath.dirname(path)
        answer = self._stat(folder, follow=True)
        if answer is None:
            raise ImpossibleError(
                f"its folder {folder} does not exist, and nothing in the plan makes it",
                hint=f'Declare Directory("{folder}").',
            )
        if isinstance(answer, dict) and not is_error(answer) and answer.get("kind") != "dir":
            raise ImpossibleError(f"{folder} is a {answer['kind']}, not a directory")

    def _need_owner(self, owner: str | None, group: str | None) -> None:
        for kind, name in ((User, owner), (Group, group)):
            if name is None or name.isdigit():
                continue
            if kind(name) in self._base and self.answer(kind(name)) is None:
                what = kind.kind
                raise ImpossibleError(
                    f"there is no {what} {name!r} on the host, and nothing in the plan makes it",
                    hint=f'Declare {what.capitalize()}("{name}").',
                )


def _is_link(answer: Answer | Unknown) -> bool:
    return isinstance(answer, dict) and answer.get("kind") == "link"
