"""The library: load a configuration, plan it, apply the plan."""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cfgdsl.core.errors import (
    CfgdslError,
    ConfigurationError,
    Diagnostic,
    NoPythonError,
    TargetError,
)
from cfgdsl.core.host import Host, unknown_name
from cfgdsl.core.plan import HostPlan, Plan
from cfgdsl.core.secret import Secret
from cfgdsl.engine.ad_hoc import CommandResult, all_facts, run_command
from cfgdsl.engine.apply import Application
from cfgdsl.engine.caller import identity_of_caller
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.declare import Declarations, two_hosts_of_one_name
from cfgdsl.engine.emitter import Emitter
from cfgdsl.engine.events import HostFailed, HostPlanned, Listener
from cfgdsl.engine.inventory import select
from cfgdsl.engine.load import load_declarations, user_error
from cfgdsl.engine.options import Options
from cfgdsl.engine.rollout import for_each_host
from cfgdsl.engine.run import Run
from cfgdsl.engine.sessions import Sessions
from cfgdsl.engine.vault import Vault
from cfgdsl.targets.traffic import Traffic

# What a host needs only once it is connected is imported then: while the network is waited for.
if TYPE_CHECKING:
    from cfgdsl.core.graph import Graph
    from cfgdsl.core.importing import Imported
    from cfgdsl.core.prepared import Prepared
    from cfgdsl.engine.across import Across
    from cfgdsl.engine.evaluate import Evaluated, Evaluation
    from cfgdsl.engine.history import PastRun, PastStep
    from cfgdsl.engine.observe import Observed, Wishes
    from cfgdsl.engine.run_links import RunLinks
    from cfgdsl.engine.spool import Spooled, Spooler


def load(file: str | Path = "infra.py", *, options: Options | None = None) -> "Project":
    """Run the configuration module and return what it declares; no connection is made.

    Raises `ConfigurationError` with every problem found.
    """
    declarations = load_declarations(file)
    if declarations.problems:
        raise ConfigurationError(*declarations.problems)
    return Project(declarations, options or Options())


