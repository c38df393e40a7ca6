"""Executes the steps of one host: probe, compare, act, prove; everything at once that may be.

One loop, no threads, no barriers: whatever can start is probed together, acts, is probed again, and
sets free what waits for it. Commands run in the pool meanwhile.
"""

from __future__ import annotations

import time

from .attempt import Attempts
from .checks import check
from .lean import signal
from .observe import Observations
from .pool import Pool
from .schedule import WELL
from .wire import JSON_FRAME, MESSAGES, WireError, decode, digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .channel import Channel
    from .keeper import Keeper
    from .ops import Workshop
    from .schedule import Schedule, Step

LINGER = 900.0
"""Seconds that a command in hand may still take when the controller is gone."""

BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before each retry; the last counts for all further ones."""

GO_ON, DRAIN, FINISH_OP, KILL = range(4)
"""What is still to be done: all; what has started; only the ops in hand; nothing."""


class Execution:
    """One `execute` message on its way to an outcome for every step."""

    def __init__(
        self, schedule: Schedule, channel: Channel, shop: Workshop, keeper: Keeper
    ) -> None:
        self._schedule = schedule
        self._channel = channel
        self._sync = shop.sync
        self._keeper = keeper
        schedule.owed = keeper.record.debts
        self._contents = shop.contents
        self._pool = Pool(shop.accounts)
        self._mood = GO_ON
        self._linger: float | None = None
        self._trouble: WireError | None = None
        self._busy: dict[str, Step] = {}  # from its locks to its outcome, or to a question
        self._before = Observations(shop, self._pool)
        self._acted: list[Step] = []
        self._after = Observations(shop, self._pool)
        self._attempts = Attempts(shop, self._pool, self._tried, self._heard)
        self._asked: dict[str, str] = {}  # what the controller is to decide, by id: the phase
        self._retries: list[tuple[float, Step, dict[str, Any]]] = []

    def run(self, stopped: bool = False) -> None:
        """Go on until every step has an outcome. `stopped`: none is to start."""
        with self._pool as pool:
            pool.watch(self._channel.fd)
            pool.watch(self._channel.out_fd, only_end=True)
            self._listen()
            self._calm_down(DRAIN if stopped else GO_ON)
            while self._schedule.unfinished:
                if not self._advance():
                    self._wait()
        if self._trouble is not None:
            raise self._trouble
        if signal.SIGTERM in self._pool.signalled:
            raise SystemExit(143)

    def _advance(self) -> bool:
        """Do all that can be done without waiting; False when that was nothing."""
        groups = self._schedule.take() if self._mood == GO_ON else []
        for group in groups:
            self._busy.update((step.id, step) for step in group)
        self._before.ask(groups)
        acting: list[list[Step]] = []
        decided = self._before.answered()
        for answered in decided:
            chosen = [step for step, answers in answered if self._decide(step, answers)]
            acting += [chosen] if chosen else []
        self._act(acting)
        resumed = self._attempts.go_on()
        acted, self._acted = self._acted, []
        self._after.ask([[step] for step in self._made_durable(acted)])
        judged = self._after.answered()
        for answered in judged:
            for step, answers in answered:
                self._judge(step, answers)
        return bool(groups or decided or resumed or acted or judged)

    def _wait(self) -> None:
        """Say what happened, then wait for a command, the controller, a signal or a retry."""
        try:
            self._keeper.flush()
        except OSError:  # outcomes that are lost are found again by probing
            pass
        self._channel.flush()
        now = time.monotonic()
        alarms = [when for when, _, _ in self._retries]
        alarms += [self._linger] if self._linger is not None else []
        readable = self._pool.pump(max(0.0, min(alarms) - now) if alarms else None)
        if self._channel.fd in readable:
            self._channel.hear()
            self._listen()
        if self._channel.out_fd in readable:
            self._channel.broken = True
            self._pool.unwatch(self._channel.out_fd)
        if self._channel.broken or signal.SIGHUP in self._pool.signalled:
            self._calm_down(FINISH_OP)
        now = time.monotonic()
        if signal.SIGTERM in self._pool.signalled or (self._linger or now) < now:
            self._calm_down(KILL)
        for entry in [entry for entry in self._retries if entry[0] <= now]:
            self._retries.remove(entry)
            self._schedule.again(entry[1])

    # What the controller says

    def _listen(self) -> None:
        """Heed the messages that have arrived."""
        try:
            for kind, payload in self._channel.frames():
                if kind == JSON_FRAME:
                    self._heed(decode(payload))
        except (WireError, RecursionError) as error:
            self._trouble = WireError(str(error))
            self._calm_down(FINISH_OP)
        if self._channel.ended and self._mood < FINISH_OP:
            self._calm_down(FINISH_OP)
        if self._channel.ended:
            self._pool.unwatch(self._channel.fd)

    def _heed(self, message: dict[str, Any]) -> None:
        check(MESSAGES, message.get("do"), message)
        if message["do"] == "resolve":
            for step_id, decision in message["steps"].items():
                self._resolve(step_id, decision)
        elif message["do"] == "stop":
            self._calm_down(DRAIN if self._mood == GO_ON else KILL)
        elif message["do"] == "bye":
            self._calm_down(FINISH_OP)
        else:
            raise WireError("%r while steps are executed" % message["do"])

    def _resolve(self, step_id: str, decision: dict[str, Any]) -> None:
        phase = self._asked.pop(step_id, None)
        if phase is None:
            return  # it was stopped meanwhile
        step = self._schedule.steps[step_id]
        if decision.get("done"):
            step.note(decision)
            self._finish(step, decision["done"], decision.get("detail"))
        elif decision.get("ops") is None and decision.get("probes") is None:
            raise WireError("step %r: neither ops nor an outcome" % step_id)
        elif self._mood != GO_ON:
            self._finish(step, "unproven", {"error": "stopped before its next ops"})
        elif decision.get("probes") is not None:
            step.observe(decision["probes"])
            self._schedule.again(step)
        else:
            for text in decision.get("texts") or []:
                self._contents.keep(text)
            step.decide(decision)
            self._schedule.again(step)

    def _calm_down(self, mood: int) -> None:
        """Do less from now on."""
        if mood <= self._mood:
            return
        self._mood = mood
        retries, self._retries = self._retries, []
        for _, step, detail in retries:
            self._finish(step, "failed", detail)
        lost = [i for i, phase in self._asked.items() if phase == "before" or mood >= FINISH_OP]
        for step_id in lost:
            error = "the controller was gone before it could be judged"
            acted = self._asked.pop(step_id) == "after"
            step = self._schedule.steps[step_id]
            self._finish(
                step, "unproven" if acted else "stopped", {"error": error} if acted else {}
            )
        for step in self._schedule.steps.values():
            if step.id not in self._busy and step.id not in self._asked:
                self._finish(step, "stopped")
        if mood >= FINISH_OP:
            self._linger = time.monotonic() + LINGER
            self._attempts.halt()
        if mood == KILL:
            self._linger = None
            self._pool.kill("killed, because the run was stopped")

    # The life of a step

    def _decide(self, step: Step, answers: list[Any]) -> bool:
        """Whether the ops of a step are to run, given how things are now."""
        found = self._note_found(step, answers)
        if step.first_found is None:
            step.first_found = found
        as_wanted = found == step.want and not step.always and not step.refresh
        if as_wanted:
            self._finish(step, "changed" if step.tries else "unneeded")
        elif step.refresh and not step.tries and self._keeper.is_paid(step, answers):
            self._finish(step, "unneeded")
        elif self._mood != GO_ON:
            self._finish(step, "stopped")
        elif step.ops is None:
            self._let_controller_decide(step, "before", answers)
        elif step.before is not None and found not in (step.before, step.want):
            self._finish(step, "stale", {"answers": answers})
        else:
            return True
        return False

    @staticmethod
    def _note_found(step: Step, answers: list[Any]) -> str:
        found = step.found = digest(answers)
        if step.report:
            step.answers = answers
        return found

    def _act(self, groups: Sequence[list[Step]]) -> None:
        """Start the ops of groups of steps, once it is on the disk that this is about to happen."""
        if not groups:
            return
        steps = [step for group in groups for step in group]
        try:
            self._keeper.intend(steps, self._schedule)
        except OSError as error:
            for step in steps:
                self._finish(step, "failed", {"error": "the journal: %s" % error.strerror})
            return
        for step in steps:
            if not step.tries:
                step.started = time.monotonic()
                self._tell("started", step)
            step.tries += 1
        self._channel.flush()
        self._attempts.begin(groups)

    def _heard(self, step: Step, stream: str, text: str) -> None:
        self._tell("output", step, stream=stream, text=text)

    def _tried(self, steps: Sequence[Step], detail: dict[str, Any] | None) -> None:
        for step in steps:
            if detail is None and self._mood == KILL:
                error = {"error": "the run was stopped before it was observed again"}
                self._finish(step, "unproven", error)
            elif detail is None:
                self._acted.append(step)
            elif self._mood != GO_ON:
                self._finish(step, "failed", detail)
            elif len(steps) > 1:
                self._try_again(step, alone=True)
                self._schedule.again(step)
            elif step.retried < step.retries:
                pause = BACKOFF[min(step.retried, len(BACKOFF) - 1)]
                step.retried += 1
                self._try_again(step, alone=step.alone)
                self._retries.append((time.monotonic() + pause, step, detail))
            else:
                self._finish(step, "failed", detail)

    def _try_again(self, step: Step, alone: bool) -> None:
        """Its last try may have done a part: any state is one to go on from."""
        step.before = None
        step.alone = alone
        self._let_go(step)

    def _made_durable(self, acted: list[Step]) -> list[Step]:
        """Changed folders reach the disk before anything is reported as done."""
        try:
            self._sync()
        except OSError as error:
            for step in acted:
                self._finish(step, "failed", {"error": "cannot write to disk: %s" % error.strerror})
            return []
        return acted

    def _judge(self, step: Step, answers: list[Any]) -> None:
        """The ops have run: is it as wanted?"""
        self._note_found(step, answers)
        if step.refresh:
            proven = step.found != step.first_found
            self._finish(
                step, "changed" if proven else "unproven", {} if proven else {"answers": answers}
            )
        elif not step.probes or (step.want is not None and step.found == step.want):
            self._finish(step, "changed")  # without a question, the exit status is the proof
        elif self._mood >= FINISH_OP:
            self._finish(step, "unproven", {"answers": answers})
        else:
            self._let_controller_decide(step, "after", answers)

    def _let_controller_decide(self, step: Step, phase: str, answers: list[Any]) -> None:
        self._let_go(step)
        self._asked[step.id] = phase
        self._tell("observed", step, phase=phase, answers=answers)

    def _let_go(self, step: Step) -> None:
        if self._busy.pop(step.id, None) is not None:
            self._schedule.release(step)

    def _finish(self, step: Step, outcome: str, detail: dict[str, Any] | None = None) -> None:
        """A step has its outcome; others may have theirs with it."""
        self._let_go(step)
        for ended in self._schedule.finish(step, outcome):
            about = detail if ended is step else {"because": ended.because} if ended.because else {}
            seconds = round(time.monotonic() - ended.started, 3) if ended.started else 0.0
            told: dict[str, Any] = {"outcome": ended.outcome, "seconds": seconds}
            if ended.report and ended.outcome in WELL:
                told.update(answers=ended.answers, captured=ended.captured)
            self._tell("done", ended, detail=about or {}, **told)
            self._keeper.ended(ended, ended.outcome or "")

    def _tell(self, event: str, step: Step, **fields: Any) -> None:
        self._channel.send({"is": "event", "event": event, "step": step.id, **fields})
