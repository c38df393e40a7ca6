"""What everything that lives at a path has in common: whom it waits for, and its attributes."""

import functools
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from cfgdsl import Answers, Change, Footprint, Probe, keys, ops, probes


class Owned(Protocol):
    """What has a path, an owner and a group."""

    @property
    def path(self) -> str: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def group(self) -> str | None: ...


def parent(path: str) -> probes.Stat:
    """The question for the folder of a path."""
    return _folder(posixpath.dirname(path))


@functools.lru_cache(maxsize=4096)
def _folder(path: str) -> probes.Stat:
    return probes.Stat(path, follow=True)


def above(path: str) -> Iterator[str]:
    """All folders above a path, nearest first, without the root.

    >>> list(above("/srv/www/a"))
    ['/srv/www', '/srv']
    """
    return (key.removeprefix("path:") for key in keys.parents(path))


def footprint(
    thing: Owned, *, reads: tuple[str, ...] = (), makes_parents: bool = False
) -> Footprint:
    """Writes its path; comes after its folders, its owner and its group."""
    folder = (keys.path(posixpath.dirname(thing.path)), parent(thing.path))
    return Footprint(
        writes=(keys.path(thing.path),),
        reads=(
            *keys.parents(thing.path),
            *((keys.user(thing.owner),) if thing.owner else ()),
            *((keys.group(thing.group),) if thing.group else ()),
            *reads,
        ),
        awaits=(*(() if makes_parents else (folder,)), *_accounts(thing)),
        makes=keys.parents(thing.path) if makes_parents else (),
    )


def _accounts(thing: Owned) -> Iterator[tuple[str, Probe]]:
    """Owner and group that must exist: asked for, but no part of the state of the path itself, so
    that a step is not left open because a new user's uid is not known yet."""
    if thing.owner is not None and not thing.owner.isdecimal():
        yield keys.user(thing.owner), probes.AccountNumber("user", thing.owner)
    if thing.group is not None and not thing.group.isdecimal():
        yield keys.group(thing.group), probes.AccountNumber("group", thing.group)


def numbers(thing: Owned) -> tuple[probes.AccountName, ...]:
    """The question who has each number that is given as an owner: hosts answer with names."""
    given = (("user", thing.owner), ("group", thing.group))
    return tuple(probes.AccountName(kind, int(a)) for kind, a in given if a and a.isdecimal())


def found_attributes(thing: Owned, stat: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    """Mode, owner and group from an answer, a number as declared; a link has no mode."""
    found = {name: stat.get(name) for name in ("mode", "owner", "group")}
    for probe in numbers(thing):
        field = "owner" if probe.database == "user" else "group"
        answer: Mapping[str, str] | None = answers[probe]
        if answer is not None and answer["name"] == found[field]:
            found[field] = str(probe.number)
    return found


class Replacing(Protocol):
    """What may take the place of another kind of thing."""

    @property
    def path(self) -> str: ...
    @property
    def absent(self) -> bool: ...
    @property
    def replace(self) -> bool: ...
    @property
    def recursive(self) -> bool: ...


def check_replacing(thing: Replacing) -> None:
    """Refuse to replace something by nothing."""
    if thing.absent and thing.replace:
        raise ValueError("replace=True and absent=True contradict each other")


def content_of_replaced(thing: Replacing) -> tuple[probes.List, ...]:
    """The question what is in a directory that may go only when it is empty."""
    return (probes.List(thing.path),) if thing.replace and not thing.recursive else ()


def cleared(thing: Replacing, found: str) -> tuple[ops.Remove, ...]:
    """The op that takes away what is `found` in its place, if anything is."""
    return (ops.Remove(thing.path, recursive=thing.recursive),) if found else ()


def in_place(change: Change[Any]) -> str:
    """What kind of thing is to be replaced; empty: none."""
    found: str = "" if change.before is None else change.before.in_place
    return found


def replaces(change: Change[Any]) -> str:
    """The reason of a change that replaces another kind of thing; empty: there is none."""
    found = in_place(change)
    return f"replaces {KINDS[found]}" if found else ""


def stat_of(answers: Answers, probe: probes.Stat) -> dict[str, Any] | None:
    """The answer to a `Stat`, typed."""
    answer: dict[str, Any] | None = answers[probe]
    return answer


def set_attributes(change: Change[Any], *, follow: bool = False) -> ops.SetAttrs:
    """The op that changes the attributes which differ, and those alone."""
    values = {
        name: getattr(change.desired, name)
        for name in ("mode", "owner", "group")
        if change.touches(name)
    }
    found = change.before.mode if change.before is not None else None
    if "mode" not in values and found is not None and found & 0o6000:
        values["mode"] = found  # chown(2) clears setuid and setgid
    return ops.SetAttrs(change.desired.path, **values, follow=follow)


KINDS = {
    "file": "a file",
    "dir": "a directory",
    "link": "a symbolic link",
    "other": "a device, socket or pipe",
}
"""How the kinds in an answer are called in errors."""
