"""What resources give each other: values of outputs, on one host and across hosts, as far as a plan
knows them, and the gates that steps wait at for resources of other hosts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from cfgdsl.core.barriers import Barriers, members_of
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.graph import Graph
from cfgdsl.core.host_plan import Barrier
from cfgdsl.core.inputs import host_of, may_wait, outputs_in, sources_of, substituted
from cfgdsl.core.ops import Op
from cfgdsl.core.predict import World
from cfgdsl.core.probes import Answers, is_error, is_known
from cfgdsl.core.resource import Resource, is_absent


@attrs.frozen
class Export:
    """What other hosts may know of one resource.

    >>> Export().is_pending
    False
    """

    steps: frozenset[int] = frozenset()
    """The steps of its host after which it is as declared."""
    gates: frozenset[str] = frozenset()
    """Addresses of resources of further hosts that it waits for itself."""
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """Its outputs, as they will be by then, where the plan knows them."""
    is_outside: bool = False
    """Whether its host is only observed: nothing there changes in this run."""
    unseen: str = ""
    """Why its host, outside, could not be observed."""
    is_planned: bool = True
    """False: its host is not planned yet, or cannot be."""

    @property
    def is_pending(self) -> bool:
        """Whether something must happen before it is as declared."""
        return bool(self.steps or self.gates) or not self.is_planned


@attrs.frozen
class Exports:
    """What other hosts may know of a host, from its finished plan: a value, for the many who never
    ask. Called with an identity.

    >>> Exports()("file:/etc/motd").is_planned
    False
    """

    position: Mapping[str, int] = attrs.field(factory=dict, repr=False)
    """By identity, the node of each resource; none: the host cannot be planned."""
    provided: Sequence[frozenset[int]] = attrs.field(default=(), repr=False)
    """By node, the steps and barriers after which it is as declared."""
    barriers: Mapping[int, Barrier] = attrs.field(factory=dict, repr=False)
    gates: Sequence[frozenset[str]] = attrs.field(default=(), repr=False)
    values: Mapping[int, Mapping[str, Any]] = attrs.field(factory=dict, repr=False)
    """By node, its outputs, where any are known."""

    def __call__(self, identity: str) -> Export:
        """What may be known of the resource with an identity."""
        if identity not in self.position:
            return Export(is_planned=False)
        node = self.position[identity]
        steps = members_of(self.provided[node], self.barriers)
        return Export(steps, self.gates[node], self.values.get(node, {}))


Foreign: TypeAlias = Callable[[str, str], Export]
"""What is known of a resource of another host, by host and identity."""


class Planning(Protocol):
    """What of the planner is needed here."""

    graph: Graph
    barriers: Barriers
    own: list[frozenset[int]]
    provided: list[frozenset[int]]
    world: World

    @property
    def host(self) -> str:
        """Whose plan is made."""

    @property
    def foreign(self) -> Foreign:
        """What is known of other hosts."""

    def prepare(self, resource: Resource) -> Resource:
        """`resource` with its references to contents resolved."""

    @property
    def recorded(self) -> Mapping[str, Mapping[str, Any]]:
        """Outputs of earlier runs, by identity."""


class Exchange:
    """The values and gates of one host's plan."""

    def __init__(self, planner: Planning, *, everything: bool) -> None:
        """`everything`: others may ask for any output, not only those that are used here."""
        self._planner = planner
        self._everything = everything
        graph = planner.graph
        self._used = {edge.before for edge in graph.edges if edge.kind == "reference"}
        self._values: dict[int, Mapping[str, Any]] = {}
        self.gates: list[frozenset[str]] = [frozenset()] * graph.size
        """For each node, the gates at which its own steps must wait, or, where it has none,
        those who come after it."""
        for edge in graph.foreign:
            if planner.foreign(edge.host, edge.identity).is_pending:
                self.gates[edge.after] |= {edge.address}

    def inherit(self, index: int, predecessors: Iterable[int]) -> None:
        """Take over the gates of what comes before; those of its steps are behind these."""
        if not self._planner.graph.foreign:
            return
        found = {id(gates): gates for p in predecessors if (gates := self.gates[p])}
        own = self.gates[index]
        if len(found) == 1 and not own:
            self.gates[index] = next(iter(found.values()))  # shared by all of a chain
        elif found:
            self.gates[index] = own.union(*found.values())

    def pass_gates(self, index: int) -> None:
        """Whoever comes after `index` waits for its step, and that one for its gates."""
        self.gates[index] = frozenset()

    def fill(self, resource: Resource) -> Resource:
        """`resource` with the values that are known already.

        Raises `ImpossibleError` where one will never be.
        """
        if not may_wait(resource):
            return resource
        for source in sources_of(resource):  # one that never comes is told, whatever else does
            try:
                self._value(source.source, source.name)
            except LookupError:
                continue
        return self._planner.prepare(substituted(resource, self._value))

    def note(self, index: int, resource: Resource) -> None:
        """Remember the outputs of `resource`, as they are once its step has ended well."""
        if not self._everything and index not in self._used:
            return
        if type(resource).outputs is Resource.outputs or is_absent(resource):
            return
        answers = {probe: self._planner.world.answer(probe) for probe in resource.probes()}
        if all(is_known(a) and not is_error(a) for a in answers.values()):
            self._values[index] = resource.outputs(Answers(answers))

    def exports(self) -> Exports:
        """What other hosts may know, now that the plan is made."""
        planner = self._planner
        position = planner.graph.position
        recorded = (position[identity] for identity in planner.recorded if identity in position)
        return Exports(
            position=position,
            provided=planner.provided,
            barriers=planner.barriers.made,
            gates=self.gates,
            values={node: self._outputs(node) for node in (*self._values, *recorded)},
        )

    def _outputs(self, index: int) -> Mapping[str, Any]:
        """All that is known of the outputs of a resource."""
        known = self._values.get(index, {})
        if self._planner.own[index]:
            return known  # what it printed last time is about to be something else
        identity = self._planner.graph.resources[index].identity
        return {**self._planner.recorded.get(identity, {}), **known}

    def _value(self, source: Resource, name: str) -> Any:
        host = host_of(source)
        if host is not None and host != self._planner.host:
            return self._foreign_value(host, source, name)
        index = self._planner.graph.position[source.identity]
        known = self._outputs(index)
        if name in known:
            return known[name]
        if self._planner.own[index] and not is_absent(source):
            raise LookupError(name)
        raise ImpossibleError(
            f"{source.identity}.{name} has no value: {_why_not(source)}",
            hint=_LET_IT_RUN,
        )

    def _foreign_value(self, host: str, source: Resource, name: str) -> Any:
        export = self._planner.foreign(host, source.identity)
        if name in export.values:
            return export.values[name]
        address = f"{host}/{source.identity}"
        if export.is_outside:
            if export.unseen:
                raise ImpossibleError(
                    f"{address}.{name} cannot be read: {export.unseen}",
                    hint=f"{host} is outside of --limit, but its output is used here.",
                )
            raise ImpossibleError(
                f"{address}.{name} has no value yet, and {host} is outside of --limit",
                hint=f"Apply {host} first, or together with {self._planner.host}: "
                f"--limit {host},{self._planner.host}",
            )
        if export.is_pending and not is_absent(source):
            raise LookupError(name)
        raise ImpossibleError(
            f"{address}.{name} has no value: {_why_not(source)}", hint=_LET_IT_RUN
        )


_LET_IT_RUN = "Have it applied once more (a command: remove what its guard looks for)."


def _is_one_of(value: Any, outputs: Iterable[Any]) -> bool:
    """By identity: outputs cannot be compared."""
    return any(value is output for output in outputs)


def refuse_unknown(resource: Resource, ops: Iterable[Op] | None) -> None:
    """Raise `ImpossibleError` for ops that are fixed now and hold a value that is not known yet:
    what is owed after changes of others is never decided during the run."""
    if not may_wait(resource):
        return
    waiting = [output for _, output in outputs_in(resource)]
    for op in ops or ():
        if any(_is_one_of(getattr(op, name), waiting) for name, _ in op.wire_fields):
            source = waiting[0].sources[0]
            raise ImpossibleError(
                f"{source.source.identity}.{source.name} is known only after apply, too late for "
                "what runs on changes of others",
                hint="Write the value to a file, and have that file read.",
            )


def _why_not(source: Resource) -> str:
    if is_absent(source):
        return "it is declared absent"
    return "nothing in this plan brings it, and no record of an earlier run has it"
