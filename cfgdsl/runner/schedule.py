"""Which step may start when: pure bookkeeping over `after`, `causes` and `locks`.

Every step is looked at a constant number of times for each thing it waits for.
"""

from __future__ import annotations

from .wire import WireError, canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from typing import Any

WELL = ("changed", "unneeded")


class Step:
    """One step of the plan, and how far it is."""

    def __init__(self, index: int, spec: dict[str, Any]) -> None:
        self.index = index
        self.id: str = spec["id"]
        self.name: str = spec["name"]
        self.observe(spec["probes"])
        self.ops: list[dict[str, Any]] | None = spec.get("ops")
        self.after: list[str] = spec.get("after") or []
        self.causes = frozenset(spec.get("causes") or ())
        self.locks: list[str] = sorted(set(spec.get("locks") or []))
        self.before: str | None = spec.get("before")
        self.want: str | None = spec.get("want")
        self.retries: int = spec.get("retries") or 0
        self.timeout: float | None = spec.get("timeout")
        self.refresh = bool(spec.get("refresh"))
        self.always = bool(spec.get("always"))
        self.debt = bool(spec.get("debt"))
        self.since: str | None = spec.get("since")
        self.release = bool(spec.get("release"))
        self.own: dict[str, Any] | None = spec.get("own")
        self.past: dict[str, Any] | None = spec.get("past")
        self.was: dict[str, Any] | None = spec.get("was")
        self.applied: str | None = spec.get("applied")
        self.barrier = bool(spec.get("barrier"))
        self.report = bool(spec.get("report"))
        self.answers: list[Any] | None = None
        """The last ones, of a step to report."""
        self.captured: dict[str, str] = {}
        self.outcome: str | None = None
        self.because: str | None = None
        """The failed step that this one would have needed."""
        self.found: str | None = None
        """The digest of the last answers."""
        self.first_found: str | None = None
        self.tries = 0
        self.retried = 0
        self.started = 0.0
        self.alone = False
        """Not to be done together with others: that has failed."""
        self.waits = 0
        self.due = not self.causes

    @property
    def alike(self) -> str | None:
        """Steps with the same text here can be done by one command; None: by its own only."""
        if (
            self.alone
            or self.report
            or self.ops is None
            or len(self.ops) != 1
            or not self.ops[0].get("items")
        ):
            return None
        op = {name: value for name, value in self.ops[0].items() if name != "items"}
        return canonical([op, self.locks, self.timeout, self.retries])

    def observe(self, probes: list[dict[str, Any]]) -> None:
        """What is to be asked about it from now on."""
        self.probes = probes
        self.slow = any(_runs_command(probe) for probe in probes)

    def decide(self, decision: dict[str, Any]) -> None:
        """The controller has decided, on the ground of what was found last."""
        self.ops, self.want, self.before = decision["ops"], decision.get("want"), self.found
        self.note(decision)

    def note(self, decision: dict[str, Any]) -> None:
        """What the record will say of it."""
        self.own = decision.get("own", self.own)
        self.was = decision.get("was", self.was)
        self.applied = decision.get("applied", self.applied)


def _runs_command(probe: dict[str, Any]) -> bool:
    """Whether answering takes a command that cannot be shared, and may take its time."""
    return probe["kind"] == "run" or bool(probe.get("when") and _runs_command(probe["when"]))


