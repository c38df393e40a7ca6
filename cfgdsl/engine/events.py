"""What happens during a plan or a run, as values. The engine emits them; the UI listens."""

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.plan import HostPlan, Step


@attrs.frozen(kw_only=True)
class Event:
    """The base of all events; `host` is empty for those about the whole run."""

    host: str = ""


@attrs.frozen(kw_only=True)
class HostConnecting(Event):
    """A connection is being made."""


@attrs.frozen(kw_only=True)
class HostReady(Event):
    """The runner has answered."""

    notices: tuple[str, ...] = ()
    """What the user should know: a host key that this run was allowed to accept, and did."""


@attrs.frozen(kw_only=True)
class HostPlanned(Event):
    """A host's plan is made."""

    plan: HostPlan


@attrs.frozen(kw_only=True)
class HostFailed(Event):
    """A host cannot be reached, planned or gone on with."""

    problems: tuple[Diagnostic, ...]


@attrs.frozen(kw_only=True)
class StepStarted(Event):
    """The ops of a step begin."""

    step: Step


@attrs.frozen(kw_only=True)
class StepOutput(Event):
    """A piece of what a step's command prints."""

    step: Step
    text: str


@attrs.frozen(kw_only=True)
class StepDone(Event):
    """A step has its outcome."""

    step: Step
    outcome: str
    """One of `cfgdsl.runner.wire.OUTCOMES`."""
    seconds: float = 0.0
    detail: dict[str, Any] = attrs.field(factory=dict)
    """For what went wrong: error, argv, exit, stdout, stderr, differences."""


WELL = ("changed", "unneeded")
"""The outcomes that are as they should be."""


@attrs.frozen(kw_only=True)
class HostDone(Event):
    """Every step of a host has an outcome."""

    ok: bool


@attrs.frozen(kw_only=True)
class HostDeviated(Event):
    """After the run, something is not as declared, although no step failed at it."""

    deviations: tuple[Diagnostic, ...]


@attrs.frozen(kw_only=True)
class RunHalted(Event):
    """No new host is started: the failure budget is used up, or the first hosts failed."""

    reason: str
    not_started: tuple[str, ...]


Listener: TypeAlias = Callable[[Event], None]
"""Called with each event, from the thread that the event comes from; one at a time."""
