"""What hosts know of each other while a plan is made, and in which order they are planned.

A host whose resources use those of others is planned after these: then what they export is known.
Hosts that wait for each other both ways form a knot: they are planned again until none of them
learns anything new. A configuration without references between hosts pays for none of this.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.exchange import Export
from cfgdsl.core.graph import Graph
from cfgdsl.core.joined import cycles_across
from cfgdsl.core.order import knots, topological_order
from cfgdsl.core.plan import HostPlan, HostSummary
from cfgdsl.core.request import Planned
from cfgdsl.engine.evaluate import Evaluated


class Across:
    """The hosts of one plan."""

    def __init__(self, names: Iterable[str]) -> None:
        self._chosen = set(names)
        self._exports: dict[str, Callable[[str], Export]] = {}
        self._graphs: dict[str, Graph] = {}
        """Of hosts that wait: cycles may lead over several."""
        self._unseen: dict[str, str] = {}
        self.waiting: dict[str, Evaluated] = {}
        """Hosts that wait for others, as they were evaluated."""
        self.found: dict[str, Any] = {}
        """What hosts that wait have answered: a knot is planned several times."""

    @property
    def exporting(self) -> bool:
        """Whether there are others who might ask for anything."""
        return len(self._chosen) > 1

    def defer(self, name: str, evaluated: Evaluated) -> bool:
        """Whether this host is to be planned after others; called once for each."""
        if evaluated.graph.foreign:
            self.waiting[name] = evaluated
        return bool(evaluated.graph.foreign)

    def note(self, name: str, planned: Planned) -> None:
        """A host was planned, or looked at."""
        self._exports[name] = planned.export
        if name in self.waiting:
            self._graphs[name] = planned.graph

    def note_spooled(self, name: str, export: Callable[[str], Export]) -> None:
        """What is known of a host is in the spool from now on."""
        self._exports[name] = export

    def settle(self) -> None:
        """Every host is planned: forget what only planning needs."""
        self.waiting.clear()
        self.found.clear()
        self._graphs.clear()

    def note_unseen(self, name: str, problems: Sequence[Diagnostic]) -> None:
        """A host outside of the limit could not be looked at."""
        self._unseen[name] = "; ".join(problem.summary for problem in problems)

    def foreign(self, host: str, identity: str) -> Export:
        """What is known of a resource of another host."""
        export = self._exports.get(host)
        outside = host not in self._chosen
        found = Export(is_planned=False) if export is None else export(identity)
        if not outside:
            return found
        return Export(
            values=found.values, is_outside=True, unseen=self._unseen.get(host, ""), is_planned=True
        )

    def refuse_outdated(self, hosts: Iterable[HostSummary]) -> None:
        """Raise `ConfigurationError` for hosts that wait for others, and were not planned among
        these: what was known of the others then is gone."""
        for plan in hosts:
            is_known = plan.host in self._chosen and plan.host in self._exports
            if plan.gates and not is_known:
                raise ConfigurationError(
                    Diagnostic(
                        summary="hosts wait for each other in this plan, and it is not the last",
                        hint="Plan again.",
                        address=plan.host,
                    )
                )

    @property
    def outside(self) -> list[str]:
        """Hosts outside of the limit that others use: they are looked at, and left as they are."""
        used = (e.host for v in self.waiting.values() for e in v.graph.foreign)
        return list(dict.fromkeys(host for host in used if host not in self._chosen))

    def levels(self, parallel: int) -> Iterator[list[tuple[str, ...]]]:
        """The hosts that wait: knots of one or more, those together that can be planned together.

        Raises `ConfigurationError` for a knot of more than `parallel` hosts.
        """
        names = list(self.waiting)
        sources = {
            name: {e.host for e in evaluated.graph.foreign} & {*names} - {name}
            for name, evaluated in self.waiting.items()
        }
        groups = grouped(names, sources)
        for group in groups:
            if len(group) > parallel:
                raise ConfigurationError(_too_large(group, parallel))
        level: dict[str, int] = {}
        for group in groups:
            above = (level[s] for name in group for s in sources[name] if s not in group)
            level.update(dict.fromkeys(group, max(above, default=-1) + 1))
        for number in sorted({*level.values()}):
            yield [group for group in groups if level[group[0]] == number]

    @staticmethod
    def group_work(
        level: Iterable[tuple[str, ...]],
        work: Callable[[str], bool],
        plans: Mapping[str, HostPlan],
    ) -> Callable[[str], bool]:
        """`work` on each knot of a level, by its first host: again and again, until no plan
        changes any more."""
        groups = {group[0]: group for group in level}

        def work_on(first: str) -> bool:
            before: list[Any] = []
            while True:
                well = [work(name) for name in groups[first]]
                now = [plans[name].to_json() for name in groups[first] if name in plans]
                if now == before or len(groups[first]) == 1:
                    return all(well)
                before = now

        return work_on

    def check(self) -> None:
        """Raise `ConfigurationError` with every cycle that leads over several hosts."""
        graphs = {name: self._graphs[name] for name in self.waiting if name in self._graphs}
        problems = cycles_across(graphs) if len(graphs) > 1 else []
        if problems:
            raise ConfigurationError(*problems)


def order_of(hosts: Sequence[HostSummary]) -> list[tuple[str, ...]]:
    """The hosts in an order in which nobody starts before those that it waits for; those that wait
    for each other are together.

    >>> order_of([HostSummary(host="b"), HostSummary(host="a")])
    [('b',), ('a',)]
    """
    sources = {host.host: {gate.partition("/")[0] for gate in host.gates} for host in hosts}
    names = [host.host for host in hosts]
    if not any(sources.values()):
        return [(name,) for name in names]
    known = {*names}
    return grouped(names, {name: found & known - {name} for name, found in sources.items()})


def grouped(names: Sequence[str], sources: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Names so that each comes after its sources, else as they were; knots are one.

    >>> grouped(["a", "b", "c"], {"a": {"c"}, "b": set(), "c": set()})
    [('b',), ('c',), ('a',)]
    """
    number = {name: index for index, name in enumerate(names)}
    successors: list[list[int]] = [[] for _ in names]
    for name in names:
        for source in sorted(sources[name], key=number.__getitem__):
            successors[number[source]].append(number[name])
    order = topological_order(successors)
    if len(order) == len(names):
        return [(names[index],) for index in order]
    knot_of = {index: min(knot) for knot in knots(successors) for index in knot}
    inside: dict[int, list[int]] = {}
    for index in range(len(names)):
        inside.setdefault(knot_of.get(index, index), []).append(index)
    condensed: list[list[int]] = [[] for _ in names]
    for index, targets in enumerate(successors):
        here = knot_of.get(index, index)
        condensed[here] += [t for target in targets if (t := knot_of.get(target, target)) != here]
    return [
        tuple(names[index] for index in inside[group])
        for group in topological_order(condensed)
        if group in inside
    ]


def _too_large(group: Sequence[str], parallel: int) -> Diagnostic:
    return Diagnostic(
        summary=f"{len(group)} hosts wait for each other, but only {parallel} go on at once",
        detail=f"They are {', '.join(group)}.",
        hint=f"Allow more with --parallel {len(group)}, or let them wait one way only.",
    )


@attrs.frozen(kw_only=True)
class Links:
    """What a host's plan takes of others."""

    across: Across
    prepare: Any
    """Resolves references to contents in a resource."""
    is_outside: bool = False
    """Whether the host is only looked at."""
