"""What is going on right now, from events; drawn as a few rows, however many hosts there are."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

from cfgdsl.cli.render.outcome import shown_time
from cfgdsl.cli.text import Line, Span, counted, cropped, line, listed, padded, width_of
from cfgdsl.core.plan import Plan
from cfgdsl.engine.events import (
    Event,
    HostConnecting,
    HostDone,
    HostFailed,
    HostPlanned,
    HostReady,
    StepDone,
    StepStarted,
)

_MOST_ROWS = 8
_BAR = 16


@attrs.define
class _Host:
    total: int = 0
    done: int = 0
    running: dict[int, str] = attrs.field(factory=dict)
    since: float = 0.0
    """When the newest of its running steps began."""
    state: str = "waiting"


class Progress:
    """Takes in events from any thread, and draws when asked."""

    def __init__(
        self,
        what: str,
        hosts: Mapping[str, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._hosts = {name: _Host(total=total) for name, total in hosts.items()}
        self._clock = clock
        self._start = clock()
        self._lock = threading.Lock()
        self.note = ""
        """Shown behind the totals: that the run is being stopped."""

    @classmethod
    def of_plan(cls, plan: Plan) -> "Progress":
        """The progress of a run of `plan`."""
        return cls("applying", {host.host: host.steps for host in plan.summaries if host.steps})

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self._clock() - self._start

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        with self._lock:
            host = self._hosts.setdefault(event.host, _Host()) if event.host else _Host()
            match event:
                case HostConnecting():
                    host.state = "connecting"
                case HostReady():
                    host.state = "working"
                case StepStarted(step=step):
                    host.state = "working"
                    host.running[step.id] = step.identity
                    host.since = self._clock()
                case StepDone(step=step):
                    host.running.pop(step.id, None)
                    host.done += 1
                case HostPlanned() | HostDone():
                    host.state = "done"
                case HostFailed():
                    host.state = "failed"

    def rows(self, width: int, height: int) -> Sequence[Line]:
        """The busiest hosts, in the order of the plan, and one line of totals."""
        with self._lock:
            busy = [(n, h) for n, h in self._hosts.items() if h.running]
            busiest = sorted(busy, key=lambda item: item[1].done - item[1].total)
            most = max(1, min(_MOST_ROWS, height // 3))
            chosen = {name for name, _ in busiest[:most]}
            shown = [(n, h) for n, h in busy if n in chosen]
            column = min(24, max((width_of(n) for n in chosen), default=0))
            digits = max((len(str(h.total)) for _, h in shown), default=0)
            rows = [self._row(n, h, column, digits, width) for n, h in shown]
            if len(busy) > most:
                rows.append(line(Span(f"and {counted(len(busy) - most, 'more host')}", "dim")))
            return [*rows, self._totals(width)]

    def _row(self, name: str, host: _Host, column: int, digits: int, width: int) -> Line:
        filled = round(_BAR * host.done / host.total) if host.total else 0
        share = f"  {host.done:>{digits}}/{host.total:<{digits}}  "
        steps = list(host.running.values())
        seconds = self._clock() - host.since
        since = f"  {shown_time(round(seconds), whole=True)}" if seconds >= 2 else ""
        room = width - column - _BAR - width_of(share) - width_of(since) - 4
        return line(
            padded(cropped(name, column), column),
            "  ",
            Span("━" * filled, "ok"),
            Span("─" * (_BAR - filled), "dim"),
            share,
            Span(cropped(listed(steps, 1), max(8, room)), "dim"),
            Span(since, "dim"),
        )

    def _totals(self, width: int) -> Line:
        states = [host.state for host in self._hosts.values()]
        done, failed = states.count("done"), states.count("failed")
        parts = [f"{self._what} {done + failed}/{counted(len(states), 'host')}"]
        if failed:
            parts.append(f"{failed} failed")
        connecting = [n for n, h in self._hosts.items() if h.state == "connecting"]
        if connecting:
            parts.append(f"connecting to {listed(connecting, 3)}")
        total = sum(host.total for host in self._hosts.values())
        if total:
            parts.append(f"{sum(h.done for h in self._hosts.values())}/{total} steps")
        parts.append(shown_time(self.seconds, whole=True))
        text = cropped(" · ".join(parts), width - width_of(self.note) - 2)
        return line(Span(text, "dim"), Span(f"  {self.note}" if self.note else "", "warning"))
