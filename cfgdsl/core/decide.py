"""What to do about one change, and what the host will answer afterwards.

Used when a plan is made, and again during a run for the steps that the plan left open.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.diff import Change, compare
from cfgdsl.core.ops import Op
from cfgdsl.core.predict import Identity, World
from cfgdsl.core.probes import Answer, Answers, Probe, Unknown, is_known
from cfgdsl.core.resource import Resource, is_absent
from cfgdsl.runner import wire


@attrs.frozen
class Decision:
    """Ops, and the digest of the answers that they lead to; None: only the run can tell."""

    ops: tuple[Op, ...]
    want: str | None = attrs.field(repr=False)
    before: Resource | None = None
    """As it was found."""
    answers: tuple[Answer | Unknown, ...] = attrs.field(default=(), repr=False)


def digest_of(answers: Iterable[Answer]) -> str:
    """The digest of answers, as the runner computes it.

    >>> digest_of([None]) == digest_of([{"text": "not counted"}])
    False
    """
    return str(wire.digest(list(answers)))


def refined(
    resource: Resource, answers: Mapping[Probe, Answer], *, known: bool = True
) -> tuple[Resource, Mapping[Probe, Answer]]:
    """What is wanted, given what was found, and the answers to what that asks.

    `known`: whether that is how it will be found. Raises `ImpossibleError` when nothing can be made
    of it.
    """
    wanted = resource.refine(Answers(answers) if known else None)
    if wanted is resource:
        return resource, answers
    world = World(answers)
    return wanted, {probe: world.answer(probe) for probe in wanted.probes()}


def _difference(resource: Resource, found: Mapping[Probe, Answer]) -> Change[Resource]:
    wanted, answers = refined(resource, found)
    return compare(wanted, wanted.observe(Answers(answers)))


def decide(change: Change[Any], world: World, probes: Sequence[Probe]) -> Decision:
    """The ops for `change`; `world` is taken to the state after them.

    Raises `ImpossibleError` when the change cannot be made from this world.
    """
    ops = change.desired.ops(change)
    for op in ops:
        world.apply(op)
    answers = tuple(world.answer(probe) for probe in probes)
    want = digest_of(answers) if all(map(is_known, answers)) else None
    return Decision(ops, want, change.before, answers)


def decide_open(
    resource: Resource, probes: Sequence[Probe], answers: Sequence[Answer], identity: Identity
) -> Decision | None:
    """What an open step does, from what the run has found; None: nothing.

    Nothing is to be done where it is as declared already, and where its condition, among the
    `probes` because the plan could not tell, is false. Raises `ImpossibleError`.
    """
    found = dict(zip(probes, answers, strict=True))
    condition = resource.only_if
    asked = condition is not None and condition.probe in found
    if condition is not None and asked and not condition.holds(found[condition.probe]):
        return None
    change = _difference(resource, found)
    if not change.is_needed:
        return None
    return decide(change, World(found, identity), probes)


def differences(
    resource: Resource, probes: Sequence[Probe], answers: Sequence[Answer]
) -> tuple[str, ...]:
    """What still differs from the declaration after a step; empty: it is proven."""
    change = _difference(resource, dict(zip(probes, answers, strict=True)))
    if not change.is_needed:
        return ()
    if is_absent(change.before):
        return ("it is not there",)
    if not change.fields:
        return ("it is still there",)
    return tuple(f"{c.name} is {c.before!r}, not {c.after!r}" for c in change.fields)
