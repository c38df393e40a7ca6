"""Applying: executes plans host by host, whether they were just made or come from a file."""

import os
import threading
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import attrs

from cfgdsl.core.errors import CfgdslError, Diagnostic, SpoolError, TargetError
from cfgdsl.core.facts import basic_facts
from cfgdsl.core.plan import HostPlan
from cfgdsl.core.probes import Generated
from cfgdsl.core.secret import GENERATED, Secret
from cfgdsl.engine.emitter import Emitter
from cfgdsl.engine.events import HostFailed, RunHalted
from cfgdsl.engine.load import user_error
from cfgdsl.engine.rollout import Budget, for_each_host
from cfgdsl.engine.run import Run
from cfgdsl.engine.sessions import Sessions
from cfgdsl.engine.vault import Vault
from cfgdsl.targets.session import Session

# What a host needs only once it is connected is imported then: while the network is waited for.
if TYPE_CHECKING:
    from cfgdsl.core.prepared import Prepared
    from cfgdsl.engine.run_links import RunLinks


@attrs.frozen(kw_only=True)
class Application:
    """Executes prepared plans over the sessions of their hosts."""

    project: str | None
    by: Mapping[str, str]
    """Who runs this, from where: kept in the records of hosts."""
    sessions: Sessions
    vault: Vault
    emit: Emitter
    parallel: int
    stopping: threading.Event
    links: "RunLinks"
    """What goes from host to host, and the order that this asks for."""

    def run(
        self,
        hosts: "Mapping[str, Prepared]",
        secrets: Mapping[Secret, Diagnostic],
        *,
        first: int | None = None,
        max_failures: int | str | None = None,
    ) -> Run:
        """Execute the plan of each host; see `Project.apply`. A host's is asked for when its turn
        comes, and not kept. `secrets`: all that this takes, and what needs each.

        Raises `ConfigurationError`, before anything is changed, when a secret cannot be had.
        """
        from cfgdsl.engine.unseal import fetch_secrets  # noqa: PLC0415 - see above

        budget = Budget.parse(max_failures)
        fetch_secrets(secrets, self.vault, lambda needed: self._ask_for(needed, hosts))
        run_id = _run_id()

        def work(name: str) -> bool:
            try:
                return self._apply(hosts[name], run_id, many=len(hosts) > self.parallel)
            except SpoolError as error:
                self.emit(HostFailed(host=name, problems=error.diagnostics))
                return False
            finally:
                self.links.gates.host_ended(name)

        halt = for_each_host(
            self.links.order,
            work,
            parallel=self.parallel,
            first=self.links.first(first),
            budget=budget,
            stopping=self.stopping,
            left_out=self.links.gates.host_ended,
        )
        if halt is not None:
            self.emit(RunHalted(reason=halt.reason, not_started=halt.not_started))
        return Run(run_id, self.emit.events)

    def _ask_for(self, needed: Collection[Secret], hosts: "Mapping[str, Prepared]") -> None:
        """Have hosts tell the secrets that they have generated, where no plan has asked yet."""
        names: dict[str, list[str]] = {}
        for secret in needed:
            if secret.source == GENERATED and not self.vault.has_value(secret):
                host, _, name = secret.argument.partition("/")
                names.setdefault(host, []).append(name)
        for host in filter(hosts.__contains__, names):
            session = self.sessions.get(hosts[host].host)
            session.project = self.project
            session.probe([Generated(name, reveal=True).to_json() for name in names[host]])

    def _apply(self, prepared: "Prepared", run_id: str, *, many: bool) -> bool:
        host, plan = prepared.host, prepared.planned.plan
        if plan.problems:
            self.emit(HostFailed(host=host.name, problems=plan.problems))
            return False
        try:
            if plan.bootstrap:
                from cfgdsl.engine.bootstrap import run_bootstrap  # noqa: PLC0415 - see above

                return run_bootstrap(host, plan, self.sessions.options, self.emit)
            nothing = not plan.steps and plan.is_noted
            return nothing or self._execute(prepared, run_id)
        except BaseException as error:
            self.sessions.drop(host.name)  # left in the middle, it can be asked nothing else
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, CfgdslError):
                error = CfgdslError(user_error(error, f"applying {host.name}"))
            self.emit(HostFailed(host=host.name, problems=error.diagnostics))
            return False
        finally:
            if many:  # a connection is not kept until it is needed again
                self.sessions.drop(host.name)

    def _execute(self, prepared: "Prepared", run_id: str) -> bool:
        from cfgdsl.engine.execute import HostExecution  # noqa: PLC0415 - see above
        from cfgdsl.engine.unseal import unsealed  # noqa: PLC0415 - see above
        from cfgdsl.engine.verify import verifier  # noqa: PLC0415 - see above

        session = self.sessions.get(prepared.host)
        refuse_another_machine(prepared.planned.plan, session)
        planned = unsealed(prepared.planned, self.vault)
        execution = HostExecution(
            run=run_id,
            by=self.by,
            project=self.project,
            planned=planned,
            vault=self.vault,
            identity=prepared.identity,
            verify=verifier(prepared, planned, self.links.values),
            emit=self.emit,
            values=self.links.values,
            gates=self.links.gates,
        )
        return execution.execute(session)


def refuse_another_machine(plan: HostPlan, session: Session) -> None:
    """Raise `TargetError` where the host is not the machine that was looked at."""
    found = basic_facts(session.basics).machine_id
    if plan.machine_id is not None and found != plan.machine_id:
        raise TargetError(
            Diagnostic(
                summary="this is not the machine that the plan was made for",
                detail=f"Its machine-id was {plan.machine_id}, and is {found or 'not there'}: it "
                "was rebuilt, or another one answers in its place. Nothing was changed on it.",
                hint="Plan again.",
                address=plan.host,
            )
        )


def _run_id() -> str:
    """Sortable by time, and random enough that two controllers never make the same."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"{stamp}-{os.urandom(4).hex()}"
