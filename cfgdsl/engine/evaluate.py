"""Evaluation: runs the user's functions, host by host, and keeps what each host should have.

Functions of one host run in declaration order; a result of another host is evaluated when it is
asked for. One function at a time: users need not think about threads. While one waits for the facts
of its host, others go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import attrs

from cfgdsl.core.context import active
from cfgdsl.core.errors import CfgdslError, ConfigurationError, Diagnostic
from cfgdsl.core.facts import Facts, NetworkFacts, basic_facts, lazy_facts, network_facts
from cfgdsl.core.graph import Graph, build
from cfgdsl.core.host import Host
from cfgdsl.core.probes import Answer, Probe
from cfgdsl.core.resource import Resource
from cfgdsl.engine.collect import Collector
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.declare import Configured, Declarations
from cfgdsl.engine.load import importable, user_error
from cfgdsl.engine.sessions import Sessions
from cfgdsl.engine.turn import Turn

_Key = tuple[int, str]
"""A function (its position) and a host."""


@attrs.frozen
class Evaluated:
    """What one host should have."""

    graph: Graph
    components: Mapping[str, tuple[str, ...]]
    moved: Mapping[str, str] = attrs.field(factory=dict)
    """New identities by old ones."""

    @classmethod
    def nothing(cls) -> "Evaluated":
        """Nothing is declared."""
        return cls(build((), {}), {})


class Evaluation:
    """The evaluation of one load for one run."""

    def __init__(self, declarations: Declarations, contents: Contents, sessions: Sessions) -> None:
        self._configured = declarations.configured
        self._folder = declarations.folder
        self._moved = declarations.moved
        self._code = declarations.code
        self._contents = contents
        self._sessions = sessions
        self._turn: Turn[_Key] = Turn()
        self._collectors: dict[_Key, Collector] = {}
        self._results: dict[_Key, Any] = {}
        self._facts: dict[str, Facts] = {}
        for index, configured in enumerate(self._configured):
            configured.evaluate = self._asked(index)

    def evaluate(self, host: Host[Any]) -> Evaluated:
        """What `host` should have; raises `ConfigurationError` with all of its problems."""
        problems: list[Diagnostic] = []
        with self._turn:
            for index, configured in enumerate(self._configured):
                if host.name in configured.hosts:
                    try:
                        self._result(index, host)
                    except ConfigurationError as error:
                        problems.extend(error.diagnostics)
            collected = list(self._collected(host))
            resources = self._resolved((r for c in collected for r in c.resources), problems)
            if problems:
                raise ConfigurationError(*dict.fromkeys(problems))
            components: dict[str, tuple[str, ...]] = {}
            for collector in collected:
                for name, inside in collector.components.items():
                    components[name] = (*components.get(name, ()), *inside)
            moved = dict(self._moved)
            for collector in collected:
                moved.update(collector.moved)
            return Evaluated(build(resources, components, host=host.name), components, moved)

    def facts_read(self) -> dict[str, str]:
        """By host, a digest of the facts that the configuration has read of it."""
        found = {name: facts.digest() for name, facts in sorted(self._facts.items())}
        return {name: digest for name, digest in found.items() if digest}

    def _collected(self, host: Host[Any]) -> Iterator[Collector]:
        """Function by function, whatever the order in which they were evaluated."""
        for index in range(len(self._configured)):
            if (index, host.name) in self._collectors:
                yield self._collectors.pop((index, host.name))

    def _resolved(
        self, resources: Iterator[Resource], problems: list[Diagnostic]
    ) -> list[Resource]:
        found = []
        for resource in resources:
            try:
                found.append(self._contents.resolve(resource))
            except ConfigurationError as error:
                problems.extend(error.diagnostics)
        return found

    def _asked(self, index: int) -> Callable[[Configured[Any], Host[Any]], Any]:
        return lambda _, host: self._result(index, host)

    def _result(self, index: int, host: Host[Any]) -> Any:
        """What a function returned for a host; run now if it has not been."""
        key = (index, host.name)
        with self._turn:
            self._turn.await_others(key)
            if key in self._results:
                return self._results[key]
            configured = self._configured[index]
            if not self._turn.begin(key):
                name = configured.function.__name__
                raise ConfigurationError(
                    Diagnostic(
                        summary=f"{name} needs its own result for {host.name}",
                        origins=(configured.origin,),
                    )
                )
            try:
                self._results[key] = self._run(configured, host, key)
            finally:
                self._turn.end(key)
            return self._results[key]

    def _run(self, configured: Configured[Any], host: Host[Any], key: _Key) -> Any:
        self._collectors[key] = Collector(host, self._facts_of)
        token = active.set(self._collectors[key])
        try:
            with importable(self._folder, self._code) if self._folder else nullcontext():
                return configured.function(host)
        except (CfgdslError, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            name = f"{configured.function.__name__}({host.name})"
            raise ConfigurationError(user_error(error, name)) from None
        finally:
            active.reset(token)

    def _facts_of(self, host: Host[Any]) -> Facts:
        if host.name not in self._facts:
            with self._turn.given_away():
                basics = basic_facts(self._sessions.get(host).basics)

            def network() -> NetworkFacts:
                with self._turn.given_away():
                    return network_facts(self._sessions.get(host).facts())

            def ask(probes: Sequence[Probe]) -> Sequence[Answer]:
                with self._turn.given_away():
                    session = self._sessions.get(host)
                    answers: list[Answer] = session.probe([p.to_json() for p in probes])
                return answers

            self._facts[host.name] = lazy_facts(basics, network, ask)
        return self._facts[host.name]
