"""Symbolic links."""

import posixpath
from typing import Any, ClassVar, Self

from cfgdsl import (
    AbsPath,
    Answers,
    Change,
    Field,
    Footprint,
    ImpossibleError,
    Op,
    Owner,
    Probe,
    Resource,
    field,
    key,
    keys,
    ops,
    probes,
    resource,
)
from cfgdsl_stdlib import _checks, _paths


@resource("symlink")
class Symlink(Resource):
    """A symbolic link. One that leads elsewhere is replaced, anything else only when asked.

    Example:
        >>> Symlink("/srv/current", to="releases/42").to
        'releases/42'
    """

    path: Field[AbsPath] = key(kw_only=False)
    """Where it is."""
    to: Field[str | None] = field(default=None, kw_only=True)
    """What it leads to, absolute or relative to its folder; need not exist."""
    owner: Field[Owner | None, str | int | None] = field(default=None, kw_only=True)
    """The user of the link itself; default: kept, the connecting user when new."""
    group: Field[Owner | None, str | int | None] = field(default=None, kw_only=True)
    """The group of the link itself; default: kept, the connecting user's when new."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist. Anything but a link in its place is never removed."""
    replace: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a file or an empty directory in its place is removed first; default: no, that is an
    error."""
    recursive: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether `replace` removes a directory with all that is in it; default: only an empty one."""

    displaces: ClassVar = frozenset({"file", "directory"})
    in_place: ClassVar[str] = ""
    """On an observed one: what kind of thing is to be replaced."""

    def complete(self) -> dict[str, Any]:
        """A link leads somewhere, in the open."""
        if not self.absent and not self.to:
            raise ValueError("needs to=, the path that it leads to")
        _paths.check_replacing(self)
        if self.recursive and not self.replace:
            raise ValueError("recursive=True is for replace=True only")
        _checks.no_secret("to", self.to)
        return {}

    def footprint(self) -> Footprint:
        """Writes its path; comes after what it leads to."""
        if self.absent or self.to is None:
            return _paths.footprint(self)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), self.to))
        return _paths.footprint(self, reads=(keys.path(target),))

    def probes(self) -> tuple[Probe, ...]:
        """What is there, and whether its folder is."""
        if self.absent:
            return (probes.Stat(self.path),)
        return (probes.Stat(self.path), _paths.parent(self.path), *_paths.numbers(self))

    def hints(self) -> tuple[Probe, ...]:
        """What is in a directory that it replaces."""
        return _paths.content_of_replaced(self)

    def observe(self, answers: Answers) -> Self | None:
        """The link as found."""
        stat = _paths.stat_of(answers, probes.Stat(self.path))
        if stat is None:
            return None
        if self.replace and stat["kind"] in {"file", "dir"}:
            return self.observed(absent=True, in_place=stat["kind"])
        if stat["kind"] != "link":
            raise ImpossibleError(
                f"{self.path} is {_paths.KINDS[stat['kind']]}, not a symbolic link",
                hint="Move it away." if self.absent else "Move it away, or say replace=True.",
            )
        found = _paths.found_attributes(self, stat, answers)
        return self.observed(
            absent=False, to=stat["target"], owner=found["owner"], group=found["group"]
        )

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """Put the link in place: atomically, where nothing or a link is there."""
        if change.desired.absent or self.to is None:
            return (ops.Remove(self.path),)
        found = _paths.in_place(change)
        link = ops.Link(self.path, self.to, self.owner, self.group)
        return (*_paths.cleared(self, found), link)

    def reason(self, change: Change[Self]) -> str:
        """What it replaces."""
        return _paths.replaces(change)
