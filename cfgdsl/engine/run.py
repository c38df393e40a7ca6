"""The outcome of one execution of a plan."""

from collections.abc import Iterator

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.engine.events import WELL, Event, HostDeviated, HostFailed, RunHalted, StepDone


@attrs.frozen
class Run:
    """What happened: every event in order, and what follows from them."""

    id: str
    """Sortable by time, unique."""
    events: tuple[Event, ...] = attrs.field(repr=False)
    """In a run of more hosts than go on at once, steps that ended well are here in brief
    (`Step.in_brief`): all about them is in the plan."""

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    @property
    def outcomes(self) -> tuple[StepDone, ...]:
        """The outcome of each step."""
        return tuple(e for e in self.events if isinstance(e, StepDone))

    @property
    def failures(self) -> tuple[StepDone, ...]:
        """Steps that did not end well by themselves; those skipped because of them are not here."""
        return tuple(e for e in self.outcomes if e.outcome not in {*WELL, "skipped", "stopped"})

    @property
    def failed_hosts(self) -> dict[str, tuple[Diagnostic, ...]]:
        """Hosts that could not be reached or gone on with, and why."""
        return {e.host: e.problems for e in self.events if isinstance(e, HostFailed)}

    @property
    def halted(self) -> RunHalted | None:
        """Why hosts were left out, when some were."""
        return next((e for e in self.events if isinstance(e, RunHalted)), None)

    @property
    def deviations(self) -> dict[str, tuple[Diagnostic, ...]]:
        """By host, what was not as declared when all was observed once more after the run."""
        return {e.host: e.deviations for e in self.events if isinstance(e, HostDeviated)}

    @property
    def converged(self) -> bool:
        """Whether nothing deviated when all was observed once more."""
        return not self.deviations

    @property
    def ok(self) -> bool:
        """Whether every step of every host ended well, and stayed so."""
        return (
            all(e.outcome in WELL for e in self.outcomes)
            and not self.failed_hosts
            and self.halted is None
            and self.converged
        )

    def counts(self) -> dict[str, int]:
        """How many steps ended how: `create`, `update`, ..., and the outcomes that are not well."""
        found: dict[str, int] = {}
        for done in self.outcomes:
            word = done.step.action if done.outcome == "changed" else done.outcome
            found[word] = found.get(word, 0) + 1
        return found
