"""Where events go: to the listener, one at a time, and into the record of the run."""

import threading

from cfgdsl.engine.events import Event, HostConnecting, HostPlanned, HostReady, Listener


class Emitter:
    """Passes events on from any thread; keeps those that a `Run` is made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listen: Listener | None = None
        self._events: list[Event] = []

    def begin(self, listen: Listener | None) -> None:
        """Forget what was, and tell `listen` from now on."""
        self._listen = listen
        self._events = []

    def __call__(self, event: Event) -> None:
        """Pass on one event."""
        with self._lock:
            if not isinstance(event, HostConnecting | HostReady | HostPlanned):
                self._events.append(event)
            if self._listen is not None:
                self._listen(event)

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened since `begin`."""
        return tuple(self._events)
