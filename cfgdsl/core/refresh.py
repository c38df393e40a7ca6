"""Tasks: steps that belong to no single resource. Work shared before (an index update, a
daemon-reload), and refreshes owed after changes of others (a restart, a reload, a handler)."""

from typing import Any

import attrs

from cfgdsl.core.ops import Op
from cfgdsl.core.probes import Probe


@attrs.frozen(kw_only=True)
class Task:
    """One such step, as a resource asks for it; the planner merges equal ones.

    >>> Task(name="restart", ops=(), causes=("file:/etc/motd",)).shared
    False
    """

    name: str
    """`restart`, `reload`: a refresh of the resource. With `shared`: what the step is called."""
    ops: tuple[Op, ...]
    causes: tuple[Any, ...] = ()
    """Resources, components or identities; due when one of them changes. Empty: always due."""
    cause_keys: tuple[str, ...] = ()
    """Footprint keys; due when a step that writes one of these changes."""
    shared: bool = False
    """One for the whole target, whoever asks."""
    first: bool = False
    """Before the step of the resource that asks; else after it."""
    sure: bool = True
    """Whether it is needed for sure once a cause changes; else it is a possible step."""
    since: str | None = None
    """Which field in the answer to the first proof says since when what it refreshes runs, in
    microseconds of the monotonic clock: started after its last cause, it needs no refresh."""
    proof: tuple[Probe, ...] = ()
    """Probes whose answers must differ afterwards (a new invocation); empty: the exit status is
    proof."""
