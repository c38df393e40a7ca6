"""Gates between hosts: steps that wait for resources of other hosts, and who opens them when.

A gate opens when every step after which its resource is as declared has ended well; it is shut for
good when one of them has not, or when its host cannot go on. Whoever waits is told once.
"""

import threading
from collections.abc import Callable, Iterable

import attrs

from cfgdsl.core.exchange import Export, Foreign
from cfgdsl.core.summary import HostSummary

Told = Callable[[str | None], None]
"""Called when a gate is decided: with None when it is open, else with the address of the cause."""


@attrs.define
class _Gate:
    steps: set[int]
    """Steps of its host that have not ended yet."""
    gates: set[str]
    """Gates that must be open before."""
    cause: str | None = None
    decided: bool = False
    waiting: list[Told] = attrs.field(factory=list)


class Gates:
    """All gates of one run."""

    def __init__(self, hosts: Iterable[HostSummary], foreign: Foreign) -> None:
        """`foreign` says what each resource hangs on."""
        self._lock = threading.Lock()
        self._gates: dict[str, _Gate] = {}
        self._after: dict[str, list[str]] = {}
        """By address, the gates that wait for it."""
        self._on: dict[str, list[str]] = {}
        """The addresses of a host that somebody waits for."""
        needed = [address for host in hosts for address in host.gates]
        while needed:
            address = needed.pop()
            if address not in self._gates:
                host, _, identity = address.partition("/")
                export = foreign(host, identity)
                needed += self._add(host, address, export)

    def _add(self, host: str, address: str, export: Export) -> Iterable[str]:
        gate = self._gates[address] = _Gate(set(export.steps), set(export.gates))
        self._on.setdefault(host, []).append(address)
        for earlier in gate.gates:
            self._after.setdefault(earlier, []).append(address)
        if not export.is_planned:
            self._decide([(address, host)])
        elif not gate.steps and not gate.gates:
            self._decide([(address, None)])
        return gate.gates

    def wait(self, address: str, told: Told) -> None:
        """Have `told` called once the gate of `address` is decided: now, or from another thread."""
        with self._lock:
            gate = self._gates[address]
            if not gate.decided:
                gate.waiting.append(told)
                return
        told(gate.cause)

    def step_ended(self, host: str, step: int, cause: str | None) -> None:
        """A step has ended: well, or with `cause` as the address of what went wrong."""
        with self._lock:
            decided = []
            for address in self._on.get(host, ()):
                gate = self._gates[address]
                if step in gate.steps and not gate.decided:
                    gate.steps.remove(step)
                    if cause is not None or not (gate.steps or gate.gates):
                        decided.append((address, cause))
            calls = self._decide(decided)
        _call(calls)

    def host_ended(self, host: str) -> None:
        """Nothing more will happen on a host, or ever has."""
        with self._lock:
            left = [a for a in self._on.get(host, ()) if self._gates[a].steps]
            calls = self._decide([(a, host) for a in left if not self._gates[a].decided])
        _call(calls)

    def _decide(self, todo: list[tuple[str, str | None]]) -> list[tuple[Told, str | None]]:
        """Note how gates are decided, and what follows for those that wait for them."""
        calls: list[tuple[Told, str | None]] = []
        while todo:
            address, cause = todo.pop()
            gate = self._gates[address]
            if gate.decided:
                continue
            gate.decided, gate.cause = True, cause
            calls += [(told, cause) for told in gate.waiting]
            gate.waiting.clear()
            for later in self._after.get(address, ()):
                following = self._gates[later]
                following.gates.discard(address)
                if cause is not None or not (following.steps or following.gates):
                    todo.append((later, cause))
        return calls


def _call(calls: list[tuple[Told, str | None]]) -> None:
    for told, cause in calls:
        told(cause)
