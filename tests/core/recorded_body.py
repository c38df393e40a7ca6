"""A machine that knows who made what, and whether its daemons have read their newest files."""

import contextlib
import errno
import os
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Self

import attrs

from cfgdsl import Resource, ops
from cfgdsl.core.content import Content

from .machine import FailedError, Machine
from .recorded_kinds import BEGAN


class KilledError(BaseException):
    """The run, and all that it had in memory, is gone."""


@attrs.define
class Trouble:
    """What happens to a run, counted in moments, tries and writes of the journal."""

    kill: int | None = None
    """The moment at which it is killed."""
    lost: int = 0
    """Of what is not durable then, so many bytes are lost, at most all."""
    fail: int | None = None
    """The op that fails."""
    full: int | None = None
    """The write of the journal that finds the disk full."""
    order: int = 0
    """In which order what runs at the same time comes along."""
    moments: int = 0
    tried: int = 0
    writes: int = 0

    def within(self, free: "Trouble") -> "Trouble":
        """The same, at a place that a run has which went as `free` did."""
        return attrs.evolve(
            self,
            kill=_within(self.kill, free.moments),
            fail=_within(self.fail, free.tried),
            full=_within(self.full, free.writes),
        )

    def moment(self) -> None:
        """Something has just happened; this may be the end."""
        self.moments += 1
        if self.moments - 1 == self.kill:
            raise KilledError

    def attempt(self) -> None:
        """An op is about to be done."""
        self.tried += 1
        if self.tried - 1 == self.fail:
            raise FailedError("it fails this time")

    def write(self) -> None:
        """The journal is about to be written."""
        self.writes += 1
        if self.writes - 1 == self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _within(place: int | None, places: int) -> int | None:
    return None if place is None else place % max(places, 1)