class Project:
    """A loaded configuration. Use it as a context manager, or `close` it."""

    def __init__(self, declarations: Declarations, options: Options) -> None:
        self.name: str | None = declarations.project
        self.hosts: tuple[Host[Any], ...] = _hosts(declarations)
        self._declarations = declarations
        self._options = options
        self._vault = Vault(declarations.secrets, options.ask)
        self._contents = Contents(self._vault)
        self._emit = Emitter()
        self._sessions = Sessions(options, self._vault, self._emit)
        self._by_name = {host.name: host for host in self.hosts}
        self._observed: dict[str, Observed | Spooled] = {}
        self._facts: dict[str, str] = {}
        """Digests of the facts that the last evaluation read, by host."""
        self._stopping = threading.Event()
        self._across: Across | None = None
        self._spooler: Spooler | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every conversation, and forget what waits in a spool."""
        self._sessions.close()
        if self._spooler is not None:
            self._spooler = self._across = None
            self._observed.clear()

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
        self,
        *,
        limit: str | None = None,
        tags: Sequence[str] = (),
        allow_drops: int = 0,
        listen: Listener | None = None,
    ) -> Plan:
        """Observe the hosts and say what would change; nothing is written anywhere.

        `limit` chooses hosts (``web*,!web3``, ``@tag``), `tags` resources. More than 20 resources
        of a host, or a fifth, are dropped at once only if `allow_drops` says so. A host that cannot
        be planned has `problems` in its part of the plan: others go on. Raises `ConfigurationError`
        when the configuration is wrong and no host could be planned at all.
        """
        plan = self._plan(
            self._wishes(tags=frozenset(tags), allow_drops=allow_drops), limit, listen
        )
        hosts = [host.host for host in plan.summaries if host.host in self._observed]
        seen_tags = {tag for name in hosts for tag in self._observed[name].tags}
        unseen = [tag for tag in tags if tag not in seen_tags]
        if unseen and not any(host.problems or host.bootstrap for host in plan.summaries):
            raise unknown_name("tag or component", unseen[0], seen_tags)
        return plan

    def plan_destroy(self, *, limit: str | None = None, listen: Listener | None = None) -> Plan:
        """What it takes to take away all that the records of the hosts own, as if nothing were
        declared any more: what was created is deleted, what was adopted is put back as it was.
        Protected things are an error.
        """
        wishes = self._wishes(destroy=True, allow_drops=sys.maxsize)
        return self._plan(wishes, limit, listen)

    def plan_rollback(
        self, run: str, *, limit: str | None = None, listen: Listener | None = None
    ) -> Plan:
        """What it takes to bring the hosts back to how they were before `run` (a `Run.id`), from
        what each host itself has kept; what cannot be undone is in the notes.

        Raises `ConfigurationError` when no host knows that run.
        """
        plan = self._plan(self._wishes(undo=run), limit, listen)
        knowing = [h for h in plan.summaries if h.problems or self._observed[h.host].knows_run]
        if not knowing:
            hint = "`cfgdsl history` lists the runs that hosts know."
            raise ConfigurationError(Diagnostic(summary=f"no host knows a run {run}", hint=hint))
        return plan

    def _plan(self, wishes: "Wishes", limit: str | None, listen: Listener | None) -> Plan:
        self._begin(listen)
        chosen = {host.name: host for host in select(self.hosts, limit)}
        self._sessions.begin(list(chosen.values())[: self._options.parallel])
        evaluation = self._evaluation()
        across = self._new_across(chosen)
        self._spooler = self._new_spooler(across, len(chosen))
        plans: dict[str, HostPlan | Spooled] = {}
        waiting: dict[str, HostPlan] = {}
        is_wrong = False

        def work(name: str) -> bool:
            nonlocal is_wrong
            try:
                plan = self._plan_host(chosen[name], evaluation, wishes, across)
                if plan is None:
                    return True  # what it waits for comes first
            except CfgdslError as error:
                is_wrong = is_wrong or not isinstance(error, TargetError)
                self._sessions.drop(name)
                self._emit(HostFailed(host=name, problems=error.diagnostics))
                plan = HostPlan(host=name, problems=error.diagnostics)
            if name in across.waiting:
                waiting[name] = plan
            else:
                plans[name] = self._spooled(plan, across)
            return not plan.problems

        self._for_each(list(chosen), work)
        if across.waiting:
            known = self._by_name
            self._for_each(across.outside, lambda n: self._look_at(known[n], evaluation, across))
            for level in across.levels(self._options.parallel):
                self._for_each([g[0] for g in level], across.group_work(level, work, waiting))
            across.check()
            for name in (name for name in across.waiting if name in waiting):
                self._emit(HostPlanned(host=name, plan=waiting[name]))
                plans[name] = self._spooled(waiting.pop(name), across)
        across.settle()
        self._facts = evaluation.facts_read()
        if is_wrong and all(plan.problems for plan in plans.values()):
            problems = (p for name in chosen if name in plans for p in plans[name].problems)
            raise ConfigurationError(*dict.fromkeys(problems))
        return self._plan_of([plans[name] for name in chosen if name in plans])

    def _plan_of(self, parts: "Sequence[HostPlan | Spooled]") -> Plan:
        plans = [part for part in parts if isinstance(part, HostPlan)]
        if len(plans) == len(parts):
            return Plan(project=self.name, hosts=tuple(plans))
        from cfgdsl.engine.spool import SpooledPlans  # noqa: PLC0415 - see above

        return Plan(project=self.name, hosts=SpooledPlans(parts))

    def _new_spooler(self, across: "Across", hosts: int) -> "Spooler | None":
        """Beyond `parallel` hosts, plans do not stay in memory until they are executed."""
        if hosts <= self._options.parallel:
            return None
        from cfgdsl.engine.spool import Spooler  # noqa: PLC0415 - see above

        return Spooler(self._contents, across)

    def _spooled(self, plan: HostPlan, across: "Across") -> "HostPlan | Spooled":
        """A host's plan, or what stands for it while it waits in the spool."""
        if self._spooler is None:
            return plan
        from cfgdsl.engine.observe import Observed  # noqa: PLC0415 - see above

        found = self._observed.get(plan.host)
        if not (isinstance(found, Observed) and found.is_of(plan)):
            return plan
        spooled = self._spooler.put(found, self._by_name[plan.host])
        if spooled is None:
            return plan
        self._observed[plan.host] = spooled
        across.note_spooled(plan.host, spooled.export)
        return spooled

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
        started when more failed (``3``, ``"10%"``; default: more than 25 %, and at least 3). Raises
        `ConfigurationError`, before anything is changed, when a secret cannot be had.
        """
        many = len(plan.hosts) > self._options.parallel
        self._begin(listen, many=many)
        hosts = self._prepared(plan)
        return self._application(self._run_links(plan)).run(
            hosts, self._secrets(plan), first=first, max_failures=max_failures
        )

    def save(
        self,
        plan: Plan,
        file: str | Path,
        *,
        sign: str | Path | None = None,
    ) -> None:
        """Write `plan`, which this project made, into a file that `load_plan` executes: exactly
        that, without this configuration.

        `sign` is a file with an ed25519 private key in OpenSSH's format. Raises
        `ConfigurationError` when a step cannot be saved, or the file not be written.
        """
        from cfgdsl.engine.saved import Source, save_plan  # noqa: PLC0415 - see above

        source = Source(
            vault=self._vault,
            code=self._declarations.code,
            facts=self._facts,
            commit=identity_of_caller(self._declarations.folder).get("commit", ""),
            ask=self._options.ask,
        )
        save_plan(plan, self._prepared(plan).values(), Path(file), source, sign)

    def graphs(
        self, *, limit: str | None = None, listen: Listener | None = None
    ) -> "dict[str, Graph]":
        """The graph of each host; hosts are asked only for facts that the configuration reads."""
        self._begin(listen)
        evaluation = self._evaluation()
        return {h.name: evaluation.evaluate(h).graph for h in select(self.hosts, limit)}

    def facts(
        self, *, limit: str | None = None, listen: Listener | None = None
    ) -> dict[str, dict[str, Any] | tuple[Diagnostic, ...]]:
        """The facts of each host, or why there are none."""
        return self._ask_each(limit, listen, lambda h: all_facts(self._sessions.get(h)))

    def run(
        self,
        argv: Sequence[str],
        *,
        limit: str | None = None,
        timeout: float | None = None,
        listen: Listener | None = None,
    ) -> dict[str, CommandResult | tuple[Diagnostic, ...]]:
        """Run a command on each host (argv, no shell), or say why it could not be."""
        scrub = self._vault.scrub
        return self._ask_each(
            limit,
            listen,
            lambda h: run_command(self._sessions.get(h), h.name, argv, timeout, scrub),
        )

    def _ask_each(
        self, limit: str | None, listen: Listener | None, ask: Callable[[Host[Any]], Any]
    ) -> dict[str, Any]:
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

    def _for_each(self, names: Sequence[str], work: Callable[[str], bool]) -> None:
        for_each_host(names, work, parallel=self._options.parallel, stopping=self._stopping)

    def _application(self, links: "RunLinks") -> Application:
        return Application(
            links=links,
            project=self.name,
            by=identity_of_caller(self._declarations.folder),
            sessions=self._sessions,
            vault=self._vault,
            emit=self._emit,
            parallel=self._options.parallel,
            stopping=self._stopping,
        )

    def _evaluation(self) -> "Evaluation":
        """A fresh one for each plan: results and facts of an earlier one may be outdated."""
        from cfgdsl.engine.evaluate import Evaluation  # noqa: PLC0415 - see above

        return Evaluation(self._declarations, self._contents, self._sessions)

    def _wishes(self, **wishes: Any) -> "Wishes":
        from cfgdsl.engine.observe import Wishes  # noqa: PLC0415 - see above

        return Wishes(project=self.name, **wishes)

    def _new_across(self, chosen: Iterable[str]) -> "Across":
        from cfgdsl.engine.across import Across  # noqa: PLC0415 - see above

        self._across = Across(chosen)
        return self._across

    def _look_at(self, host: Host[Any], evaluation: "Evaluation", across: "Across") -> bool:
        """Observe a host outside of the limit; nothing of it is planned."""
        from cfgdsl.engine.across import Links  # noqa: PLC0415 - see above
        from cfgdsl.engine.observe import Wishes, observe_host  # noqa: PLC0415 - see above

        links = Links(across=across, prepare=self._contents.resolve, is_outside=True)
        try:
            evaluated = evaluation.evaluate(host)
            session = self._sessions.get(host)
            wishes = Wishes(project=self.name, allow_drops=sys.maxsize)  # none will be dropped
            seen = observe_host(host, session, evaluated, wishes, links)
            across.note(host.name, seen.planned)
        except CfgdslError as error:
            across.note_unseen(host.name, error.diagnostics)
            self._sessions.drop(host.name)
            return False
        self._let_go(host.name, len(self.hosts))
        return True

    def _plan_host(
        self,
        host: Host[Any],
        evaluation: "Evaluation",
        wishes: "Wishes",
        across: "Across",
    ) -> HostPlan | None:
        """The plan of a host; None: others must be planned before."""
        from cfgdsl.engine.across import Links  # noqa: PLC0415 - see above
        from cfgdsl.engine.observe import observe_host  # noqa: PLC0415 - see above

        links = Links(across=across, prepare=self._contents.resolve)
        try:
            evaluated = across.waiting.get(host.name)
            if evaluated is None:
                evaluated = self._evaluated(host, evaluation, wishes)
                if across.defer(host.name, evaluated):
                    return None
            observed = observe_host(host, self._sessions.get(host), evaluated, wishes, links)
            self._observed[host.name] = observed
            across.note(host.name, observed.planned)
            plan = observed.planned.plan
        except NoPythonError as error:
            self._sessions.drop(host.name)
            if not host.bootstrap:
                raise
            from cfgdsl.engine.bootstrap import bootstrap_plan  # noqa: PLC0415 - see above

            plan = bootstrap_plan(host, error)
        except CfgdslError:
            raise
        except Exception as error:  # noqa: BLE001 - a type's mistake on one host stops no other
            raise ConfigurationError(user_error(error, f"planning {host.name}")) from None
        if host.name not in across.waiting:
            self._emit(HostPlanned(host=host.name, plan=plan))
        self._let_go(host.name, len(self.hosts))
        return plan

    def _evaluated(
        self, host: Host[Any], evaluation: "Evaluation", wishes: "Wishes"
    ) -> "Evaluated":
        """What is declared; it may ask for facts, and so meet the host first. The way back must
        work for code that does not, and destroying asks for none."""
        from cfgdsl.engine.evaluate import Evaluated  # noqa: PLC0415 - see above

        if wishes.destroy:
            return Evaluated.nothing()
        try:
            return evaluation.evaluate(host)
        except ConfigurationError:
            if wishes.undo is None:
                raise
            return Evaluated.nothing()

    def history(
        self, *, limit: str | None = None, listen: Listener | None = None
    ) -> "dict[str, tuple[PastRun, ...] | tuple[Diagnostic, ...]]":
        """The runs that each host remembers, the oldest first, or why it cannot tell."""
        from cfgdsl.engine.history import past_runs  # noqa: PLC0415 - see above

        return self._ask_each(
            limit,
            listen,
            lambda h: past_runs(h.name, self._sessions.get(h).history(self.name)),
        )

    def past_steps(
        self, run: str, *, limit: str | None = None, listen: Listener | None = None
    ) -> "dict[str, tuple[PastStep, ...] | tuple[Diagnostic, ...]]":
        """What a run (a `Run.id`) did on each host, step by step, or why the host cannot tell."""
        from cfgdsl.engine.history import past_steps  # noqa: PLC0415 - see above

        return self._ask_each(
            limit,
            listen,
            lambda h: past_steps(h.name, self._sessions.get(h).history(self.name, run)["entries"]),
        )

    def import_from(
        self, host: str, identities: Sequence[str], *, listen: Listener | None = None
    ) -> "Imported":
        """The code that declares what `host` has of `identities` (``user:deploy``), so that its
        first plan is empty; their types must be loaded. Raises `ConfigurationError`, `TargetError`.
        """
        from cfgdsl.core.importing import imported, sought  # noqa: PLC0415 - see above
        from cfgdsl.core.request import questions  # noqa: PLC0415 - see above

        wanted = tuple(sought(identities))
        self._begin(listen)
        (chosen,) = [h for h in self.hosts if h.name == host] or select(self.hosts, host)[:1]
        asked = questions(wanted)
        answers = self._sessions.get(chosen).probe([probe.to_json() for probe in asked])
        return imported(chosen, wanted, dict(zip(asked, answers, strict=True)))

    def _run_links(self, plan: Plan) -> "RunLinks":
        from cfgdsl.engine.run_links import run_links  # noqa: PLC0415 - see above

        known = (self._observed.get(host.host) for host in plan.summaries)
        awaited = frozenset(each for one in known if one is not None for each in one.awaited)
        across = self._across or self._new_across(())
        across.refuse_outdated(plan.summaries)
        return run_links(plan, awaited, across.foreign, self._contents, self._vault)

    def _prepared(self, plan: Plan) -> "Mapping[str, Prepared]":
        """What executing the plan of each host takes, made ready when it is asked for."""
        from cfgdsl.engine.preparing import preparations  # noqa: PLC0415 - see above

        return preparations(plan, self._by_name, self._observed)

    def _secrets(self, plan: Plan) -> dict[Secret, Diagnostic]:
        """Every secret that executing `plan` takes, and where it is first needed."""
        needed: dict[Secret, Diagnostic] = {}
        for host in plan.summaries:
            observed = self._observed.get(host.host)
            if observed is not None and not host.problems and not host.bootstrap:
                for secret, about in observed.secrets(self._by_name[host.host]).items():
                    needed.setdefault(secret, about)
        return needed

    def _let_go(self, name: str, hosts: int) -> None:
        """Beyond `parallel` hosts, a connection is not kept until it is needed again."""
        if hosts > self._options.parallel:
            self._sessions.drop(name)

    def _begin(self, listen: Listener | None, *, many: bool = False) -> None:
        self._emit.begin(listen, many=many)
        self._stopping.clear()
        self._vault.look_again()


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
