"""Puts the secrets of a plan in place, in memory, when it is about to be executed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.decide import digest_of
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.plan import Step
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.probes import is_known
from cfgdsl.core.record import applied_digest
from cfgdsl.core.request import Planned
from cfgdsl.core.resource import Resource
from cfgdsl.core.saved import secret_contents
from cfgdsl.core.saved_host import secrets_of
from cfgdsl.core.saved_values import own_probes, with_contents
from cfgdsl.core.secret import Secret, has_marks, secrets_in
from cfgdsl.engine.contents import revealed
from cfgdsl.engine.vault import Vault


def fetch_secrets(
    needed: Mapping[Secret, Diagnostic], vault: Vault, ask: Callable[[Collection[Secret]], None]
) -> None:
    """Fetch every secret that executing needs, before anything is changed anywhere.

    `ask` has hosts tell those that they have generated. Raises `ConfigurationError` with all that
    cannot be had, and what needs each.
    """
    problems = []
    ask(needed)
    for secret, about in needed.items():
        try:
            vault.value(secret)
        except ConfigurationError as error:
            (problem,) = error.diagnostics
            told = attrs.evolve(about, summary=problem.summary, hint=problem.hint)
            detail = f"{problem.detail}\nNothing was changed anywhere.".strip()
            problems.append(attrs.evolve(told, detail=detail))
    if problems:
        raise ConfigurationError(*problems)


def needed_secrets(prepared: Iterable[Prepared]) -> dict[Secret, Diagnostic]:
    """Every secret that executing needs, and where it is first needed."""
    needed: dict[Secret, Diagnostic] = {}
    for each in prepared:
        for secret, about in _needed(each):
            needed.setdefault(secret, about)
    return needed


def _needed(prepared: Prepared) -> Iterator[tuple[Secret, Diagnostic]]:
    planned, host = prepared.planned, prepared.host
    if not planned.plan.steps:
        return
    for secret in secrets_of(host):
        yield secret, Diagnostic(summary="", address=host.name, origins=(host.origin,))
    for step in planned.plan.steps:
        resource = planned.resources.get(step.id) if step.is_open else None
        for text in (*_texts(step.ops or ()), *_held(resource)):
            for secret in secrets_in(text):
                yield secret, Diagnostic(summary="", address=step.address, origins=(step.origin,))


def _texts(ops: Sequence[Op]) -> Iterator[str]:
    for op in ops:
        yield from _marked(op.to_json())
        if isinstance(op, Put):
            yield op.content.shown or ""


def _held(resource: Resource | None) -> Iterator[str]:
    for slot in type(resource).slots_ if resource is not None else ():
        value = getattr(resource, slot.name)
        yield from _marked(getattr(value, "shown", value))


def _marked(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if has_marks(value):
            yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _marked(item)
    elif isinstance(value, Mapping):
        for item in (*value, *value.values()):
            yield from _marked(item)


def unsealed(planned: Planned, vault: Vault) -> Planned:
    """The same with the bytes of every secret content: questions, ops and what they lead to."""
    resources = dict(planned.resources)
    steps = []
    for step in planned.plan.steps:
        resource = resources.get(step.id)
        ready = step
        if resource is not None:
            known = with_contents(resource, lambda content: revealed(content, vault))
            if known is not resource:
                resources[step.id] = known
                ready = _noting(_asking(step, resource, known), known)
        steps.append(_writing(ready, planned, vault))
    if all(ready is step for ready, step in zip(steps, planned.plan.steps, strict=True)):
        return planned
    plan = attrs.evolve(planned.plan, steps=tuple(steps))
    return attrs.evolve(planned, plan=plan, resources=resources)


def _asking(step: Step, before: Resource, now: Resource) -> Step:
    """`step` with the questions of its resource as it is now; its own condition stays."""
    own = own_probes(before)
    if step.probes[: len(own)] != own:
        return step  # a task, which has its own
    return attrs.evolve(step, probes=(*own_probes(now), *step.probes[len(own) :]))


def _noting(step: Step, resource: Resource) -> Step:
    """`step` with the digest of what it applies, for the record of the host."""
    if step.record is None:
        return step
    note = attrs.evolve(step.record, applied=applied_digest(resource))
    return attrs.evolve(step, record=note)


def _writing(step: Step, planned: Planned, vault: Vault) -> Step:
    """`step` with the contents of its ops, and the digest of what they lead to."""
    if not any(isinstance(op, Put) and op.content.is_sealed for op in step.ops or ()):
        return step
    ops = tuple(
        attrs.evolve(op, content=revealed(op.content, vault)) if isinstance(op, Put) else op
        for op in step.ops or ()
    )
    expected = planned.expected.get(step.id)
    after = expected.fill(secret_contents(ops)) if expected is not None else ()
    want = digest_of(after) if after and all(map(is_known, after)) else None
    return attrs.evolve(step, ops=ops, want=want)
