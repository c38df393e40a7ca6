"""Directories: that they are there, and who may enter them."""

import posixpath
from typing import Any, ClassVar, Self

from cfgdsl import (
    AbsPath,
    Answers,
    Change,
    Field,
    Footprint,
    ImpossibleError,
    Mode,
    Op,
    Owner,
    Probe,
    Resource,
    field,
    key,
    ops,
    probes,
    resource,
)
from cfgdsl_stdlib import _paths


@resource("directory")
class Directory(Resource):
    """A directory; what is in it stays as it is.

    Example:
        >>> Directory("/srv/www", mode="0755", parents=True).key
        '/srv/www'
    """

    path: Field[AbsPath] = key(kw_only=False)
    """Where it is."""
    mode: Field[Mode | None, int | str | None] = field(default=None, kw_only=True)
    """Permission bits, ``0o755`` or ``"0755"``; default: kept, 0755 when new."""
    owner: Field[Owner | None, str | int | None] = field(default=None, kw_only=True)
    """Its user, by name; default: kept, the connecting user when new."""
    group: Field[Owner | None, str | int | None] = field(default=None, kw_only=True)
    """Its group, by name; default: kept, the connecting user's when new."""
    parents: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether missing directories above it are made too, with mode 0755; default: no, their absence
    is an error."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist. One that would not be empty by then is refused, unless
    `recursive`."""
    recursive: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether `absent` removes it with all that is in it; links in it are not followed."""
    replace: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a file or symbolic link in its place is removed first; default: no, that is an
    error."""

    displaces: ClassVar = frozenset({"file", "symlink"})
    in_place: ClassVar[str] = ""
    """On an observed one: what kind of thing is to be replaced."""

    def complete(self) -> dict[str, Any]:
        """Only a removal can be recursive; the root stays."""
        if self.recursive and not self.absent:
            raise ValueError("recursive=True is for absent=True only")
        _paths.check_replacing(self)
        if self.absent and self.path == "/":
            raise ValueError("path is the root directory, which cannot be absent")
        return {}

    def footprint(self) -> Footprint:
        """Writes its path, after its folders, owner and group.

        With `parents` it waits for no folder, and makes those on the way.
        """
        return _paths.footprint(self, makes_parents=self.parents)

    def probes(self) -> tuple[Probe, ...]:
        """What is there, and whether its folder is; what is in one that is removed only if empty.

        With `parents` the folders above are no part of its state: another step may make them first.
        """
        if self.absent:
            inside = () if self.recursive else (probes.List(self.path),)
            return (probes.Stat(self.path), *inside)
        parent = () if self.parents else (_paths.parent(self.path),)
        return (probes.Stat(self.path), *parent, *_paths.numbers(self))

    def hints(self) -> tuple[Probe, ...]:
        """With `parents`, what of the folders above is there already."""
        above = _paths.above(self.path) if self.parents and not self.absent else ()
        return tuple(probes.Stat(folder, follow=True) for folder in above)

    def observe(self, answers: Answers) -> Self | None:
        """The directory as found."""
        stat = _paths.stat_of(answers, probes.Stat(self.path))
        if stat is None:
            return None
        if self.replace and stat["kind"] in {"file", "link"}:
            return self.observed(absent=True, in_place=stat["kind"])
        if stat["kind"] != "dir":
            name = posixpath.basename(self.path)
            raise ImpossibleError(
                f"{self.path} is {_paths.KINDS[stat['kind']]}, not a directory",
                hint=f"Declare the directory that {name} leads to."
                if stat["kind"] == "link"
                else f'Remove it first: File("{self.path}", absent=True).'
                if self.absent
                else "Remove it first, or say replace=True.",
            )
        return self.observed(absent=False, **_paths.found_attributes(self, stat, answers))

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """Make it, remove it, or set what differs."""
        if change.desired.absent:
            return (ops.Remove(self.path, recursive=self.recursive),)
        found = _paths.in_place(change)
        if change.before is not None and not found:
            return (_paths.set_attributes(change),)
        made = ops.Mkdir(self.path, self.mode, self.owner, self.group, parents=self.parents)
        return (*_paths.cleared(self, found), made)

    def reason(self, change: Change[Self]) -> str:
        """What it replaces."""
        return _paths.replaces(change)