@attrs.define(repr=False)
class Body(Machine):
    """A machine that knows who made what, and which daemon has not read its newest files."""

    clock: float = 100.0
    boots: int = 1
    began: dict[str, float] = attrs.field(factory=dict)
    sent: dict[str, bytes] = attrs.field(factory=dict)
    """Contents that came with a run, by digest."""
    kept: dict[str, bytes] = attrs.field(factory=dict)
    """Copies of contents that were overwritten or deleted."""
    watched: dict[str, frozenset[str]] = attrs.field(factory=dict)
    """The paths that each unit, or command, watches according to the latest declaration."""
    behind: dict[str, set[str]] = attrs.field(factory=dict)
    """Which of them were changed by a run since it was started."""
    made: set[str] = attrs.field(factory=set)
    """Keys of what runs made as its resource, and nobody has removed since."""
    claimed: set[str] = attrs.field(factory=set)
    """Keys that a run was about to make when nothing was there, for as long as they are owned."""

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        printer.text(repr(self))

    def __repr__(self) -> str:
        return f"Body({self.state})"

    def copy(self) -> Self:
        """Another one that is just the same."""
        fields = [f.name.lstrip("_") for f in attrs.fields(type(self))]
        values = {name: _copied(getattr(self, name)) for name in fields}
        return type(self)(**values)

    @property
    def state(self) -> dict[str, Any]:
        """What converges: all but times and counts."""
        names = ("paths", "users", "packages", "units")
        return {name: _copied(getattr(self, name)) for name in names}

    @property
    def keys(self) -> dict[str, Any]:
        """Whatever is there, by footprint key."""
        found: dict[str, Any] = {f"path:{path}": dict(n) for path, n in self.paths.items()}
        found |= {f"user:{name}": shell for name, shell in self.users.items()}
        found |= {f"unit:{name}": state for name, state in self.units.items()}
        return found | {f"package:{name}": True for name in self.packages}

    def tick(self) -> float:
        """Later than ever before."""
        self.clock = round(self.clock + 0.001, 3)
        return self.clock

    def do(self, op: ops.Op, writes: Sequence[str], *, ours: bool) -> None:
        """Perform an op of a run whose step writes these keys; `ours`: what it makes is owned."""
        before = self.keys
        old = self.paths.get(getattr(op, "path", ""), {}).get("data")
        if old is not None:
            content = Content.of(old)
            self.kept[content.sha256] = old
        if isinstance(op, ops.Put):
            sha256 = op.content.sha256
            data = self.sent[sha256] if sha256 in self.sent else self.kept[sha256]
            op = attrs.evolve(op, content=attrs.evolve(op.content, data=data))
        self.tick()
        try:
            for each in _one_by_one(op):
                self.perform(each)
        finally:
            after = self.keys
            self.made &= after.keys()
            if ours:
                self.made |= (after.keys() - before.keys()).intersection(writes)
            changed = {key for key in before | after if before.get(key) != after.get(key)}
            for watcher, paths in self.watched.items():
                kind, _, name = watcher.partition(":")
                runs = kind != "unit" or self.units.get(name) == "active"
                missed = {path for path in paths if f"path:{path}" in changed}
                if runs and missed:
                    self.behind.setdefault(watcher, set()).update(missed)

    def by_hand(self, change: Callable[["Body"], object]) -> None:
        """Somebody else changes something; it fails where it cannot be."""
        self.tick()
        with contextlib.suppress(FailedError, KeyError, AssertionError):
            change(self)
        self.made &= self.keys.keys()

    def reboot(self) -> None:
        """All that ran starts anew; the clock, too."""
        self.boots += 1
        self.clock = 1.0
        self.stale.clear()
        for name in [name for name, state in self.units.items() if state == "active"]:
            self._begin(name)

    def _begin(self, name: str) -> None:
        self.starts[name] = self.starts.get(name, 0) + 1
        self.began[name] = self.tick()
        self.behind.pop(f"unit:{name}", None)

    def _run(self, *argv: str) -> None:
        super()._run(*argv)
        self.behind.pop(f"command:{' '.join(argv)}", None)

    def _service(self, verb: str, name: str = "") -> None:
        if verb == "try-restart" and self.units[name] == "active":
            verb = "restart"
        if verb in {"start", "stop"}:
            super()._service(verb, name)
        if verb in {"start", "restart"}:
            assert name not in self.stale, "systemd would start it from its old files"
            self._begin(name)
        if verb == "stop":
            self.behind.pop(f"unit:{name}", None)
        if verb == "reload-units":
            self.stale.clear()

    def _row(self, argv: tuple[str, ...], name: str) -> Any:
        if argv != ("svc", "show"):
            return super()._row(argv, name)
        if name not in self.units:
            return None
        began = round(self.began.get(name, 0) * 1e6)
        return {"Start": str(self.starts.get(name, 0)), BEGAN: str(began)}

    def lacks(self, resource: Any, edited: Container[str] = ()) -> str:
        if resource.kind == "tiny-daemon":
            found = self.units.get(resource.name)
            well = found is not None and resource.running in {None, found == "active"}
            return "" if well and resource.name not in self.stale else resource.identity
        if resource.kind == "tiny-folder":
            return "" if self._is_folder(resource) else resource.identity
        return super().lacks(resource, edited)

    def _is_folder(self, resource: Any) -> bool:
        node = self.paths.get(resource.path)
        if node is None or resource.absent:
            return node is None and bool(resource.absent)
        return (
            node["kind"] == "dir"
            and resource.mode in {None, node["mode"]}
            and resource.owner in {None, node["owner"]}
        )


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    return value.copy() if isinstance(value, set | list) else value


def _one_by_one(op: ops.Op) -> list[ops.Op]:
    """The machine's commands take one item; these may have several."""
    if isinstance(op, ops.Run) and len(op.items) > 1:
        return [attrs.evolve(op, items=(item,)) for item in op.items]
    return [op]


@attrs.frozen(repr=False)
class Configuration:
    """What is declared: resources, and new identities by old ones."""

    resources: tuple[Resource, ...]
    moved: Mapping[str, str] = attrs.field(factory=dict)

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        printer.text(repr(self))

    def __repr__(self) -> str:
        told = ", ".join(map(_told, self.resources))
        return f"Configuration([{told}]{f', moved={self.moved}' if self.moved else ''})"

    @property
    def watched(self) -> dict[str, frozenset[str]]:
        """The paths that each unit and each command watches."""
        found = {}
        for each in self.resources:
            causes = getattr(each, "restart_on", None) or getattr(each, "on_change", None) or ()
            argv = " ".join(getattr(each, "argv", ()))
            name = f"command:{argv}" if argv else f"unit:{getattr(each, 'name', '')}"
            paths = frozenset(c.path for c in causes if hasattr(c, "path"))
            if paths:
                found[name] = paths
        return found


def _told(resource: Resource) -> str:
    """As it was declared, for who reads a history that breaks a promise."""
    said = {
        slot.name: getattr(resource, slot.name) for slot in type(resource).fields_.by_name.values()
    }
    defaults = type(resource).fields_.defaults
    given = {n: v for n, v in said.items() if n in ("path", "name", "argv") or v != defaults.get(n)}
    shown = (f"{n}={v.data if isinstance(v, Content) else v!r}" for n, v in given.items())
    return f"{type(resource).__name__}({', '.join(shown)})"
