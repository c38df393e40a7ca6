"""Where events go: to the listener, one at a time, and into the record of the run."""

import threading
from typing import Any

import attrs

from cfgdsl.core.step import Step
from cfgdsl.engine.events import (
    WELL,
    Event,
    HostConnecting,
    HostPlanned,
    HostReady,
    Listener,
    StepDone,
    StepOutput,
    StepStarted,
)


class Emitter:
    """Passes events on from any thread; keeps those that a `Run` is made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listen: Listener | None = None
        self._events: list[Event] = []
        self._many = False
        self._begun: dict[tuple[str, int], Step] = {}
        """In brief, the steps that have begun and not ended."""
        self._values: dict[Any, Any] = {}

    def begin(self, listen: Listener | None, *, many: bool = False) -> None:
        """Forget what was, and tell `listen` from now on.

        `many`: too many hosts for all of their steps to stay in memory.
        """
        self._listen = listen
        self._many = many
        self._begun.clear()
        self._values.clear()
        self._events = []

    def __call__(self, event: Event) -> None:
        """Pass on one event."""
        with self._lock:
            if not isinstance(event, HostConnecting | HostReady | HostPlanned):
                self._events.append(self._in_brief(event) if self._many else event)
            if self._listen is not None:
                self._listen(event)

    def _in_brief(self, event: Event) -> Event:
        """What is kept of an event; what went wrong is kept whole."""
        if not isinstance(event, StepStarted | StepOutput | StepDone):
            return event
        key = (event.host, event.step.id)
        brief = self._begun.get(key) or self._shared(event.step.in_brief())
        if not isinstance(event, StepDone):
            self._begun[key] = brief
            return attrs.evolve(event, step=brief)
        self._begun.pop(key, None)
        return attrs.evolve(event, step=brief) if event.outcome in WELL else event

    def _shared(self, step: Step) -> Step:
        """`step` with the values that hosts have in common, which are most of it, held once."""
        same = self._values.setdefault
        names = ("identity", "reason", "origin", "after", "triggers", "causes", "tags", "parts")
        held = {name: same(getattr(step, name), getattr(step, name)) for name in names}
        return attrs.evolve(step, **held)

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened since `begin`."""
        return tuple(self._events)
