"""The plan: every change that a run will make, as immutable data. What is approved is what runs."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import attrs

from cfgdsl.core.codec import FORMAT, read_plan
from cfgdsl.core.host_plan import Barrier, HostPlan, Skip, diagnostic_to_json
from cfgdsl.core.step import Part, Step, reason_for
from cfgdsl.core.summary import HostSummary, summary_of
from cfgdsl.runner.wire import canonical

__all__ = [
    "FORMAT",
    "Barrier",
    "HostPlan",
    "HostPlans",
    "HostSummary",
    "Part",
    "Plan",
    "Skip",
    "Step",
    "diagnostic_to_json",
    "digest_of_plan",
    "reason_for",
]


class HostPlans(Sequence[HostPlan]):
    """The plans of more hosts than are kept in memory: each is read when it is asked for."""

    @property
    @abstractmethod
    def summaries(self) -> tuple[HostSummary, ...]:
        """Each in brief, without reading it."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == yours for mine, yours in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(summary.host for summary in self.summaries))


@attrs.frozen(kw_only=True)
class Plan:
    """What a run will do, on all hosts; immutable, and the same for the same input.

    >>> Plan(project="acme-web", hosts=(HostPlan(host="web1", unchanged=3),)).is_empty
    True
    """

    project: str | None
    hosts: Sequence[HostPlan]
    """A tuple; of many hosts, a sequence that reads each one's plan when it is asked for."""

    @cached_property
    def summaries(self) -> tuple[HostSummary, ...]:
        """Each host's plan in brief, in the order of `hosts`.

        >>> Plan(project=None, hosts=(HostPlan(host="web1", unchanged=3),)).summaries[0].unchanged
        3
        """
        if isinstance(self.hosts, HostPlans):
            return self.hosts.summaries
        return tuple(map(summary_of, self.hosts))

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, host after host."""
        return tuple(step for host in self.hosts for step in host.steps)

    @property
    def is_empty(self) -> bool:
        """Whether every host was planned and nothing is to be changed."""
        return all(host.is_empty for host in self.summaries)

    @property
    def ok(self) -> bool:
        """Whether every host could be planned."""
        return not any(host.problems for host in self.summaries)

    def __iter__(self) -> Iterator[HostPlan]:
        return iter(self.hosts)

    def __getitem__(self, address: str) -> Step:
        """The step of ``host/kind:key``; without the host when there is only one.

        Raises `KeyError` for what has no step.
        """
        if len(self.hosts) == 1 and address in self.hosts[0]:
            return self.hosts[0][address]
        name, _, identity = address.partition("/")
        for index, host in enumerate(self.summaries):
            if host.host == name:
                return self.hosts[index][identity]
        raise KeyError(address)

    def counts(self) -> Mapping[str, int]:
        """How many steps of each action; `always` and `possible` ones under these words."""
        found: dict[str, int] = {}
        for host in self.summaries:
            for word, count in host.counts.items():
                found[word] = found.get(word, 0) + count
        return found

    def to_json(self) -> str:
        """One JSON document, byte for byte the same for the same plan; a step on each line."""
        return "".join(self.to_json_parts())

    def to_json_parts(self) -> Iterator[str]:
        """The same document piece by piece, a host at a time: of many, it is large.

        >>> "".join(Plan(project=None, hosts=()).to_json_parts())
        '{"format":1,"project":null,"hosts":[\\n\\n]}'
        """
        yield f'{{"format":{FORMAT},"project":{canonical(self.project)},"hosts":[\n'
        for index, host in enumerate(self.hosts):
            yield f",\n{_host_text(host)}" if index else _host_text(host)
        yield "\n]}"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Plan":
        """The plan that `to_json` wrote; raises `ConfigurationError` for anything else.

        Contents come back by digest, without their bytes; those that hold a secret without either.

        >>> empty = Plan(project=None, hosts=())
        >>> Plan.from_json(empty.to_json()) == empty
        True
        """
        project, hosts = read_plan(text)
        return cls(project=project, hosts=hosts)


def _host_text(host: HostPlan) -> str:
    """Lines joined here, one step after the other: `json.dumps(indent=...)` is ten times slower,
    and the parts of all steps at once keep the garbage collector busy."""
    steps = ",\n".join([canonical(step.to_json()) for step in host.steps])
    return f'{canonical(host.head_to_json())[:-1]},"steps":[\n{steps}\n]}}'


def digest_of_plan(host: HostPlan) -> str:
    """What the record of a run names the plan by: the same for the same plan of the host, whether
    it was just made or saved before.

    >>> digest_of_plan(HostPlan(host="web1")) == digest_of_plan(HostPlan(host="web2"))
    False
    """
    return hashlib.sha256(_host_text(host).encode()).hexdigest()[:24]
