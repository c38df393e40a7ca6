"""The library: load a configuration, plan it, apply the plan."""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from cfgdsl.core.errors import (
    CfgdslError,
    ConfigurationError,
    Diagnostic,
    NoPythonError,
    TargetError,
)
from cfgdsl.core.facts import basic_facts, network_facts
from cfgdsl.core.graph import Graph
from cfgdsl.core.host import Host, unknown_name
from cfgdsl.core.plan import HostPlan, Plan
from cfgdsl.core.planner import Planned, Request, plan_host, questions
from cfgdsl.core.predict import Identity
from cfgdsl.core.resource import Resource
from cfgdsl.engine.bootstrap import bootstrap_plan, run_bootstrap
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.declare import Declarations, two_hosts_of_one_name
from cfgdsl.engine.evaluate import Evaluated, Evaluation
from cfgdsl.engine.events import (
    Event,
    HostConnecting,
    HostFailed,
    HostPlanned,
    HostReady,
    Listener,
    RunHalted,
)
from cfgdsl.engine.execute import HostExecution
from cfgdsl.engine.inventory import select
from cfgdsl.engine.load import load_declarations
from cfgdsl.engine.options import Options
from cfgdsl.engine.rollout import Budget, for_each_host
from cfgdsl.engine.run import Run
from cfgdsl.engine.sessions import Sessions
from cfgdsl.engine.vault import Vault
from cfgdsl.targets.traffic import Traffic


def load(file: str | Path = "infra.py", *, options: Options | None = None) -> "Project":
    """Run the configuration module and return what it declares; no connection is made.

    Raises `ConfigurationError` with every problem found.
    """
    declarations = load_declarations(file)
    if declarations.problems:
        raise ConfigurationError(*declarations.problems)
    return Project(declarations, options or Options())


@attrs.frozen
class CommandResult:
    """What an ad-hoc command did on one host."""

    exit: int
    stdout: str
    stderr: str


