"""Plans the hosts that are chosen, side by side; those that wait for others come after them."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from cfgdsl.core.errors import (
    CfgdslError,
    ConfigurationError,
    NoPythonError,
    TargetError,
)
from cfgdsl.core.host import Host
from cfgdsl.core.plan import HostPlan, Plan
from cfgdsl.engine.across import Across, Links
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.emitter import Emitter
from cfgdsl.engine.evaluate import Evaluated, Evaluation
from cfgdsl.engine.events import HostFailed, HostPlanned
from cfgdsl.engine.known import Known
from cfgdsl.engine.load import user_error
from cfgdsl.engine.observe import Observed, Wishes, observe_host
from cfgdsl.engine.rollout import for_each_host
from cfgdsl.engine.sessions import Sessions

if TYPE_CHECKING:  # those with few hosts do without the spool
    from cfgdsl.engine.spool import Spooled


@attrs.define
class Planning:
    """One plan in the making; `known` holds what executing it will take."""

    known: Known
    chosen: Mapping[str, Host[Any]]
    wishes: Wishes
    evaluation: Evaluation
    contents: Contents
    sessions: Sessions
    emit: Emitter
    parallel: int
    stopping: threading.Event
    _across: Across = attrs.field(init=False)
    _plans: "dict[str, HostPlan | Spooled]" = attrs.field(factory=dict, init=False)
    _waiting: dict[str, HostPlan] = attrs.field(factory=dict, init=False)
    """The plans of hosts that wait for others, until no plan changes any more."""
    _is_wrong: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._across = self.known.across = Across(self.chosen)
        self.known.spooler = None
        if len(self.chosen) > self.parallel:  # such plans do not stay in memory
            from cfgdsl.engine.spool import Spooler  # noqa: PLC0415 - see above

            self.known.spooler = Spooler(self.contents, self._across)

    def plan(self) -> Plan:
        """Observe the hosts that are chosen, and say what would change.

        Raises `ConfigurationError` when the configuration is wrong and no host could be planned.
        """
        self._for_each(list(self.chosen), self._work)
        if self._across.waiting:
            self._plan_waiting()
        self._across.settle()
        self.known.facts = self.evaluation.facts_read()
        plans = [self._plans[name] for name in self.chosen if name in self._plans]
        if self._is_wrong and all(plan.problems for plan in plans):
            raise ConfigurationError(*dict.fromkeys(p for plan in plans for p in plan.problems))
        return self._plan_of(plans)

    def _plan_waiting(self) -> None:
        across = self._across
        self._for_each(across.outside, self._look_at)
        for level in across.levels(self.parallel):
            work = across.group_work(level, self._work, self._waiting)
            self._for_each([group[0] for group in level], work)
        across.check()
        for name in (name for name in across.waiting if name in self._waiting):
            self.emit(HostPlanned(host=name, plan=self._waiting[name]))
            self._plans[name] = self._spooled(self._waiting.pop(name))

    def _for_each(self, names: Sequence[str], work: Callable[[str], bool]) -> None:
        for_each_host(names, work, parallel=self.parallel, stopping=self.stopping)

    def _work(self, name: str) -> bool:
        try:
            plan = self._plan_host(self.chosen[name])
            if plan is None:
                return True  # what it waits for comes first
        except CfgdslError as error:
            self._is_wrong = self._is_wrong or not isinstance(error, TargetError)
            self.sessions.drop(name)
            self.emit(HostFailed(host=name, problems=error.diagnostics))
            plan = HostPlan(host=name, problems=error.diagnostics)
        if name in self._across.waiting:
            self._waiting[name] = plan
        else:
            self._plans[name] = self._spooled(plan)
        return not plan.problems

    def _plan_host(self, host: Host[Any]) -> HostPlan | None:
        """The plan of a host; None: others must be planned before."""
        try:
            plan = self._observed_plan(host)
            if plan is None:
                return None
        except NoPythonError as error:
            self.sessions.drop(host.name)
            if not host.bootstrap:
                raise
            from cfgdsl.engine.bootstrap import bootstrap_plan  # noqa: PLC0415 - rarely needed

            plan = bootstrap_plan(host, error)
        except CfgdslError:
            raise
        except Exception as error:  # noqa: BLE001 - a type's mistake on one host stops no other
            raise ConfigurationError(user_error(error, f"planning {host.name}")) from None
        if host.name not in self._across.waiting:
            self.emit(HostPlanned(host=host.name, plan=plan))
        self._let_go(host.name)
        return plan

    def _observed_plan(self, host: Host[Any]) -> HostPlan | None:
        evaluated = self._across.waiting.get(host.name)
        if evaluated is None:
            evaluated = self._evaluated(host)
            if self._across.defer(host.name, evaluated):
                return None
        links = Links(across=self._across, prepare=self.contents.resolve)
        session = self.sessions.get(host)
        observed = observe_host(host, session, evaluated, self.wishes, links)
        self.known.observed[host.name] = observed
        self._across.note(host.name, observed.planned)
        return observed.planned.plan

    def _evaluated(self, host: Host[Any]) -> Evaluated:
        """What is declared; it may ask for facts, and so meet the host first. The way back must
        work for code that does not, and destroying asks for none."""
        if self.wishes.destroy:
            return Evaluated.nothing()
        try:
            return self.evaluation.evaluate(host)
        except ConfigurationError:
            if self.wishes.undo is None:
                raise
            return Evaluated.nothing()

    def _look_at(self, name: str) -> bool:
        """Observe a host outside of the limit; nothing of it is planned."""
        host = self.known.hosts[name]
        links = Links(across=self._across, prepare=self.contents.resolve, is_outside=True)
        try:
            evaluated = self.evaluation.evaluate(host)
            session = self.sessions.get(host)
            # None will be dropped.
            wishes = Wishes(project=self.wishes.project, allow_drops=sys.maxsize)
            seen = observe_host(host, session, evaluated, wishes, links)
            self._across.note(name, seen.planned)
        except CfgdslError as error:
            self._across.note_unseen(name, error.diagnostics)
            self.sessions.drop(name)
            return False
        self._let_go(name)
        return True

    def _let_go(self, name: str) -> None:
        """Beyond `parallel` hosts, a connection is not kept until it is needed again."""
        if len(self.known.hosts) > self.parallel:
            self.sessions.drop(name)

    def _spooled(self, plan: HostPlan) -> "HostPlan | Spooled":
        """A host's plan, or what stands for it while it waits in the spool."""
        if self.known.spooler is None:
            return plan
        found = self.known.observed.get(plan.host)
        if not (isinstance(found, Observed) and found.is_of(plan)):
            return plan
        spooled = self.known.spooler.put(found, self.known.hosts[plan.host])
        if spooled is None:
            return plan
        self.known.observed[plan.host] = spooled
        self._across.note_spooled(plan.host, spooled.export)
        return spooled

    def _plan_of(self, parts: "Sequence[HostPlan | Spooled]") -> Plan:
        plans = [part for part in parts if isinstance(part, HostPlan)]
        if len(plans) == len(parts):
            return Plan(project=self.wishes.project, hosts=tuple(plans))
        from cfgdsl.engine.spool import SpooledPlans  # noqa: PLC0415 - see above

        return Plan(project=self.wishes.project, hosts=SpooledPlans(parts))
