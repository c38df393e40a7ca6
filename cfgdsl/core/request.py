"""What a plan is made from, what one asks about, and what it comes with."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.dropped import Drops
from cfgdsl.core.exchange import Export, Exports, Foreign
from cfgdsl.core.expected import Expected
from cfgdsl.core.graph import Graph, build
from cfgdsl.core.inputs import known_part, may_wait
from cfgdsl.core.plan import HostPlan
from cfgdsl.core.predict import Identity
from cfgdsl.core.probes import Probe
from cfgdsl.core.record import HostRecord
from cfgdsl.core.resource import Resource


@attrs.frozen(kw_only=True)
class Request:
    """What a host's plan is made from, besides its answers."""

    host: str
    graph: Graph
    components: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """The identities in each component."""
    identity: Identity = attrs.field(factory=Identity)
    machine_id: str | None = None
    asked: tuple[Probe, ...] = ()
    """The questions that came with the one for the record; after a run they are asked once more."""
    record: HostRecord = attrs.field(factory=HostRecord)
    """What the host's record says of all this."""
    owns: bool = False
    """Whether what is declared gets an owner: the configuration has a name."""
    drops: Drops = attrs.field(factory=Drops)
    """What becomes of what is no longer declared; its resources are in the graph."""
    selected: Callable[[Resource], bool] = lambda _: True
    """Which resources may change in this plan (`--tags`); others are left as they are."""
    foreign: Foreign = lambda *_: Export()
    """What is known of the resources of other hosts."""
    recorded_outputs: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    """What the host's record keeps of outputs that commands brought in earlier runs: by identity,
    the values by name."""
    prepare: Callable[[Resource], Resource] = lambda resource: resource
    """Resolves references to contents in what an output has become."""
    exporting: bool = False
    """Whether other hosts may ask for outputs of this one."""


@attrs.frozen
class Planned:
    """A host's plan; the resource behind each step, for what is decided during the run; and what
    each closed step expects to find."""

    plan: HostPlan
    resources: Mapping[int, Resource]
    expected: Mapping[int, Expected] = attrs.field(factory=dict)
    graph: Graph = attrs.field(factory=lambda: build((), {}), repr=False)
    """With the edges that only the answers brought."""
    export: Callable[[str], Export] = attrs.field(factory=Exports, repr=False)
    """What other hosts may know of a resource, by its identity."""
    unasked: tuple[Probe, ...] = ()
    """Questions that turned up when outputs became known: with the answers, the plan says more."""


def questions(resources: Iterable[Resource]) -> tuple[Probe, ...]:
    """Every probe that planning `resources` needs, each once."""
    found: dict[Probe, None] = {}
    for resource in resources:
        found.update(dict.fromkeys((*resource.probes(), *_hints(resource))))
        found.update((probe, None) for _, probe in resource.footprint().awaits)
        if resource.only_if is not None:
            found[resource.only_if.probe] = None
    return tuple(found)


def _hints(resource: Resource) -> tuple[Probe, ...]:
    return (known_part(resource) if may_wait(resource) else resource).hints()
