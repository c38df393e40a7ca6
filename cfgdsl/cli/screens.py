"""How an apply is shown: to people, or to programs."""

from typing import Protocol

import attrs

from cfgdsl.cli import documents
from cfgdsl.cli.render.outcome import run_lines
from cfgdsl.cli.render.plan import plan_lines
from cfgdsl.cli.run_log import RunLog
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.core.plan import Plan
from cfgdsl.engine.events import Event, HostPlanned
from cfgdsl.engine.run import Run


class Screen(Protocol):
    """What an apply tells of itself."""

    @property
    def is_moving(self) -> bool:
        """Whether progress may be drawn."""

    def planned(self, plan: Plan) -> None:
        """The plan is made."""

    def read(self, plan: Plan) -> None:
        """The plan comes from a file."""

    def begun(self, plan: Plan) -> None:
        """The run of `plan` begins."""

    def heard(self, event: Event) -> None:
        """Something happened, in planning or in the run."""

    def ended(self, run: Run | None, plan: Plan, seconds: float) -> None:
        """All is over; no run: there was nothing to do."""

    def say(self, text: str) -> None:
        """One sentence."""


@attrs.define
class ForPeople:
    """The plan, a line for each thing that happens in the run, and a summary."""

    terminal: Terminal
    is_moving: bool = True
    _log: RunLog | None = None

    def planned(self, plan: Plan) -> None:
        """The plan, to be approved."""
        self.terminal.show(plan_lines(plan, self.terminal.view))

    def read(self, plan: Plan) -> None:
        """The same."""
        self.planned(plan)

    def begun(self, plan: Plan) -> None:
        """On a terminal with many hosts the rows of progress stand for the steps that end well."""
        verbose = self.terminal.view.verbose
        several = sum(bool(host.steps) for host in plan.summaries) > 1
        self._log = RunLog(
            hosts=[host.host for host in plan.summaries],
            every_step=verbose or not (self.terminal.is_live and several),
            verbose=verbose,
        )
        self.terminal.show([()])

    def heard(self, event: Event) -> None:
        """The lines of a run; planning shows its progress only."""
        lines = list(self._log.lines(event)) if self._log is not None else []
        if lines:
            self.terminal.show(lines)

    def ended(self, run: Run | None, plan: Plan, seconds: float) -> None:
        """Failures once more, with all that one needs to act, and the summary."""
        self._log = None
        if run is not None:
            self.terminal.show([(), *run_lines(run, plan, self.terminal.view, seconds=seconds)])

    def say(self, text: str) -> None:
        """A sentence of its own."""
        self.terminal.show(words(text))


@attrs.frozen
class ForPrograms:
    """NDJSON: a line for each event, and the summary as the last one."""

    terminal: Terminal
    is_moving: bool = False

    def planned(self, plan: Plan) -> None:
        """Its events have said so."""

    def read(self, plan: Plan) -> None:
        """No events have said so."""
        for host in plan.hosts:
            self.heard(HostPlanned(host=host.host, plan=host))

    def begun(self, plan: Plan) -> None:
        """Its events will say so."""

    def heard(self, event: Event) -> None:
        """Each event as it comes."""
        self._line(documents.event_data(event))

    def ended(self, run: Run | None, plan: Plan, seconds: float) -> None:
        """The summary."""
        self._line(documents.summary_data(run, plan, seconds=seconds))

    def say(self, text: str) -> None:
        """Nothing that a program needs."""

    def _line(self, data: object) -> None:
        self.terminal.data(documents.one_line(data))
