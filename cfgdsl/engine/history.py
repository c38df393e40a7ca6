"""What hosts have kept of runs: there is no other place that one could ask."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from cfgdsl.core.rollback import Undone, changes_of


@attrs.frozen(kw_only=True)
class PastRun:
    """One run, as one host remembers it."""

    id: str
    """Sortable by time, to the second."""
    host: str
    began: float
    """Seconds since the epoch, by the host's clock."""
    ended: float | None = None
    """None: it was killed, or is still going on."""
    who: str = ""
    commit: str = ""
    """The commit of the configuration's folder."""
    plan: str = ""
    """The digest of the host's part of the plan."""


@attrs.frozen(kw_only=True)
class PastStep:
    """One change of a past run; what is not managed is in neither state."""

    host: str
    identity: str
    outcome: str
    before: Mapping[str, Any] | None
    """None: it was not there."""
    after: Mapping[str, Any] | None
    """As it was to be; None: not there, or never noted."""
    origin: str


def past_runs(host: str, raw: Mapping[str, Any]) -> tuple[PastRun, ...]:
    """The runs in a host's answer, the oldest first; what is no run is left out."""
    found = []
    for run_id, told in raw["runs"].items():
        by = told.get("by") if isinstance(told.get("by"), dict) else {}
        found.append(
            PastRun(
                id=str(run_id),
                host=host,
                began=_seconds(told.get("time")) or 0.0,
                ended=_seconds(told.get("ended")),
                who=str(by.get("who", "")),
                commit=str(by.get("commit", "")),
                plan=str(by.get("plan", "")),
            )
        )
    return tuple(sorted(found, key=lambda run: (run.began, run.id)))


def past_steps(host: str, entries: Iterable[Mapping[str, Any]]) -> tuple[PastStep, ...]:
    """What one run did on a host, step by step."""
    told = list(entries)
    outcomes = {str(e.get("step")): str(e.get("outcome")) for e in told if e.get("event") == "done"}
    intents = {
        str(step.get("name")): step
        for entry in told
        if entry.get("event") == "intent"
        for step in entry.get("steps", ())
    }
    changes: dict[str, Undone] = {change.identity: change for change in changes_of(told)}
    return tuple(
        PastStep(
            host=host,
            identity=name,
            outcome=outcomes.get(name, "interrupted"),
            before=step.get("was"),
            after=_after(step.get("own") or step.get("past") or {}),
            origin=_where(changes.get(name)),
        )
        for name, step in intents.items()
    )


def _after(noted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return None if noted.get("gone") else noted.get("values")


def _where(change: Undone | None) -> str:
    return str(change.origin) if change is not None and change.origin.line else ""


def _seconds(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None
