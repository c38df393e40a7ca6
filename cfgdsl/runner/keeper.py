"""The record of one project while a run changes the host: locked, tidied up, then appended to."""

from __future__ import annotations

import os
import time

from . import journal
from .backups import Backups
from .facts import read_text
from .lean import sha256
from .lock import Lock
from .ops import TEMP
from .paths import explain
from .record import Record, condensed, contents_in, held_secret
from .schedule import WELL
from .state import StateError, forget_temps, open_state, temp_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Self

    from .paths import Root
    from .schedule import Schedule, Step

MOST = 4 * 1024 * 1024
"""A journal that is longer than this many bytes is written anew before the next run."""

_KEY = "key"
_DAMAGED = "journal.damaged"


class Keeper:
    """Keeps the record during one run. A context: at its end the lock is given back."""

    def __init__(self, root: Root, message: dict[str, Any]) -> None:
        """Raises StateError: the host is locked, or the record cannot be kept."""
        self._root = root
        self._boot = (read_text("/proc/sys/kernel/random/boot_id") or "").strip()
        self.folder = open_state(root, message.get("project"))
        try:
            self._lock = Lock(root, _holder(message))
            try:
                self._open(message)
            except BaseException:
                self._lock.__exit__()
                raise
        except BaseException:
            os.close(self.folder)
            raise

    def _open(self, message: dict[str, Any]) -> None:
        try:
            self.backups = Backups(self.folder)
            entries, damaged, end = journal.read(self.folder)
            forget_temps(self.folder)
            if damaged:
                _put_aside(self.folder)
            if damaged or end > MOST:
                entries = condensed(entries)
                end = journal.replace(self.folder, entries)
                self.backups.forget(contents_in(entries))
            self.record = Record(entries)
            self.backups.private.update(_private(self.record.owned.values()))
            _sweep(self.record.pending.values())
            self._secret = _key(self.folder)
        except OSError as error:
            raise StateError("cannot keep the record: " + explain(error, "its folder")) from None
        self._journal = journal.Journal(self.folder, message["run"], end)
        self._forget = message.get("forget") or []
        self._unwell = len(message.get("steps") or ())
        self._note("begin", by=message.get("by") or {}, pid=os.getpid())
        if message.get("rename"):
            self._note("rename", names=message["rename"])
        if message.get("adopt"):
            self._adopt(message["adopt"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        # Only now: a service that was to be stopped, and was not, still owes its restart; and what
        # changes hands has its new owner.
        if self._forget and not self._unwell:
            self._note("forget", names=self._forget)
        self._note("end")
        self._journal.close()
        self.backups.close()
        self._lock.__exit__()
        os.close(self.folder)

    def flush(self) -> None:
        """Make durable what was noted; OSError when that fails."""
        self._journal.flush()

    def intend(self, steps: Sequence[Step], schedule: Schedule) -> None:
        """Make durable that these are about to change something, and what is owed because of it."""
        debts: dict[str, Any] = {}
        for step in steps:
            for owed in schedule.refreshes_after(step):
                debt = debts.setdefault(owed.name, {"causes": []})
                debt["causes"].append(step.name)
                if owed.since is not None:
                    debt.update(since=owed.since, proof=owed.probes[0])
        self._note("intent", steps=[self._intent(step) for step in steps], debts=debts)
        self.flush()

    def _intent(self, step: Step) -> dict[str, Any]:
        intent: dict[str, Any] = {"name": step.name}
        folders = {self._folder_of(op) for op in step.ops or () if op["kind"] in ("put", "link")}
        folders.discard("")
        if folders:
            intent["folders"] = sorted(folders)
        if step.own is not None:
            intent.update(own=step.own, was=self._was(step), applied=self.keyed(step.applied))
        elif step.past is not None:
            intent.update(past=step.past, was=self._was(step))
        return intent

    def _was(self, step: Step) -> dict[str, Any] | None:
        """How it was before; a secret that it held then is known to the record alone."""
        owned = self.record.owned.get(step.name)
        if owned is None or step.was is None or not held_secret(owned):
            return step.was
        return {
            name: {"secret": True} if isinstance(value, dict) and "sha256" in value else value
            for name, value in step.was.items()
        }

    def _folder_of(self, op: dict[str, Any]) -> str:
        """Where the temp file of an op will be."""
        try:
            with self._root.locate(op["path"], bool(op.get("follow"))) as place:
                return os.readlink("/proc/self/fd/%d" % place.fd)
        except OSError:  # the op will say it
            return ""

    def ended(self, step: Step, outcome: str) -> None:
        """Note how a step ended; durable with the next `intend` or `flush`."""
        self._unwell -= outcome in WELL
        if outcome == "unneeded" and not self._tells(step):
            return
        fields: dict[str, Any] = {"step": step.name, "outcome": outcome}
        if outcome == "changed":
            fields["at"] = [self._boot, time.monotonic()]
        if step.release:
            fields["release"] = True
        if outcome == "changed" and step.captured:
            fields["outputs"] = step.captured
        untouched = outcome in WELL and step.name not in self.record.pending
        if untouched and step.own is not None and not step.release:
            self._adopt({step.name: {"own": step.own, "applied": step.applied}})
        self._note("done", **fields)

    def _tells(self, step: Step) -> bool:
        """Whether that nothing was to be done changes the record."""
        if step.own is not None:
            known = self.record.owned.get(step.name)
            return known is None or known["applied"] != self.keyed(step.applied)
        return step.release or step.name in self.record.debts

    def is_paid(self, step: Step, answers: Sequence[Any]) -> bool:
        """Whether what a refresh is to bring about has come by itself: its unit was started after
        the last cause took effect."""
        debt = self.record.debts.get(step.name)
        return debt is not None and step.since is not None and is_paid(debt, answers[0], self._boot)

    def keyed(self, text: str | None) -> str | None:
        """A digest that only this host can make: no guess at what it stands for can be checked
        elsewhere (RFC 2104)."""
        return None if text is None else keyed(self._secret, text)

    def _adopt(self, owned: dict[str, dict[str, Any]]) -> None:
        notes = {
            name: {"own": note["own"], "applied": self.keyed(note["applied"])}
            for name, note in owned.items()
        }
        self._note("adopt", owned=notes)

    def _note(self, event: str, **fields: Any) -> None:
        self.record.take(self._journal.note(event, **fields))


def keyed(key: bytes, text: str) -> str:
    """HMAC-SHA-256 of `text`, 24 hex digits of it."""
    block = key.ljust(64, b"\0")
    inner = sha256(bytes(b ^ 0x36 for b in block) + text.encode()).digest()
    return sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()[:24]


def is_paid(debt: dict[str, Any], answer: Any, boot: str) -> bool:
    """Whether a unit, as its proof answers, was started after the last cause of a debt."""
    at, since = debt.get("at"), debt.get("since")
    started = answer.get(since) if isinstance(answer, dict) else None
    if not at or not isinstance(started, str) or not started.isdecimal() or not int(started):
        return False
    return bool(at[0] != boot or int(started) > at[1] * 1e6)


def read_key(folder: int) -> bytes | None:
    """The key of a record, 32 random bytes; None when there is none yet."""
    try:
        fd = os.open(_KEY, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        key = file.read(33)
    return key if len(key) == 32 else None


def _key(folder: int) -> bytes:
    """The key of the record, made with it; without the old one all looks as if declared anew."""
    key = read_key(folder)
    if key is None:
        key = os.urandom(32)
        temp = temp_name()
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        with open(fd, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(fd)
        os.rename(temp, _KEY, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    return key


def _holder(message: dict[str, Any]) -> dict[str, Any]:
    by = message.get("by") or {}
    since = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime())
    return {"who": by.get("who", "somebody"), "run": message["run"], "since": since}


def _put_aside(folder: int) -> None:
    """Keep a journal with spoilt lines for whoever wants to look into it."""
    try:
        os.unlink(_DAMAGED, dir_fd=folder)
    except FileNotFoundError:
        pass
    os.link(journal.NAME, _DAMAGED, src_dir_fd=folder, dst_dir_fd=folder)


def _private(owned: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Where a secret may be, of which no copy is kept."""
    for entry in owned:
        if held_secret(entry):
            yield from (op["path"] for op in entry["drop"]["ops"] if "path" in op)


def _sweep(pending: Iterable[dict[str, Any]]) -> None:
    """Delete the temp files of steps that were killed: no other run can have any just now."""
    before, after = TEMP.split("%s")
    for folder in {folder for step in pending for folder in step.get("folders", ())}:
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # it is gone, with what was in it
            continue
        try:
            for name in os.listdir(fd):
                if name.startswith(before) and name.endswith(after):
                    os.unlink(name, dir_fd=fd)
        finally:
            os.close(fd)
