"""Edits: resources that each say a part of one file, folded into the one that writes it.

Whatever edits a path, and the file declared there if there is one, become one resource, one step,
one diff and one write. The file is the base; edits follow in declaration order, or as `after=` says
between them. Each must still hold in the result: two that undo each other are an error that names
both lines.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from cfgdsl.core.edits import (
    Edit,
    EditConflict,
    Folded,
    declared_state,
    edited_text,
    is_edit,
    text_of,
    with_content,
)
from cfgdsl.core.errors import Diagnostic, ImpossibleError
from cfgdsl.core.inputs import outputs_in
from cfgdsl.core.order import topological_order
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource, is_absent

Components = Mapping[str, Sequence[str]]


@attrs.frozen
class FoldedResources:
    """The resources of one target, each path written by one of them."""

    resources: tuple[Resource, ...]
    parts: Mapping[str, tuple[Resource, ...]]
    """By identity of each folded file: what was declared of it, in the order of its application."""
    problems: tuple[Diagnostic, ...] = ()


def fold(resources: tuple[Resource, ...], components: Components) -> FoldedResources:
    """One resource in place of all that say something of one file; others stay as they are.

    >>> from cfgdsl_stdlib import File, Line
    >>> edited = (File("/etc/motd", content="hello\\n"), Line("/etc/motd", "world"))
    >>> [r.content.text for r in fold(edited, {}).resources]
    ['hello\\nworld\\n']
    """
    edited: dict[tuple[type, str], list[Resource]] = {}
    for resource in filter(is_edit, resources):
        edit = cast("Edit", resource)
        edited.setdefault((type(edit.whole_file()), edit.path), []).append(resource)
    if not edited:
        return FoldedResources(resources, {})
    bases: dict[tuple[type, str], Resource] = {}
    for resource in resources:
        place = (type(resource), getattr(resource, "path", ""))
        if place in edited:
            bases.setdefault(place, resource)
    return _replaced(resources, edited, bases, components)


def _replaced(
    resources: tuple[Resource, ...],
    edited: Mapping[tuple[type, str], list[Resource]],
    bases: Mapping[tuple[type, str], Resource],
    components: Components,
) -> FoldedResources:
    """Each folded file at the place of the first of its parts."""
    place_of = {resource.identity: number for number, resource in enumerate(resources)}
    of_part: dict[str, Resource | None] = {}
    parts: dict[str, tuple[Resource, ...]] = {}
    problems: list[Diagnostic] = []
    for place, edits in edited.items():
        base = bases.get(place)
        declared = edits if base is None else [base, *edits]
        order, wrong = _in_order(declared, components)
        wrong = wrong or _unfit(declared, base)
        file = base or cast("Edit", edits[0]).whole_file()
        if not wrong:
            file, wrong = _folded(file, declared=base is not None, parts=order)
        problems += wrong
        parts[file.identity] = tuple(order or declared)
        first = min(declared, key=lambda part: place_of[part.identity])
        of_part.update({part.identity: None for part in declared})
        of_part[first.identity] = file
    kept = (of_part.get(resource.identity, resource) for resource in resources)
    return FoldedResources(tuple(r for r in kept if r is not None), parts, tuple(problems))


def _in_order(
    parts: Sequence[Resource], components: Components
) -> tuple[list[Resource], list[Diagnostic]]:
    """Declaration order, but for what `after=` says; the file comes before its edits."""
    position = {part.identity: number for number, part in enumerate(parts)}
    successors: list[list[int]] = [[] for _ in parts]
    for number, part in enumerate(parts):
        if not is_edit(part):
            successors[number] += [n for n in range(len(parts)) if n != number]
        for reference in part.after:
            named = reference.source if isinstance(reference, Output) else reference
            identity = getattr(named, "identity", named)
            for other in components.get(identity, (identity,)):
                if position.get(other, number) != number or identity == part.identity:
                    successors[position[other]].append(number)
    order = topological_order(successors)
    if len(order) == len(parts):
        return [parts[number] for number in order], []
    stuck = [part for number, part in enumerate(parts) if number not in order]
    names = ", ".join(part.identity for part in stuck)
    return [], [
        Diagnostic(
            summary=f"parts of one file wait for each other: {names}",
            hint="Remove an after=. A file comes before its edits.",
            origins=tuple(part.origin for part in stuck),
        )
    ]


def _unfit(parts: Sequence[Resource], base: Resource | None) -> list[Diagnostic]:
    """What cannot be folded at all."""
    origins = tuple(part.origin for part in parts)
    problems = [
        Diagnostic(
            summary=f"{name} is known only after apply, which no part of an edited file can be",
            hint="Give the output to a File that has no edits.",
            address=part.identity,
            origins=(part.origin,),
        )
        for part in parts
        for name, _ in outputs_in(part)
    ]
    problems += [
        Diagnostic(
            summary="an edit has no on_drop=: what it edits is not its own",
            hint="Declare it absent to take it away, or give on_drop= to the file.",
            address=part.identity,
            origins=(part.origin,),
        )
        for part in parts
        if part.on_drop is not None and part is not base
    ]
    if base is not None and is_absent(base):
        problems.append(
            Diagnostic(
                summary=f"is declared absent, and edited by {parts[1].identity}",
                hint="Remove one of them.",
                address=base.identity,
                origins=origins[:2],
            )
        )
    if len({part.only_if for part in parts}) > 1:
        problems.append(
            Diagnostic(
                summary="parts of one file have different only_if= conditions",
                detail="They become one write, which is made or skipped as a whole.",
                hint="Give all of them the same, or use a plain `if` on host.facts.",
                address=parts[0].identity,
                origins=origins,
            )
        )
    return problems


def _folded(
    file: Resource, *, declared: bool, parts: Sequence[Resource]
) -> tuple[Resource, list[Diagnostic]]:
    """The one resource that writes the file; it is the first of the parts, if `declared`."""
    edits = parts[1:] if declared else parts
    common = {
        "tags": tuple(dict.fromkeys(tag for part in parts for tag in part.tags)),
        "retries": max(part.retries for part in parts),
        "timeout": max((part.timeout for part in parts if part.timeout), default=None),
        "protect": any(part.protect for part in parts),
        "only_if": parts[0].only_if,
    }
    file = file.observed(**common)
    content = getattr(file, "content", None)
    try:
        if content is not None:
            return with_content(file, edits, text_of(content)), []
        edited_text(edits, "")
    except ImpossibleError as error:
        # Without a content, what they need may be in what is found; a conflict stays one.
        if content is not None or isinstance(error, EditConflict):
            return file, [
                Diagnostic(
                    summary=error.summary,
                    hint=error.hint,
                    address=file.identity,
                    origins=error.origins or (file.origin,),
                )
            ]
    create = declared or any(cast("Edit", edit).create for edit in edits)
    states = {"create": create, "declared": declared, "says": tuple(map(declared_state, parts))}
    return file.implied(Folded, file, tuple(edits), **states, **common), []
