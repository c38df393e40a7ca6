"""What each op does. An op states the final state of something, and makes it so.

An op is a generator: it yields the commands that it needs, is sent what became of each, and raises
`OpError` when it cannot do its work. Everything else about commands, their limits and their end is
the caller's. It may also yield None: then it goes faster if others come to the same point first.
Closing the generator in the middle leaves no temp file behind.
"""

from __future__ import annotations

import os
import stat

from .paths import Place, explain
from .process import Command
from .state import StateError
from .trees import remove_tree
from .wire import MAX_CAPTURED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from .accounts import Accounts
    from .backups import Backups
    from .contents import Contents
    from .generated import Generated
    from .paths import Root
    from .pool import Running

    Op = dict[str, Any]
    Work = Generator[Command | None, Running | None, Any]  # returns text to keep, or None

TEMP = ".cfgdsl-%s.tmp"
"""How temp files are called, so that whoever finds one knows whose it is."""

_TAIL = 8 * 1024  # bytes of a command's output that are kept for the report


class OpError(Exception):
    """An op could not be done; `detail` is what the event reports."""

    def __init__(self, error: str, **detail: Any) -> None:
        super().__init__(error)
        self.detail = {"error": error, **detail}


class Workshop:
    """What ops work with."""

    def __init__(
        self,
        root: Root,
        accounts: Accounts,
        contents: Contents,
        backups: Backups,
        generated: Generated,
    ) -> None:
        self.root = root
        self.accounts = accounts
        self.contents = contents
        self.backups = backups
        self.generated = generated
        self._changed: dict[tuple[int, int], int] = {}

    def changed_folder(self, place: Place) -> None:
        """The folder has a new entry, or one less: `sync` makes that durable."""
        status = os.fstat(place.fd)
        key = (status.st_dev, status.st_ino)
        if key not in self._changed:
            flags = os.O_RDONLY | os.O_DIRECTORY
            try:
                self._changed[key] = os.open(".", flags, dir_fd=place.fd)
            except PermissionError:  # may be written to and searched, but not read: no fsync
                return
        if len(self._changed) > 100:
            self.sync()

    def sync(self) -> None:
        """One fsync for each changed folder, however much has changed in it."""
        while self._changed:
            _, fd = self._changed.popitem()
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def perform(op: Op, shop: Workshop) -> Work:
    """Do one op; returns what a command printed, where that is to be kept."""
    try:
        return (yield from _DO[op["kind"]](op, shop))
    except OSError as error:
        raise OpError(explain(error, op.get("path") or op.get("name") or "/")) from None
    except StateError as error:
        raise OpError(str(error)) from None
    except (LookupError, OverflowError) as error:  # no such user or group; no such number
        raise OpError("%s: %s" % (error, op.get("path", "/"))) from None