class Schedule:
    """All steps of one execution."""

    def __init__(self, specs: Sequence[dict[str, Any]]) -> None:
        steps = [Step(index, spec) for index, spec in enumerate(specs)]
        self.steps = {step.id: step for step in steps}
        self.owed: Container[str] = ()
        """Names of the refreshes that an earlier run still owes."""
        if len(self.steps) < len(steps):
            raise WireError("two steps have one id")
        self.unfinished = len(steps)
        self._next: dict[str, list[Step]] = {step.id: [] for step in steps}
        self._ready: list[Step] = []
        self._holders: dict[str, int] = {}
        self._parked: dict[str, dict[str, list[Step]]] = {}
        for step in steps:
            for other in {*step.after, *step.causes}:
                if other not in self.steps:
                    raise WireError("step %r waits for %r, which is not there" % (step.id, other))
                self._next[other].append(step)
                step.waits += 1
            if step.barrier and not step.causes:
                raise WireError("barrier %r stands for nothing" % step.id)
            if not step.waits:
                self._ready.append(step)
        self._refuse_cycles()

    def _refuse_cycles(self) -> None:
        waits = {step.id: step.waits for step in self.steps.values()}
        free = [step.id for step in self._ready]
        for done in free:  # grows meanwhile
            for step in self._next[done]:
                waits[step.id] -= 1
                if not waits[step.id]:
                    free.append(step.id)
        if len(free) < len(self.steps):
            stuck = [name for name, count in waits.items() if count]
            raise WireError("steps wait for each other: %s" % ", ".join(stuck[:10]))

    @property
    def has_changed(self) -> bool:
        """Whether something was changed, and the run was not stopped."""
        found = {step.outcome for step in self.steps.values()}
        return "changed" in found and "stopped" not in found

    def refreshes_after(self, step: Step) -> Iterator[Step]:
        """The refreshes that are owed once `step` has changed something."""
        causes = [step]
        seen: set[str] = set()
        for cause in causes:  # grows meanwhile
            for each in self._next[cause.id]:
                if each.id not in seen and cause.id in each.causes:
                    seen.add(each.id)
                    if each.barrier:
                        causes.append(each)
                    elif each.debt:
                        yield each

    def take(self) -> list[list[Step]]:
        """What can start now, as groups that one command can do; their locks are held from now."""
        groups: dict[str, list[Step]] = {}
        ready, self._ready = sorted(self._ready, key=lambda step: step.index), []
        for step in ready:  # grows meanwhile
            group = step.alike or "step " + step.id
            held = next((lock for lock in step.locks if self._holders.get(lock)), None)
            if held is not None and group not in groups:
                self._parked.setdefault(held, {}).setdefault(group, []).append(step)
                for lock in step.locks:
                    if not self._holders.get(lock):
                        ready += self._unpark(lock)
                continue
            for lock in step.locks:
                self._holders[lock] = self._holders.get(lock, 0) + 1
            groups.setdefault(group, []).append(step)
        return list(groups.values())

    def _unpark(self, lock: str) -> list[Step]:
        """The first group that waits for a lock: the others would only have to wait again."""
        parked = self._parked.get(lock)
        return parked.pop(next(iter(parked))) if parked else []

    def release(self, step: Step) -> None:
        """Give back the locks of a step that was taken."""
        for lock in step.locks:
            self._holders[lock] -= 1
            if not self._holders[lock]:
                self._ready += self._unpark(lock)

    def again(self, step: Step) -> None:
        """Let a step start once more: the controller has decided what it is to do."""
        self._ready.append(step)

    def finish(self, step: Step, outcome: str) -> list[Step]:
        """Note how a step ended. Returns it, and those that ended with it because of that, without
        the barriers."""
        ended: list[Step] = []
        todo = [(step, outcome)]
        while todo:
            step, outcome = todo.pop()
            if step.outcome is not None:
                continue
            step.outcome = outcome
            self.unfinished -= 1
            if not step.barrier:
                ended.append(step)
            for follower in self._next[step.id]:
                consequence = self._tell(follower, step)
                if consequence is not None:
                    todo.append((follower, consequence))
        return ended

    def _tell(self, follower: Step, step: Step) -> str | None:
        """One that `follower` waits for has ended; the outcome that this means for it, if any."""
        if step.outcome not in WELL:
            if step.outcome == "stopped":
                return "stopped"
            if follower.outcome is None:
                follower.because = step.because or step.id
            return "skipped"
        follower.waits -= 1
        follower.due = follower.due or (step.outcome == "changed" and step.id in follower.causes)
        if follower.waits or follower.outcome is not None:
            return None
        if not (follower.due or follower.name in self.owed):
            return "unneeded"
        if follower.barrier:
            return "changed"
        self._ready.append(follower)
        return None