class Project:
    """A loaded configuration. Use it as a context manager, or `close` it."""

    def __init__(self, declarations: Declarations, options: Options) -> None:
        self.name: str | None = declarations.project
        self.hosts: tuple[Host[Any], ...] = _hosts(declarations)
        self._declarations = declarations
        self._options = options
        self._vault = Vault(declarations.secrets, options.ask)
        self._contents = Contents(self._vault)
        self._sessions = Sessions(options, self._vault, self._emit)
        self._planned: dict[str, Planned] = {}
        self._identities: dict[str, Identity] = {}
        self._listen: Listener | None = None
        self._events: list[Event] = []
        self._emitting = threading.Lock()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every conversation."""
        self._sessions.close()

    @property
    def traffic(self) -> Mapping[str, Traffic]:
        """How many messages and bytes went each way, by host; kept when conversations end."""
        return dict(self._sessions.traffic)

    def stop(self) -> None:
        """Start nothing more and let what runs end; called again, interrupt that too."""
        self._stopping.set()
        for session in self._sessions.opened():
            session.stop()

    def plan(
        self, *, limit: str | None = None, tags: Sequence[str] = (), listen: Listener | None = None
    ) -> Plan:
        """Observe the hosts and say what would change; nothing is written anywhere.

        `limit` chooses hosts (``web*,!web3``, ``@tag``), `tags` resources. A host that cannot be
        planned has `problems` in its part of the plan: others go on. Raises `ConfigurationError`
        when the configuration is wrong and no host could be planned at all.
        """
        self._begin(listen)
        chosen = {host.name: host for host in select(self.hosts, limit)}
        evaluation = self._evaluation()
        plans: dict[str, HostPlan] = {}
        seen_tags: set[str] = set()
        is_wrong = False

        def work(name: str) -> bool:
            nonlocal is_wrong
            try:
                plans[name] = self._plan_host(chosen[name], evaluation, frozenset(tags), seen_tags)
            except CfgdslError as error:
                is_wrong = is_wrong or not isinstance(error, TargetError)
                self._sessions.drop(name)
                self._emit(HostFailed(host=name, problems=error.diagnostics))
                plans[name] = HostPlan(host=name, problems=error.diagnostics)
            return not plans[name].problems

        self._for_each(list(chosen), work)
        if is_wrong and all(plan.problems for plan in plans.values()):
            problems = (p for name in chosen if name in plans for p in plans[name].problems)
            raise ConfigurationError(*dict.fromkeys(problems))
        unseen = [tag for tag in tags if tag not in seen_tags]
        if unseen and not any(plan.problems or plan.bootstrap for plan in plans.values()):
            raise unknown_name("tag or component", unseen[0], seen_tags)
        return Plan(project=self.name, hosts=tuple(plans[n] for n in chosen if n in plans))

    def apply(
        self,
        plan: Plan,
        *,
        first: int | None = None,
        max_failures: int | str | None = None,
        listen: Listener | None = None,
    ) -> Run:
        """Execute exactly `plan`, which this project made.

        `first`: so many hosts must end well before the rest begins. `max_failures`: no new host is
        started when more failed (``3``, ``"10%"``; default: more than 25 %, and at least 3).
        """
        self._begin(listen)
        budget = Budget.parse(max_failures)
        run_id = _run_id()
        plans = {host.host: host for host in plan.hosts}
        hosts = {host.name: host for host in self.hosts}

        def work(name: str) -> bool:
            return self._apply_host(hosts[name], plans[name], run_id)

        halt = for_each_host(
            list(plans),
            work,
            parallel=self._options.parallel,
            first=first,
            budget=budget,
            stopping=self._stopping,
        )
        if halt is not None:
            self._emit(RunHalted(reason=halt.reason, not_started=halt.not_started))
        return Run(run_id, tuple(self._events))

    def graphs(
        self, *, limit: str | None = None, listen: Listener | None = None
    ) -> dict[str, Graph]:
        """The graph of each host; hosts are asked only for facts that the configuration reads."""
        self._begin(listen)
        evaluation = self._evaluation()
        return {h.name: evaluation.evaluate(h).graph for h in select(self.hosts, limit)}

    def facts(
        self, *, limit: str | None = None, listen: Listener | None = None
    ) -> dict[str, dict[str, Any] | tuple[Diagnostic, ...]]:
        """The facts of each host, or why there are none."""

        def ask(host: Host[Any]) -> dict[str, Any]:
            session = self._sessions.get(host)
            basic = attrs.asdict(basic_facts(session.basics))
            return {**basic, **attrs.asdict(network_facts(session.facts()))}

        return self._ask_each(limit, listen, ask)

    def run(
        self,
        argv: Sequence[str],
        *,
        limit: str | None = None,
        timeout: float | None = None,
        listen: Listener | None = None,
    ) -> dict[str, CommandResult | tuple[Diagnostic, ...]]:
        """Run a command on each host (argv, no shell), or say why it could not be."""
        probe: dict[str, Any] = {"kind": "run", "argv": list(argv)}
        if timeout is not None:
            probe["timeout"] = timeout

        def ask(host: Host[Any]) -> CommandResult:
            answer = self._sessions.get(host).probe([probe])[0]
            if "error" in answer:
                raise CfgdslError(Diagnostic(summary=str(answer["error"]), address=host.name))
            scrub = self._vault.scrub
            return CommandResult(
                answer["exit"], scrub(answer["stdout"]), scrub(answer.get("stderr", ""))
            )

        return self._ask_each(limit, listen, ask)

    def _ask_each(self, limit: str | None, listen: Listener | None, ask: Any) -> dict[str, Any]:  # noqa: ANN401
        self._begin(listen)
        hosts = {host.name: host for host in select(self.hosts, limit)}
        found: dict[str, Any] = {}

        def work(name: str) -> bool:
            try:
                found[name] = ask(hosts[name])
            except CfgdslError as error:
                found[name] = error.diagnostics
                return False
            finally:
                self._let_go(name, len(hosts))
            return True

        self._for_each(list(hosts), work)
        return {name: found[name] for name in hosts if name in found}

    def _for_each(self, names: Sequence[str], work: Any) -> None:  # noqa: ANN401
        for_each_host(names, work, parallel=self._options.parallel, stopping=self._stopping)

    def _evaluation(self) -> Evaluation:
        """A fresh one for each plan: results and facts of an earlier one may be outdated."""
        return Evaluation(self._declarations, self._contents, self._sessions)

    def _plan_host(
        self,
        host: Host[Any],
        evaluation: Evaluation,
        tags: frozenset[str],
        seen_tags: set[str],
    ) -> HostPlan:
        try:
            session = self._sessions.get(host)
            evaluated = evaluation.evaluate(host)
            if tags:
                seen_tags.update(_tags(evaluated))
            basics = basic_facts(session.basics)
            identity = Identity(basics.user, basics.group or basics.user)
            asked = questions(evaluated.graph.resources)
            answers = dict(zip(asked, session.probe([p.to_json() for p in asked]), strict=True))
            request = _request(host, evaluated, identity, basics.machine_id, tags)
            planned = plan_host(request, answers)
        except NoPythonError as error:
            self._sessions.drop(host.name)
            if not host.bootstrap:
                raise
            planned = Planned(bootstrap_plan(host, error), {})
            self._emit(HostPlanned(host=host.name, plan=planned.plan))
            return planned.plan
        self._planned[host.name] = planned
        self._identities[host.name] = identity
        self._emit(HostPlanned(host=host.name, plan=planned.plan))
        self._let_go(host.name, len(self.hosts))
        return planned.plan

    def _apply_host(self, host: Host[Any], plan: HostPlan, run_id: str) -> bool:
        if plan.problems:
            self._emit(HostFailed(host=host.name, problems=plan.problems))
            return False
        if plan.bootstrap:
            return self._bootstrap(host, plan)
        execution = HostExecution(
            run=run_id,
            project=self.name,
            plan=plan,
            resources=self._planned[host.name].resources,
            contents=self._contents,
            vault=self._vault,
            identity=self._identities[host.name],
            emit=self._emit,
        )
        try:
            return not plan.steps or execution.execute(self._sessions.get(host))
        except CfgdslError as error:
            self._emit(HostFailed(host=host.name, problems=error.diagnostics))
            return False
        finally:
            self._let_go(host.name, len(self.hosts))

    def _bootstrap(self, host: Host[Any], plan: HostPlan) -> bool:
        try:
            return run_bootstrap(host, plan, self._sessions.options, self._emit)
        except CfgdslError as error:
            self._emit(HostFailed(host=host.name, problems=error.diagnostics))
            return False

    def _let_go(self, name: str, hosts: int) -> None:
        """Beyond `parallel` hosts, a connection is not kept until it is needed again."""
        if hosts > self._options.parallel:
            self._sessions.drop(name)

    def _begin(self, listen: Listener | None) -> None:
        self._listen = listen
        self._events = []
        self._stopping.clear()

    def _emit(self, event: Event) -> None:
        with self._emitting:
            if not isinstance(event, HostConnecting | HostReady | HostPlanned):
                self._events.append(event)
            if self._listen is not None:
                self._listen(event)


def _hosts(declarations: Declarations) -> tuple[Host[Any], ...]:
    """Every host once; two different ones of one name are an error."""
    found: dict[str, Host[Any]] = {}
    problems = []
    for configured in declarations.configured:
        for host in configured.hosts.values():
            known = found.setdefault(host.name, host)
            if known is not host:
                problems.append(two_hosts_of_one_name(known, host))
    if problems:
        raise ConfigurationError(*dict.fromkeys(problems))
    return tuple(found.values())


def _tags(evaluated: Evaluated) -> Iterator[str]:
    """All that `--tags` may name on a host."""
    for resource in evaluated.graph.resources:
        yield from resource.tags
    for component in evaluated.components:
        yield component.partition(":")[2]


def _request(
    host: Host[Any],
    evaluated: Evaluated,
    identity: Identity,
    machine_id: str | None,
    tags: frozenset[str],
) -> Request:
    inside: Mapping[str, tuple[str, ...]] = evaluated.components
    named = {i for tag in tags for i in inside.get(f"component:{tag}", ())}

    def selected(resource: Resource) -> bool:
        return not tags or resource.identity in named or not tags.isdisjoint(resource.tags)

    return Request(
        host=host.name,
        graph=evaluated.graph,
        components=inside,
        identity=identity,
        machine_id=machine_id,
        selected=selected,
    )


def _run_id() -> str:
    """Sortable by time, and random enough that two controllers never make the same."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"{stamp}-{os.urandom(4).hex()}"
