"""What the planner does with one resource, small enough to see through, for tables of types."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest

from cfgdsl import Answers, Change, ConfigurationError, ImpossibleError, Probe, Resource, probes
from cfgdsl.core.diff import compare
from cfgdsl.core.predict import World

R = TypeVar("R", bound=Resource)
Given = Mapping[Any, Any]

ROOT: dict[str, Any] = {"mode": 0o755, "owner": "root", "group": "root"}


def folder(**values: Any) -> dict[str, Any]:
    return {"kind": "dir", **ROOT, **values}


def regular(**values: Any) -> dict[str, Any]:
    return {"kind": "file", **ROOT, "mode": 0o644, **values}


def link(target: str) -> dict[str, Any]:
    return {"kind": "link", "target": target, "owner": "root", "group": "root"}


def account(**values: Any) -> dict[str, Any]:
    entry = {"uid": 1000, "group": "deploy", "comment": "", "home": "/home/deploy"}
    return {**entry, "shell": "/bin/sh", "groups": [], **values}


def change_of(resource: R, given: Given) -> Change[R]:
    """The change that is planned."""
    return compare(resource, resource.observe(Answers(given)))


def decided(resource: Resource, given: Given) -> list[dict[str, Any]]:
    """The ops of the planned change, as they go over the wire."""
    change = change_of(resource, given)
    return [op.to_json() for op in resource.ops(change)] if change.is_needed else []


def argvs(resource: Resource, given: Given) -> list[str]:
    """The commands of the planned change, each as one line."""
    return [" ".join([*op["argv"], *op.get("items", ())]) for op in decided(resource, given)]


def after(resource: Resource, given: Given) -> dict[Probe, Any] | None:
    """The answers after the planned ops; None when one of them is known only then."""
    world = World(given)
    change = change_of(resource, given)
    if change.is_needed:
        for op in resource.ops(change):
            world.apply(op)
    answers = {probe: world.answer(probe) for probe in resource.probes()}
    known = not any(isinstance(answer, probes.Unknown) for answer in answers.values())
    return answers if known else None


def assert_converges(resource: Resource, given: Given) -> bool:
    """Once applied, nothing is left to do; whether that could be foreseen."""
    answers = after(resource, given)
    if answers is not None:
        assert not change_of(resource, answers).is_needed, change_of(resource, answers)
    return answers is not None


def refusal(declare: Callable[[], object]) -> str:
    """The message of a bad declaration, without the line."""
    with pytest.raises(ConfigurationError) as caught:
        declare()
    assert all(d.origins for d in caught.value.diagnostics)
    return "; ".join(d.summary for d in caught.value.diagnostics)


def impossible(resource: Resource, given: Given) -> tuple[str, str]:
    """Why the change cannot be made, and the hint."""
    with pytest.raises(ImpossibleError) as caught:
        decided(resource, given)
    return caught.value.summary, caught.value.hint
