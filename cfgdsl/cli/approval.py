"""Asks whether a plan is to be executed, and executes what was approved."""

from collections.abc import Callable
from functools import partial
from typing import Self

import attrs
import typer

from cfgdsl.cli.exit_codes import DONE, FAILED, INTERRUPTED
from cfgdsl.cli.interrupt import draining
from cfgdsl.cli.opening import progress_of, watching
from cfgdsl.cli.progress import Progress
from cfgdsl.cli.screens import ForPeople, ForPrograms, Screen
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.cli.text import counted
from cfgdsl.core.plan import Plan
from cfgdsl.engine.events import Event, Listener
from cfgdsl.engine.project import Project
from cfgdsl.engine.run import Run


@attrs.frozen
class Rollout:
    """How far to go at once, and how many hosts may fail."""

    first: int | None
    max_failures: str | None

    def of(self, apply: Callable[..., Run], listen: Listener) -> Run:
        """What `apply` does within these bounds."""
        return apply(first=self.first, max_failures=self.max_failures, listen=listen)


@attrs.frozen
class Work:
    """What is approved: how a plan is executed, and how that is stopped."""

    execute: Callable[[Plan, Listener], Run]
    stop: Callable[[], None]

    @classmethod
    def on(cls, project: Project, rollout: Rollout) -> Self:
        """That of a plan which `project` made."""
        return cls(lambda p, listen: rollout.of(partial(project.apply, p), listen), project.stop)


@attrs.frozen
class Approval:
    """Asks, and executes what was approved."""

    work: Work
    terminal: Terminal
    screen: Screen
    yes: bool = attrs.field(kw_only=True)

    def of(self, plan: Plan) -> int:
        """The exit code."""
        if not any(host.steps for host in plan.summaries):
            return self._note(plan)
        if not self.yes and not self.terminal.confirm(_question(plan)):
            self.screen.say("Nothing was changed.")
            return FAILED
        return self._execute(plan)

    def _note(self, plan: Plan) -> int:
        """Nothing is to be changed; the records of hosts may still have to learn something."""
        run = None
        if not all(host.is_noted or host.problems for host in plan.summaries):
            run = self.work.execute(plan, self.screen.heard)
        is_well = run is None or run.ok
        self.screen.ended(None if is_well else run, plan, 0.0)
        return DONE if plan.ok and is_well else FAILED

    def _execute(self, plan: Plan) -> int:
        progress = Progress.of_plan(plan)
        self.screen.begun(plan)

        def tell(pressed: int) -> None:
            progress.note = "stopping" if pressed == 1 else "interrupting"
            self.terminal.complain(words(_STOPPING[pressed]))

        with draining(self.work.stop, tell) as pressed, self.terminal.carrying_on():
            with self.terminal.live(progress.rows, unless=not self.screen.is_moving):
                run = self.work.execute(plan, both(progress, self.screen.heard))
            self.screen.ended(run, plan, progress.seconds)
            if pressed():
                return INTERRUPTED
        return DONE if run.ok and plan.ok else FAILED


def planned(
    make: Callable[..., Plan],
    project: Project,
    terminal: Terminal,
    screen: Screen,
    limit: str | None,
) -> Plan:
    """The plan that `make` makes of the hosts that `limit` names, shown."""
    progress = progress_of("planning", project, limit)
    listen = both(watching(progress, terminal), screen.heard)
    with terminal.live(progress.rows, unless=not screen.is_moving):
        plan = make(limit=limit, listen=listen)
    screen.planned(plan)
    return plan


def prepared(terminal: Terminal, *, yes: bool, as_json: bool) -> Screen:
    """The screen of a command that applies; raises where nobody can be asked without --yes."""
    if not yes and (as_json or not terminal.is_interactive):
        raise typer.BadParameter("nobody can be asked here: add --yes", param_hint="--yes")
    return ForPrograms(terminal) if as_json else ForPeople(terminal)


_STOPPING = {
    1: "Stopping: finishing what has begun. Ctrl-C again interrupts that.",
    2: "Interrupting what still runs. Ctrl-C again leaves at once.",
}


def both(first: Listener, second: Listener) -> Listener:
    """A listener that tells both."""

    def listen(event: Event) -> None:
        first(event)
        second(event)

    return listen


def _question(plan: Plan) -> str:
    hosts = sum(bool(host.steps) for host in plan.summaries)
    left_out = sum(bool(host.problems) for host in plan.summaries)
    but = f", leaving out {left_out} that cannot be planned" if left_out else ""
    return f"Apply this to {counted(hosts, 'host')}{but}?"
