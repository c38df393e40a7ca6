"""Secrets that are made on their host: each in one file of its own, in the record's folder.

Nobody is told more of one than a probe asks for, and only over the channel; it is in no answer's
digest, in no journal, and in no copy.
"""

from __future__ import annotations

import os
import stat

from .lean import sha256
from .paths import explain
from .state import StateError, find_state, open_state
from .wire import LEAST_SECRET, MOST_SECRET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .paths import Root

FOLDER = "generated"


class Generated:
    """The generated secrets of one project on this host.

    They are made and discarded only while this run has the host to itself.
    """

    def __init__(self, root: Root, project: str | None) -> None:
        self._root = root
        self._project = project

    def answer(self, probe: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a `generated` probe."""
        name = probe["name"]
        try:
            value = self._read(name)
        except (StateError, ValueError) as error:
            return {"error": "the generated secret %s: %s" % (name, error)}
        except OSError as error:
            return {"error": explain(error, "the generated secret " + name)}
        if value is None:
            return None
        answer: dict[str, Any] = {"length": len(value), "text": None}
        if probe.get("alphabet") is not None:
            answer["fits"] = set(value) <= set(probe["alphabet"])
        if probe.get("reveal") and answer.get("fits", True):
            answer["text"] = value
        return answer

    def make(self, name: str, length: int, alphabet: str) -> None:
        """Make one, unless it is there; OSError or StateError."""
        state = open_state(self._root, self._project)
        try:
            _make_folder(state)
            folder = _open_folder(state)
        finally:
            os.close(state)
        try:
            _sweep(folder)
            _make(folder, _file_name(name), random_text(length, alphabet))
        finally:
            os.close(folder)

    def discard(self, name: str) -> None:
        """Delete one, if it is there; OSError or StateError."""
        folder = self._find()
        if folder is None:
            return
        try:
            _sweep(folder)
            _unlink(folder, _file_name(name))
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, name: str) -> str | None:
        """One of them, None when it is not there; ValueError when it is damaged."""
        folder = self._find()
        if folder is None:
            return None
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(_file_name(name), flags, dir_fd=folder)
        except FileNotFoundError:
            return None
        finally:
            os.close(folder)
        with open(fd, "rb") as file:
            data = file.read(MOST_SECRET + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        well = all(0x21 <= byte <= 0x7E for byte in data)
        if not (well and LEAST_SECRET <= len(data) <= MOST_SECRET):
            raise ValueError("its file is damaged")
        return data.decode("ascii")

    def _find(self) -> int | None:
        """The folder of all of them, open; None when there is none: a look makes nothing."""
        state = find_state(self._root, self._project)
        if state is None:
            return None
        try:
            return _open_folder(state)
        except FileNotFoundError:
            return None
        finally:
            os.close(state)


def random_text(length: int, alphabet: str) -> str:
    """Characters of `alphabet`, each as likely as any other and independent of the rest."""
    # The remainder of a byte would favour the first characters: bytes beyond the last whole
    # multiple are thrown away.
    fair = 256 - 256 % len(alphabet)
    chosen = ""
    while len(chosen) < length:
        few = os.urandom(2 * length)
        chosen += "".join(alphabet[byte % len(alphabet)] for byte in few if byte < fair)
    return chosen[:length]


def _make_folder(state: int) -> None:
    try:
        os.mkdir(FOLDER, 0o700, dir_fd=state)
    except FileExistsError:
        return
    os.fsync(state)


def _open_folder(state: int) -> int:
    return os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=state)


def _make(folder: int, name: str, text: str) -> None:
    """Whole and on the disk, or not at all; what is there stays."""
    temp = ".%s" % os.urandom(8).hex()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(temp, flags, 0o600, dir_fd=folder)
    try:
        with open(fd, "wb") as file:
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(fd)
        try:
            os.link(temp, name, src_dir_fd=folder, dst_dir_fd=folder)  # unlike a rename: never over
        except FileExistsError:
            pass
    finally:
        os.unlink(temp, dir_fd=folder)
    os.fsync(folder)


def _sweep(folder: int) -> None:
    """Delete what a killed run has left: no other run can be making one just now."""
    for name in os.listdir(folder):
        if name.startswith("."):
            _unlink(folder, name)


def _unlink(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


def _file_name(name: str) -> str:
    """A name may hold anything; that of its file does not."""
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