def _put(op: Op, shop: Workshop) -> Work:
    path = op["path"]
    sha256 = op["sha256"]
    source = shop.contents if sha256 in shop.contents else shop.backups
    if sha256 not in source:
        raise OpError("its content was not sent: %s" % path)
    with shop.root.locate(path, bool(op.get("follow"))) as place:
        old = place.find()
        if old is not None and not (stat.S_ISREG(old.st_mode) or stat.S_ISLNK(old.st_mode)):
            raise OpError("%s is in the way: %s" % (_kind(old), path))
        kept = old if old is not None and stat.S_ISREG(old.st_mode) else None
        uid, gid = _owner(op, shop, kept)
        mode = op.get("mode")
        if mode is None:
            mode = 0o644 if kept is None else stat.S_IMODE(kept.st_mode)
        temp = TEMP % os.urandom(8).hex()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = os.open(temp, flags, 0o600, dir_fd=place.fd)
        try:
            source.write_to(sha256, fd)
            _set(fd, os.fstat(fd), uid, gid, mode)
            # Starts writing to disk. Many files that are under way together cost hardly more than
            # one; fsync for each as it comes costs ten times as much.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            if op.get("validate"):
                yield from _validate(op["validate"], place, temp, shop)
            yield None
            os.fsync(fd)
            if kept is not None and not op.get("secret"):
                shop.backups.keep(place)
            os.rename(temp, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        except BaseException:  # GeneratorExit too: the run was stopped
            os.unlink(temp, dir_fd=place.fd)
            raise
        finally:
            os.close(fd)
        shop.changed_folder(place)


def _validate(argv: list[str], place: Place, temp: str, shop: Workshop) -> Work:
    folder = os.readlink("/proc/self/fd/%d" % place.fd)
    path = os.path.join(folder, temp)
    yield from _command(Command([arg.replace("%s", path) for arg in argv]), [0], shop)


def _mkdir(op: Op, shop: Workshop) -> Work:
    if op.get("parents"):
        _make_parents(op["path"], shop)
    with shop.root.locate(op["path"]) as place:
        old = place.find()
        if old is not None and not stat.S_ISDIR(old.st_mode):
            raise OpError("%s is in the way: %s" % (_kind(old), op["path"]))
        uid, gid = _owner(op, shop, None)
        if old is not None:
            _set_at(place, old, uid, gid, op.get("mode"))
            return
        os.mkdir(place.name, 0o700, dir_fd=place.fd)
        try:
            mode = op.get("mode")
            _set_at(place, place.lstat(), uid, gid, 0o755 if mode is None else mode)
        except BaseException:
            os.rmdir(place.name, dir_fd=place.fd)
            raise
        shop.changed_folder(place)
    yield from ()


def _make_parents(path: str, shop: Workshop) -> None:
    parent = ""
    for part in path.split("/")[1:-1]:
        parent += "/" + part
        with shop.root.locate(parent, follow=True) as place:
            if place.find() is None:
                os.mkdir(place.name, 0o700, dir_fd=place.fd)
                _set_at(place, place.lstat(), -1, -1, 0o755)
                shop.changed_folder(place)


def _link(op: Op, shop: Workshop) -> Work:
    with shop.root.locate(op["path"]) as place:
        old = place.find()
        if old is not None and not stat.S_ISLNK(old.st_mode):
            raise OpError("%s is in the way: %s" % (_kind(old), op["path"]))
        uid, gid = _owner(op, shop, old)
        temp = TEMP % os.urandom(8).hex()
        os.symlink(op["to"], temp, dir_fd=place.fd)
        try:
            new = os.stat(temp, dir_fd=place.fd, follow_symlinks=False)
            if (uid, gid) != (-1, -1) and (uid, gid) != (new.st_uid, new.st_gid):
                os.chown(temp, uid, gid, dir_fd=place.fd, follow_symlinks=False)
            os.rename(temp, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        except BaseException:
            os.unlink(temp, dir_fd=place.fd)
            raise
        shop.changed_folder(place)
    yield from ()


def _set_attrs(op: Op, shop: Workshop) -> Work:
    with shop.root.locate(op["path"], bool(op.get("follow"))) as place:
        uid, gid = _owner(op, shop, None)
        _set_at(place, place.lstat(), uid, gid, op.get("mode"))
    yield from ()


def _remove(op: Op, shop: Workshop) -> Work:
    with shop.root.locate(op["path"]) as place:
        old = place.find()
        if old is None:
            return
        if place.name == ".":
            raise OpError("the root cannot be removed: %s" % op["path"])
        if not stat.S_ISDIR(old.st_mode):
            if stat.S_ISREG(old.st_mode) and not op.get("secret"):
                shop.backups.keep(place)
            os.unlink(place.name, dir_fd=place.fd)
        elif op.get("recursive"):
            remove_tree(place)
        else:
            os.rmdir(place.name, dir_fd=place.fd)
        shop.changed_folder(place)
    yield from ()


def _run(op: Op, shop: Workshop) -> Work:
    command = Command(
        op["argv"] + (op.get("items") or []),
        cwd=op.get("cwd"),
        env=op.get("env"),
        user=op.get("user"),
        stdin=op.get("stdin"),
        timeout=op.get("timeout"),
    )
    capture = op.get("capture") is not None
    try:
        return (yield from _command(command, op.get("ok") or [0], shop, capture))
    finally:
        shop.accounts.forget()


def _command(command: Command, ok: list[int], shop: Workshop, capture: bool = False) -> Work:
    """Run a command; OpError with all that one needs to know when it does not end well. With
    `capture`, returns what it printed."""
    if not shop.root.whole:
        raise OpError("needs a whole system: this target is the directory %s" % shop.root.path)
    command.limit, command.tail = (MAX_CAPTURED, False) if capture else (_TAIL, True)
    ran = yield command
    if ran is None:
        raise OpError("not run", argv=command.argv)
    if ran.error is None and ran.exit in ok:
        return _captured(ran, command) if capture else None
    how = "killed by signal %d" if ran.exit is not None and ran.exit < 0 else "exit status %d"
    raise OpError(
        ran.error or how % abs(ran.exit or 0),
        argv=command.argv,
        exit=ran.exit,
        stdout=ran.stdout.text()[-_TAIL:],
        stderr=ran.stderr.text()[-_TAIL:],
    )


def _captured(ran: Running, command: Command) -> str:
    """What a command printed, as the shell's ``$(...)`` has it: without newlines at the end."""
    text = ran.stdout.exact()
    if text is None:
        how = "more than %d bytes" % MAX_CAPTURED if ran.stdout.cut else "no UTF-8 text"
        raise OpError("what it printed is %s: no output can be made of it" % how, argv=command.argv)
    return text.rstrip("\n")


def _generate(op: Op, shop: Workshop) -> Work:
    shop.generated.make(op["name"], op["length"], op["alphabet"])
    yield from ()


def _discard(op: Op, shop: Workshop) -> Work:
    shop.generated.discard(op["name"])
    yield from ()


_DO: dict[str, Callable[[Op, Workshop], Work]] = {
    "put": _put,
    "mkdir": _mkdir,
    "link": _link,
    "set_attrs": _set_attrs,
    "remove": _remove,
    "run": _run,
    "generate": _generate,
    "discard": _discard,
}


def _kind(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "a directory"
    if stat.S_ISREG(status.st_mode):
        return "a file"
    return "a link" if stat.S_ISLNK(status.st_mode) else "a device, pipe or socket"


def _owner(op: Op, shop: Workshop, kept: os.stat_result | None) -> tuple[int, int]:
    """The final owner and group as numbers; -1: whatever it is."""
    owner, group = op.get("owner"), op.get("group")
    uid, gid = (kept.st_uid, kept.st_gid) if kept is not None else (-1, -1)
    return (
        uid if owner is None else shop.accounts.uid(owner),
        gid if group is None else shop.accounts.gid(group),
    )


def _set_at(place: Place, status: os.stat_result, uid: int, gid: int, mode: int | None) -> None:
    """Set owner, group and mode of what `status` was taken of; of a link, owner and group."""
    if stat.S_ISLNK(status.st_mode):
        if mode is not None:
            raise OpError("a link has no mode of its own: %s" % place.path)
        if uid != -1 or gid != -1:
            os.chown(place.name, uid, gid, dir_fd=place.fd, follow_symlinks=False)
        return
    # O_PATH opens anything (a device, a pipe, a file without read permission) without side effects;
    # but what it opens can only be changed by its name in /proc.
    fd = os.open(place.name, os.O_PATH | os.O_NOFOLLOW, dir_fd=place.fd)
    try:
        now = os.fstat(fd)
        if stat.S_IFMT(now.st_mode) != stat.S_IFMT(status.st_mode):
            raise OpError("it was replaced meanwhile: %s" % place.path)
        _set("/proc/self/fd/%d" % fd, now, uid, gid, mode)
    finally:
        os.close(fd)


def _set(target: int | str, now: os.stat_result, uid: int, gid: int, mode: int | None) -> None:
    """Owner before mode: a change of the owner takes away setuid and setgid (chown(2))."""
    uid = now.st_uid if uid == -1 else uid
    gid = now.st_gid if gid == -1 else gid
    if mode is None:
        mode = stat.S_IMODE(now.st_mode)
    if (uid, gid) != (now.st_uid, now.st_gid):
        os.chown(target, uid, gid)
        os.chmod(target, mode)
    elif mode != stat.S_IMODE(now.st_mode):
        os.chmod(target, mode)
