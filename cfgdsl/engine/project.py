"""The library: load a configuration, plan it, apply the plan."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cfgdsl.core.errors import CfgdslError, ConfigurationError, Diagnostic
from cfgdsl.core.host import Host, unknown_name
from cfgdsl.core.plan import Plan
from cfgdsl.engine.ad_hoc import CommandResult, all_facts, run_command
from cfgdsl.engine.apply import Application
from cfgdsl.engine.caller import identity_of_caller
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.declare import Declarations
from cfgdsl.engine.emitter import Emitter
from cfgdsl.engine.events import Listener
from cfgdsl.engine.inventory import select
from cfgdsl.engine.known import Known
from cfgdsl.engine.load import load_declarations
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
    from cfgdsl.engine.evaluate import Evaluation
    from cfgdsl.engine.history import PastRun, PastStep


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
        self.hosts: tuple[Host[Any], ...] = declarations.hosts()
        self._declarations = declarations
        self._options = options
        self._vault = Vault(declarations.secrets, options.ask)
        self._contents = Contents(self._vault)
        self._emit = Emitter()
        self._sessions = Sessions(options, self._vault, self._emit)
        self._known = Known({host.name: host for host in self.hosts})
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every conversation, and forget what waits in a spool."""
        self._sessions.close()
        self._known.forget_spooled()

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
        plan = self._plan(limit, listen, tags=frozenset(tags), allow_drops=allow_drops)
        observed = self._known.observed
        hosts = [host.host for host in plan.summaries if host.host in observed]
        seen_tags = {tag for name in hosts for tag in observed[name].tags}
        unseen = [tag for tag in tags if tag not in seen_tags]
        if unseen and not any(host.problems or host.bootstrap for host in plan.summaries):
            raise unknown_name("tag or component", unseen[0], seen_tags)
        return plan

    def plan_destroy(self, *, limit: str | None = None, listen: Listener | None = None) -> Plan:
        """What it takes to take away all that the records of the hosts own, as if nothing were
        declared any more: what was created is deleted, what was adopted is put back as it was.
        Protected things are an error.
        """
        return self._plan(limit, listen, destroy=True, allow_drops=sys.maxsize)

    def plan_rollback(
        self, run: str, *, limit: str | None = None, listen: Listener | None = None
    ) -> Plan:
        """What it takes to bring the hosts back to how they were before `run` (a `Run.id`), from
        what each host itself has kept; what cannot be undone is in the notes.

        Raises `ConfigurationError` when no host knows that run.
        """
        plan = self._plan(limit, listen, undo=run)
        observed = self._known.observed
        knowing = [h for h in plan.summaries if h.problems or observed[h.host].knows_run]
        if not knowing:
            hint = "`cfgdsl history` lists the runs that hosts know."
            raise ConfigurationError(Diagnostic(summary=f"no host knows a run {run}", hint=hint))
        return plan

    def _plan(self, limit: str | None, listen: Listener | None, **wishes: Any) -> Plan:
        self._begin(listen)
        chosen = {host.name: host for host in select(self.hosts, limit)}
        self._sessions.begin(list(chosen.values())[: self._options.parallel])
        from cfgdsl.engine.observe import Wishes  # noqa: PLC0415 - see above
        from cfgdsl.engine.planning import Planning  # noqa: PLC0415 - see above

        planning = Planning(
            known=self._known,
            chosen=chosen,
            wishes=Wishes(project=self.name, **wishes),
            evaluation=self._evaluation(),
            contents=self._contents,
            sessions=self._sessions,
            emit=self._emit,
            parallel=self._options.parallel,
            stopping=self._stopping,
        )
        return planning.plan()

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
        known = self._known
        hosts = known.prepared(plan)
        application = Application(
            links=known.run_links(plan, self._contents, self._vault),
            project=self.name,
            by=identity_of_caller(self._declarations.folder),
            sessions=self._sessions,
            vault=self._vault,
            emit=self._emit,
            parallel=self._options.parallel,
            stopping=self._stopping,
        )
        secrets = known.secrets(plan)
        return application.run(hosts, secrets, first=first, max_failures=max_failures)

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
            facts=self._known.facts,
            commit=identity_of_caller(self._declarations.folder).get("commit", ""),
            ask=self._options.ask,
        )
        save_plan(plan, self._known.prepared(plan).values(), Path(file), source, sign)

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
                if len(hosts) > self._options.parallel:
                    self._sessions.drop(name)
            return True

        parallel = self._options.parallel
        for_each_host(list(hosts), work, parallel=parallel, stopping=self._stopping)
        return {name: found[name] for name in hosts if name in found}

    def _evaluation(self) -> "Evaluation":
        """A fresh one for each plan: results and facts of an earlier one may be outdated."""
        from cfgdsl.engine.evaluate import Evaluation  # noqa: PLC0415 - see above

        return Evaluation(self._declarations, self._contents, self._sessions)

    def _begin(self, listen: Listener | None, *, many: bool = False) -> None:
        self._emit.begin(listen, many=many)
        self._stopping.clear()
        self._vault.look_again()
