"""A run as lines that stay: one for each step when piped, one for each host on a busy terminal."""

from collections.abc import Iterator, Sequence

import attrs

from cfgdsl.cli.render.outcome import past, shown_time
from cfgdsl.cli.text import Line, Span, counted, line, padded, width_of, without_sequences
from cfgdsl.engine.events import (
    WELL,
    Event,
    HostDeviated,
    HostDone,
    HostFailed,
    HostReady,
    RunHalted,
    StepDone,
    StepOutput,
)

_WIDEST_HOST = 24


@attrs.define
class RunLog:
    """Turns events into lines; remembers only what it counts."""

    hosts: Sequence[str]
    every_step: bool
    """Whether steps that end well have lines of their own."""
    verbose: bool = False
    _column: int = attrs.field(init=False)
    _counts: dict[str, dict[str, int]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        longest = max(map(width_of, self.hosts), default=0)
        self._column = min(_WIDEST_HOST, longest)

    def lines(self, event: Event) -> Iterator[Line]:
        """What to print for an event, if anything."""
        match event:
            case HostReady(notices=notices):
                for notice in notices:
                    yield self._line(event, Span(notice, "warning"))
            case StepOutput(step=step, text=text) if self.verbose:
                for each in without_sequences(text).splitlines():
                    yield self._line(event, Span(f"{step.identity} │ {each}", "dim"))
            case StepDone():
                yield from self._step(event)
            case HostDone():
                yield self._host(event)
            case HostFailed() | HostDeviated():
                yield from self._trouble(event)
            case RunHalted(reason=reason):
                yield line(Span(f"Halted: {reason}", "error"))

    def _step(self, event: StepDone) -> Iterator[Line]:
        step = event.step
        counts = self._counts.setdefault(event.host, {})
        word = past(step) if event.outcome == "changed" else event.outcome
        counts[word] = counts.get(word, 0) + 1
        took = Span(f"  {shown_time(event.seconds)}" if event.seconds >= 0.1 else "", "dim")
        if event.outcome in WELL:
            if self.every_step:
                style = "ok" if event.outcome == "changed" else "dim"
                yield self._line(event, Span(padded(word, 10), style), step.identity, took)
        elif event.outcome in {"skipped", "stopped"}:
            if self.every_step:
                yield self._line(event, Span(f"{padded(word, 10)}{step.identity}", "dim"))
        else:
            error = str(event.detail.get("error") or "").partition("\n")[0]
            why = f": {error}" if error else ""
            yield self._line(event, Span(padded(word, 10), "error"), f"{step.identity}{why}", took)

    def _trouble(self, event: HostFailed | HostDeviated) -> Iterator[Line]:
        if isinstance(event, HostFailed):
            summary = event.problems[0].summary if event.problems else "failed"
            yield self._line(event, Span(f"failed: {summary}", "error"))
            return
        for found in event.deviations:
            identity = found.address.partition("/")[2]
            yield self._line(event, Span(f"deviated: {identity} {found.summary}", "error"))

    def _host(self, event: HostDone) -> Line:
        counts = self._counts.get(event.host, {})
        text = ", ".join(f"{count} {word}" for word, count in counts.items())
        style = "ok" if event.ok else "error"
        broken = not {"failed", "unproven", "stale"}.isdisjoint(counts)
        mark = "done" if event.ok else "stopped" if "stopped" in counts and not broken else "failed"
        return self._line(event, Span(f"{mark}: ", style), text or counted(0, "step"))

    def _line(self, event: Event, *parts: str | Span) -> Line:
        return line(Span(f"{padded(event.host, self._column)}  ", "heading"), *parts)
