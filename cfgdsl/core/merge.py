"""What several declarations on one target may not be: the same thing twice, differently."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.footprint import Footprint, parents
from cfgdsl.core.inputs import host_of
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource, is_absent

_UNITED = ("after", "tags")
"""What two declarations of one thing may each say: both hold."""


def merge_equal(resources: Iterable[Resource]) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    """One resource of each identity, and a problem for each declared twice, differently.

    The same thing declared twice alike (by two components that both need it) is one resource, with
    the `after=` and `tags=` of both.
    """
    merged: dict[str, Resource] = {}
    problems = []
    for resource in resources:
        known = merged.setdefault(resource.identity, resource)
        if known is resource:
            continue
        differing = _differing(known, resource)
        if differing:
            problems.append(
                Diagnostic(
                    summary=f"declared twice, with different {', '.join(differing)}",
                    hint="Keep one of them, or give one another id=.",
                    address=resource.identity,
                    origins=(known.origin, resource.origin),
                )
            )
        else:
            merged[resource.identity] = _united(known, resource)
    return tuple(merged.values()), problems


def writers_of(
    resources: Sequence[Resource], footprints: Sequence[Footprint]
) -> tuple[dict[str, int], list[Diagnostic]]:
    """Who writes each key (its position), and a problem for each key that two resources write.

    Of a key that one makes and another edits, the latter is the writer: it comes last.
    """
    writers: dict[str, int] = {}
    problems = []
    for index, footprint in enumerate(footprints):
        for key in footprint.writes:
            known = writers.setdefault(key, index)
            if known == index or _makes_for(footprint, footprints[known], key):
                continue
            if _makes_for(footprints[known], footprint, key):
                writers[key] = index
            else:
                one, other = resources[known], resources[index]
                problems.append(
                    Diagnostic(
                        summary=f"{one.identity} and {other.identity} both write {key}",
                        hint="Keep one owner of each thing.",
                        origins=(one.origin, other.origin),
                    )
                )
    return writers, problems


def _makes_for(maker: Footprint, editor: Footprint, key: str) -> bool:
    return maker.brings and key in editor.edits


def needed_but_absent(
    resources: Sequence[Resource], footprints: Sequence[Footprint], writers: Mapping[str, int]
) -> list[Diagnostic]:
    """A problem for each resource that needs what another declares absent: a run would undo it."""
    removed = {key: resources[i] for key, i in writers.items() if is_absent(resources[i])}
    return [
        Diagnostic(
            summary=f"needs {key}, which {removed[key].identity} declares absent",
            hint="Declare both absent, or none.",
            address=resource.identity,
            origins=(resource.origin, removed[key].origin),
        )
        for resource, footprint in zip(resources, footprints, strict=True)
        if removed and not is_absent(resource)
        for key in _needed(footprint)
        if key in removed
    ]


def _needed(footprint: Footprint) -> Iterator[str]:
    """The keys that must exist, and the folders above them."""
    for key, _ in footprint.awaits:
        yield key
        if key.startswith("path:"):
            yield from parents(key.removeprefix("path:"))


def _differing(one: Resource, other: Resource) -> list[str]:
    return [
        slot.name
        for slot in type(one).slots_
        if slot.name not in _UNITED
        and _comparable(getattr(one, slot.name)) != _comparable(getattr(other, slot.name))
    ]


def _united(one: Resource, other: Resource) -> Resource:
    after = {_comparable(value): value for value in (*one.after, *other.after)}
    tags = dict.fromkeys((*one.tags, *other.tags))
    return one.observed(after=tuple(after.values()), tags=tuple(tags))


def _comparable(value: Any) -> Any:
    """What stands for a field value in comparisons: outputs have none, resources are names."""
    match value:
        case Output():
            made_of = [(host_of(s.source), s.source.identity, s.name) for s in value.sources]
            return (Output, tuple(made_of), _comparable(value.shape), value.functions)
        case Mapping():
            return tuple((name, _comparable(item)) for name, item in value.items())
        case Resource():
            return (Resource, host_of(value), value.identity)
        case list() | tuple():
            return tuple(_comparable(item) for item in value)
    return value
