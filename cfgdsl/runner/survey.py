"""What a plan must know of the record: told with the answers, in one message. Writes nothing."""

from __future__ import annotations

import os

from . import backups, journal
from .facts import read_text
from .keeper import is_paid, keyed, read_key
from .record import Record, contents_in
from .state import StateError, find_state, other_projects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .paths import Root

    Entry = dict[str, Any]

NOT_OWNED, ADOPTED, CREATED = "-", "a", "c"
"""What the record says of a declared resource; in upper case: something else was applied last."""


class Survey:
    """The record of a project, held against what is declared now.

    `asked` is as `wire.RECORD` has it. `probes` are further
    questions, to be asked with those of the plan: about what is owned and no longer declared, and
    whether debts were paid meanwhile.
    """

    def __init__(self, root: Root, asked: dict[str, Any]) -> None:
        self._root = root
        self._project = asked.get("project")
        self._declared = asked["declared"]
        self._rename = asked.get("rename") or {}
        self._renamed: Entry = {}
        self._problem = ""
        self._damaged = 0
        self._key: bytes | None = None
        self._record = Record()
        self._kept: set[str] = set()
        try:
            self._read()
        except StateError as error:
            self._problem = str(error)
        names = {name for name, _ in self._declared}
        self._others = {n: e for n, e in self._record.owned.items() if n not in names}
        self.probes: list[Entry] = [
            *(probe for entry in self._others.values() for probe in entry["drop"]["probes"]),
            *(debt["proof"] for debt in self._record.debts.values() if "proof" in debt),
        ]

    def _read(self) -> None:
        folder = find_state(self._root, self._project)
        if folder is None:
            return
        try:
            entries, self._damaged, _ = journal.read(folder)
            self._record = Record(entries)
            self._key = read_key(folder)
            self._kept = backups.names(folder)
            for old, new in self._rename.items():
                if old in self._record.owned:
                    self._renamed[old] = [new, self._record.owned[old]["drop"]["writes"]]
            self._record.take({"event": "rename", "names": self._rename})
        finally:
            os.close(folder)

    def answer(self, answers: Sequence[Any]) -> Entry:
        """What the record says; `answers`: those to `probes`."""
        given = iter(answers)
        others = {
            name: {
                **entry,
                "answers": [next(given) for _ in entry["drop"]["probes"]],
                "lost": not set(contents_in(entry.get("original"))) <= self._kept,
            }
            for name, entry in self._others.items()
        }
        return {
            "problem": self._problem,
            "damaged": self._damaged,
            "declared": "".join(self._standing()),
            "others": others,
            "debts": dict(self._open_debts(given)),
            "pending": {name: step["run"] for name, step in self._record.pending.items()},
            "foreign": self._foreign(),
            "renamed": self._renamed,
            "outputs": self._outputs(),
        }

    def _standing(self) -> Iterator[str]:
        for name, applied in self._declared:
            entry = self._record.owned.get(name)
            if entry is None:
                yield NOT_OWNED
                continue
            word = CREATED if entry["created"] else ADOPTED
            same = self._key is not None and entry["applied"] == keyed(self._key, applied)
            yield word if same else word.upper()

    def _open_debts(self, answers: Iterator[Any]) -> Iterator[tuple[str, Entry]]:
        boot = (read_text("/proc/sys/kernel/random/boot_id") or "").strip()
        for name, debt in self._record.debts.items():
            paid = "proof" in debt and is_paid(debt, next(answers), boot)
            yield name, {"run": debt["run"], "causes": debt["causes"], "paid": paid}

    def _foreign(self) -> dict[str, list[str]]:
        """Who else owns what, by key: project and identity."""
        found: dict[str, list[str]] = {}
        for project, folder in other_projects(self._root, self._project):
            try:
                entries, _, _ = journal.read(folder)
            except StateError:  # it is told to those who use that project
                continue
            for name, entry in Record(entries).owned.items():
                found.update((key, [project, name]) for key in entry["drop"]["writes"])
        return found

    def _outputs(self) -> Entry:
        """The values that declared resources brought when they were last applied."""
        owned = self._record.owned
        return {
            n: owned[n]["outputs"] for n, _ in self._declared if owned.get(n, {}).get("outputs")
        }


def history(root: Root, project: str | None, run: str | None) -> Entry:
    """The runs of a project on this host; of one of them, all that was noted, and which of the
    contents that it replaced are kept. Raises StateError."""
    folder = find_state(root, project)
    if folder is None:
        return {"runs": {}, "entries": [], "kept": []}
    try:
        entries, _, _ = journal.read(folder)
        kept = backups.names(folder)
    finally:
        os.close(folder)
    wanted = [entry for entry in entries if run is not None and entry.get("run") == run]
    named = set(contents_in(wanted))
    return {"runs": Record(entries).runs, "entries": wanted, "kept": sorted(named & kept)}
