"""The plan: every change that a run will make, as immutable data. What is approved is what runs."""

import hashlib
from collections.abc import Iterator, Mapping

import attrs

from cfgdsl.core.codec import FORMAT, read_plan
from cfgdsl.core.step import Barrier, HostPlan, Part, Skip, Step, diagnostic_to_json, reason_for
from cfgdsl.runner.wire import canonical

__all__ = [
    "FORMAT",
    "Barrier",
    "HostPlan",
    "Part",
    "Plan",
    "Skip",
    "Step",
    "diagnostic_to_json",
    "digest_of_plan",
    "reason_for",
]


@attrs.frozen(kw_only=True)
class Plan:
    """What a run will do, on all hosts; immutable, and the same for the same input.

    >>> Plan(project="acme-web", hosts=(HostPlan(host="web1", unchanged=3),)).is_empty
    True
    """

    project: str | None
    hosts: tuple[HostPlan, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, host after host."""
        return tuple(step for host in self.hosts for step in host.steps)

    @property
    def is_empty(self) -> bool:
        """Whether every host was planned and nothing is to be changed."""
        return all(host.is_empty for host in self.hosts)

    @property
    def ok(self) -> bool:
        """Whether every host could be planned."""
        return not any(host.problems for host in self.hosts)

    def __iter__(self) -> Iterator[HostPlan]:
        return iter(self.hosts)

    def __getitem__(self, address: str) -> Step:
        """The step of ``host/kind:key``; without the host when there is only one.

        Raises `KeyError` for what has no step.
        """
        if len(self.hosts) == 1 and address in self.hosts[0]:
            return self.hosts[0][address]
        name, _, identity = address.partition("/")
        for host in self.hosts:
            if host.host == name:
                return host[identity]
        raise KeyError(address)

    def counts(self) -> Mapping[str, int]:
        """How many steps of each action; `always` and `possible` ones under these words."""
        found: dict[str, int] = {}
        for step in self.steps:
            word = "always" if step.always else "possible" if step.possible else step.action
            found[word] = found.get(word, 0) + 1
        return found

    def to_json(self) -> str:
        """One JSON document, byte for byte the same for the same plan; a step on each line."""
        hosts = ",\n".join(map(_host_text, self.hosts))
        project = canonical(self.project)
        return f'{{"format":{FORMAT},"project":{project},"hosts":[\n{hosts}\n]}}'

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
