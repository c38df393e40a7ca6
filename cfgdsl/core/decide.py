"""What to do about one change, and what the host will answer afterwards.

Used when a plan is made, and again during a run for the steps that the plan left open.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from cfgdsl.core.diff import Change, compare
from cfgdsl.core.ops import Op
from cfgdsl.core.predict import Identity, World
from cfgdsl.core.probes import Answer, Answers, Probe, Unknown
from cfgdsl.core.resource import Resource
from cfgdsl.runner import wire


@attrs.frozen
class Decision:
    """Ops, and the digest of the answers that they lead to; None: only the run can tell."""

    ops: tuple[Op, ...]
    want: str | None


def is_known(answer: Answer | Unknown) -> bool:
    """Whether the answer is known when the plan is made."""
    return not isinstance(answer, Unknown)


def digest_of(answers: Iterable[Answer]) -> str:
    """The digest of answers, as the runner computes it."""
    return wire.digest(list(answers))


def decide(change: Change[Any], world: World, probes: Sequence[Probe]) -> Decision:
    """The ops for `change`; `world` is taken to the state after them.

    Raises `ImpossibleError` when the change cannot be made from this world.
    """
    ops = change.desired.ops(change)
    for op in ops:
        world.apply(op)
    answers = [world.answer(probe) for probe in probes]
    return Decision(ops, digest_of(answers) if all(map(is_known, answers)) else None)


def decide_open(
    resource: Resource, probes: Sequence[Probe], answers: Sequence[Answer], identity: Identity
) -> Decision | None:
    """What an open step does, from what the run has found; None: it is as declared already."""
    found = dict(zip(probes, answers, strict=True))
    change = compare(resource, resource.observe(Answers(found)))
    if not change.is_needed:
        return None
    return decide(change, World(found, identity), probes)


def differences(
    resource: Resource, probes: Sequence[Probe], answers: Sequence[Answer]
) -> tuple[str, ...]:
    """What still differs from the declaration after a step; empty: it is proven."""
    found = Answers(dict(zip(probes, answers, strict=True)))
    change = compare(resource, resource.observe(found))
    if not change.is_needed:
        return ()
    if not change.fields:
        return (f"{change.action} is still needed",)
    return tuple(f"{c.name} is {c.before!r}, not {c.after!r}" for c in change.fields)
