"""What is promised of runs on a host that keeps a record, judged by what a machine knows."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, given, settings

from cfgdsl import HostPlan
from cfgdsl.core.request import Planned
from cfgdsl.runner.record import Record

from .histories import Apply, Event, History, histories
from .machine import names
from .recorded import Host, document
from .recorded_body import Body, Configuration, Trouble
from .recorded_runner import Outcome

READ_ONLY = "a plan changes nothing"
SAME = "the same input gives the same plan"
HAPPENS = "what is planned happens"
NOTHING_ELSE = "nothing else happens"
SECOND = "a second plan is empty, and nothing is left to be noted"
UNTOUCHED = "what waits for a failed step is left alone"
RECOVERS = "an undisturbed run ends where it would have ended without the troubles before"
REFRESHED = "whatever runs has read the newest of what it watches"
OWNED = "what was made has an owner for as long as it is there"
ADOPTED = "what was there before is deleted by no drop"
PROTECTED = "what is protected is deleted by nobody"

THOROUGH = bool(os.environ.get("CFGDSL_THOROUGH"))
SHARED = "/dev/shm" if Path("/dev/shm").is_dir() else None
_WELL = {"changed", "unneeded"}


class BrokenError(AssertionError):
    """A promise that does not hold."""


@attrs.define
class Life:
    """One history as it goes, and which of the promises are looked at."""

    host: Host
    judged: frozenset[str] | None = None
    forks: int = 0

    def promise(self, name: str, kept: Callable[[], bool], *told: Any) -> None:
        """Raise unless it is kept, if it is one of those that are looked at."""
        if (self.judged is None or name in self.judged) and not kept():
            raise BrokenError(name, *told)

    def go_on(self, event: Event) -> None:
        """One event more."""
        if isinstance(event, Apply):
            self._apply(event)
        else:
            self.host.body.by_hand(event.change)

    def _apply(self, event: Apply) -> None:
        """The same is applied to a twin that meets no trouble, and the ends are compared."""
        host, declared = self.host, renamed(event.declared, self.host)
        if self._plan(host, declared) is None:
            return
        self.forks += 1
        twin, free = host.fork(f"twin{self.forks}"), Trouble()
        well = not event.troubles or self._undisturbed(twin, declared, free, condense=False)
        for trouble in event.troubles:
            planned = self._plan(host, declared)
            if planned is None:
                break
            within = trouble.within(free)
            outcome = self._run(host, declared, planned, within, condense=event.condense)
            self._leaves_dependents_alone(planned, outcome)
        if not event.recovers or not well:
            return
        well = self._undisturbed(host, declared, Trouble(), condense=event.condense)
        if event.troubles:
            self.promise(RECOVERS, lambda: well)
            ends = [(each.body.state, told(each.record)) for each in (twin, host)]
            self.promise(RECOVERS, lambda: ends[0] == ends[1], *ends)

    def _undisturbed(
        self, host: Host, declared: Configuration, free: Trouble, *, condense: bool
    ) -> bool:
        """Whether it ends well; if so, all is as it should be."""
        planned = self._plan(host, declared)
        if planned is None:
            return False
        before = host.body.keys
        outcome = self._run(host, declared, planned, free, condense=condense)
        if not outcome.is_well:
            return False
        sure = [s for s in planned.plan.steps if not (s.possible or s.is_open or s.triggers)]
        undone = [s.identity for s in sure if outcome.outcomes[s.identity] != "changed"]
        lacks = [lack for lack in map(host.body.lacks, declared.resources) if lack]
        self.promise(HAPPENS, lambda: not undone and not lacks, undone, lacks)
        after = host.body.keys
        changed = {key for key in before | after if before.get(key) != after.get(key)}
        more = changed - may_change(planned)
        self.promise(NOTHING_ELSE, lambda: not more, more)
        again = self._plan(host, declared)
        left = ["no plan"] if again is None else [*names(again.plan), *noted(again.plan)]
        self.promise(SECOND, lambda: not left, left)
        behind = host.body.behind
        self.promise(REFRESHED, lambda: not behind, behind)
        return True

    def _plan(self, host: Host, declared: Configuration) -> Planned | None:
        before = host.body.keys, host.disk
        planned, again = host.plan(declared), host.plan(declared)
        self.promise(READ_ONLY, lambda: before == (host.body.keys, host.disk))
        texts = [plan and document(plan.plan) for plan in (planned, again)]
        self.promise(SAME, lambda: texts[0] == texts[1], *texts)
        return planned

    def _run(
        self,
        host: Host,
        declared: Configuration,
        planned: Planned,
        trouble: Trouble,
        *,
        condense: bool,
    ) -> Outcome:
        body, known, there = host.body, host.record.owned, set(host.body.keys)
        outcome = host.apply(declared, planned, trouble, condense=condense)
        self.promise(PROTECTED, lambda: not outcome.lost, outcome.lost)
        lost = there - body.keys.keys() - body.claimed - may_go(declared, planned.plan, known)
        self.promise(ADOPTED, lambda: not lost, lost)
        owned = host.record.owned
        created = writes_of([entry for entry in owned.values() if entry["created"]])
        body.claimed = created & (body.claimed | (created - there))
        body.made -= let_go(planned.plan, known)
        homeless = body.made - writes_of(owned.values())
        self.promise(OWNED, lambda: not homeless, homeless)
        return outcome

    def _leaves_dependents_alone(self, planned: Planned, outcome: Outcome) -> None:
        ended, steps = outcome.outcomes, planned.plan.steps
        for step in steps:
            unwell = [i for i in step.after if ended.get(steps[i].identity) not in _WELL]
            if unwell and step.identity in outcome.touched:
                self.promise(UNTOUCHED, lambda: False, step.identity)


def noted(plan: HostPlan) -> list[str]:
    """What it has to note without a step."""
    return [*plan.adopt, *plan.forget, *plan.rename]


def writes_of(entries: Any) -> set[str]:
    """The keys that entries of a record own."""
    return {key for entry in entries for key in entry["drop"]["writes"]}


def may_go(declared: Configuration, plan: HostPlan, owned: Mapping[str, Any]) -> set[str]:
    """Keys of what is declared absent, or is to be deleted once it is dropped, whosever it was."""
    gone = [r for r in declared.resources if getattr(r, "absent", False)]
    worded = [owned[s.identity] for s in plan.steps if s.release and s.identity in owned]
    return {key for resource in gone for key in resource.footprint().writes} | writes_of(
        [entry for entry in worded if entry.get("on_drop") == "delete"]
    )


def let_go(plan: HostPlan, owned: Mapping[str, Any]) -> set[str]:
    """Keys of what is owned no longer because it was said so, or nothing can take it away."""
    left = [owned[name] for name in plan.forget if name in owned]
    return writes_of([e for e in left if e.get("on_drop") == "forget" or not e["drop"]["ops"]])


def told(record: Record) -> Any:
    """What a record says of what is owned and owed, but for names and times of runs."""
    kept = ("created", "gone", "original", "kind", "keys", "values")
    owned = {name: {k: e.get(k) for k in kept} for name, e in record.owned.items()}
    return owned, sorted(record.debts)


def may_change(planned: Planned) -> set[str]:
    """Whatever the steps of a plan write, and what comes with packages and commands."""
    brought = {"unit:s", "path:/q", "path:/q/conf", "path:/t"}
    return brought.union(*(r.footprint().writes for r in planned.resources.values()))


def renamed(declared: Configuration, host: Host) -> Configuration:
    """With `moved` for whatever the record knows under another name."""
    known = {tuple(e["drop"]["writes"]): name for name, e in host.record.owned.items()}
    moved = {}
    for resource in declared.resources:
        old = known.get(tuple(resource.footprint().writes), resource.identity)
        if old != resource.identity:
            moved[old] = resource.identity
    return attrs.evolve(declared, moved=moved)


def live(
    body: Body, events: Sequence[Event], judged: frozenset[str] | None = None
) -> tuple[Body, Record]:
    """Live one history; the machine and its record at its end."""
    with tempfile.TemporaryDirectory(dir=SHARED) as folder:
        life = Life(Host(body.copy(), Path(folder) / "host"), judged)
        life.host.folder.mkdir()
        for event in events:
            life.go_on(event)
        return life.host.body, life.host.record


def forall(judged: frozenset[str] | None = None, *, examples: int, explain: bool = True) -> None:
    """Live random histories; without `explain`, only see whether a promise breaks."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=not (explain and THOROUGH),
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, *([Phase.shrink] if explain else [])],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def run(history: History) -> None:
        live(*history, judged=judged)

    run()
