"""The host record: what follows from the journal. Pure bookkeeping, entry by entry.

owned
    What each resource of the project made or took over, by identity: ``created`` (it was not there
    before) or adopted, how it was before (``original``), what takes it away again (``drop``), and a
    keyed digest of what was applied last. It is owned from the intent on: whatever a crash leaves
    half done has an owner. ``outputs``: what its commands printed when they ran last, where that
    was used.
debts
    Refreshes that are owed, by step name: since which run, because of what, and when the last cause
    took effect. A debt is noted before the change that causes it, and falls away when it is paid.
pending
    What was begun and has no outcome: a run was killed there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Entry = dict[str, Any]

_LASTING = ("first", "original")
"""What stays when a resource is declared anew."""

_MOST_CAUSES = 20
"""So many causes of a debt are told; that there are more changes nothing."""

KEPT_RUNS = 50
"""How many runs stay in the journal when it is written anew."""


class Record:
    """What the entries taken so far say."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.owned: dict[str, Entry] = {}
        self.debts: dict[str, Entry] = {}
        self.pending: dict[str, Entry] = {}
        self.runs: dict[str, Entry] = {}
        self._waiting: dict[str, set[str]] = {}
        """For each debt, its causes that are under way; and the debts of each cause."""
        self._debts_of: dict[str, set[str]] = {}
        for entry in entries:
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """Take in one entry; one of an unknown kind says nothing."""
        handle = getattr(self, "_on_" + str(entry.get("event", "")), None)
        if handle is not None:
            handle(entry)

    def snapshot(self) -> Entry:
        """One entry that says all of this but the runs."""
        return {
            "event": "state",
            "owned": self.owned,
            "debts": self.debts,
            "pending": self.pending,
        }

    def _on_state(self, entry: Entry) -> None:
        self.owned = dict(entry["owned"])
        self.debts = dict(entry["debts"])
        self.pending = dict(entry["pending"])

    def _on_begin(self, entry: Entry) -> None:
        """A new run: what was pending has been tidied up before it began."""
        self.pending = {}
        self.runs[entry["run"]] = {k: v for k, v in entry.items() if k not in ("event", "run")}

    def _on_end(self, entry: Entry) -> None:
        if entry["run"] in self.runs:
            self.runs[entry["run"]]["ended"] = entry["time"]

    def _on_intent(self, entry: Entry) -> None:
        for step in entry["steps"]:
            name = step["name"]
            self.pending[name] = {"run": entry["run"], **step}
            if "own" in step:
                was = step.get("was")
                creates = was is None and not step["own"].get("gone")
                self._own(name, step["own"], entry["run"], created=creates)
                if not self.owned[name]["created"]:
                    self.owned[name].setdefault("original", was)
        for name, debt in entry.get("debts", {}).items():
            known = self.debts.setdefault(name, {"run": entry["run"], "causes": []})
            causes = known["causes"]
            causes += [c for c in debt["causes"][: _MOST_CAUSES - len(causes)] if c not in causes]
            # When the cause takes effect is not known yet; until then no start of a unit is late
            # enough.
            known.update(debt, causes=causes, at=None)
            self._waiting.setdefault(name, set()).update(debt["causes"])
            for cause in debt["causes"]:
                self._debts_of.setdefault(cause, set()).add(name)

    def _own(self, name: str, own: Entry, run: str, *, created: bool) -> None:
        known = self.owned.get(name, {"created": False, "first": run})
        lasting = {field: known[field] for field in _LASTING if field in known}
        # What was gone and is made anew is ours, whosever it was before.
        created = created or known["created"]
        self.owned[name] = {**own, **lasting, "created": created, "run": run, "applied": None}

    def _on_done(self, entry: Entry) -> None:
        """A step has its outcome."""
        name, changed = entry["step"], entry["outcome"] == "changed"
        step = self.pending.pop(name, {})
        owned = self.owned.get(name)
        if changed and owned is not None and "own" in step:
            owned["applied"] = step.get("applied")
            _nothing_is_left(owned)
        if changed and owned is not None and "outputs" in entry:
            owned["outputs"] = entry["outputs"]
        if changed or entry["outcome"] == "unneeded":
            self.debts.pop(name, None)
            if entry.get("release"):
                self.owned.pop(name, None)
        for debt in self._debts_of.pop(name, ()):
            self._waiting[debt].discard(name)
            if changed and debt in self.debts and not self._waiting[debt]:
                self.debts[debt]["at"] = entry.get("at")

    def _on_adopt(self, entry: Entry) -> None:
        """What was already as declared is managed from now on."""
        for name, note in entry["owned"].items():
            self._own(name, note["own"], entry["run"], created=False)
            self.owned[name]["applied"] = note["applied"]
            _nothing_is_left(self.owned[name])

    def _on_forget(self, entry: Entry) -> None:
        """A command that runs after changes owes under the name that it is owned by: the debt goes
        first, and both when it is named twice."""
        for name in entry["names"]:
            if self.debts.pop(name, None) is None:
                self.owned.pop(name, None)

    def _on_rename(self, entry: Entry) -> None:
        for old, new in entry["names"].items():
            if old in self.owned:
                self.owned[new] = self.owned.pop(old)


def _nothing_is_left(owned: Entry) -> None:
    """What was ours and is gone, as declared, is nothing that a drop could take away or put
    back."""
    if owned.get("gone") and owned["created"]:
        owned["created"] = False
        owned.pop("original", None)


def held_secret(owned: Entry) -> bool:
    """Whether what is owned holds a secret: then no copy and no digest of it is kept."""
    return any(op.get("secret") for op in owned["drop"]["ops"])


def condensed(entries: list[Entry]) -> list[Entry]:
    """The same record in fewer entries: what the latest runs did, then all that follows."""
    record = Record(entries)
    kept = set(list(record.runs)[-KEPT_RUNS:])
    history = [e for e in entries if e.get("run") in kept]
    return [*history, record.snapshot()]


def contents_in(value: Any) -> Iterator[str]:
    """Every content that is named anywhere in entries."""
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            if isinstance(each.get("sha256"), str):
                yield each["sha256"]
            todo += each.values()
        elif isinstance(each, list):
            todo += each
