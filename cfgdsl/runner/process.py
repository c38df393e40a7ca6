"""Starting one command, and reaching all that has come of it.

`subprocess` would cost 9 ms to import; this is the part of it that is needed. Each command leads a
session of its own, so that its end can be the end of its children too.
"""

from __future__ import annotations

import errno
import os
import pwd

from .lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .accounts import Accounts

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the runner or Python itself handles or ignores: a command must not inherit that.
_RESET = (
    *(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT),
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD),
)


class StartError(Exception):
    """A command could not be started; the text says why."""


class Command:
    """What to run. Of each output `limit` bytes are kept: the first, or with `tail` the last.

    `urgent`: quick, and others wait for it; it does not wait for commands that are not.
    """

    def __init__(
        self,
        argv: list[str],
        *,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
        limit: int = 1024 * 1024,
        tail: bool = False,
        urgent: bool = False,
    ) -> None:
        self.argv = argv
        self.cwd = cwd or "/"
        self.env = env or {}
        self.user = user
        self.stdin = stdin
        self.timeout = timeout
        self.limit = limit
        self.tail = tail
        self.urgent = urgent


def spawn(command: Command, accounts: Accounts) -> tuple[int, int, int]:
    """Start `command`: its process id, and where its stdout and stderr can be read.

    Raises StartError when it could not even start.
    """
    identity = _identity(command.user, accounts)
    environment = _environment(command, identity)
    program = _find(command.argv[0], environment["PATH"], command.cwd)
    groups = os.getgrouplist(identity.pw_name, identity.pw_gid) if identity.pw_uid else []
    drop = None if identity.pw_uid == os.geteuid() else (identity.pw_uid, identity.pw_gid, groups)
    stdin = _input(command.stdin)
    out, err, trouble = os.pipe(), os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(
            command,
            program=program,
            environment=environment,
            drop=drop,
            streams=(stdin, out[1], err[1]),
            trouble=trouble[1],
        )
    for fd in (stdin, out[1], err[1], trouble[1]):
        os.close(fd)
    with open(trouble[0], "rb", 0) as report:  # closed by a successful exec: nothing to read
        why = report.read(4096)
    if why:
        os.waitpid(pid, 0)
        os.close(out[0])
        os.close(err[0])
        raise StartError(why.decode("utf-8", "replace"))
    return pid, out[0], err[0]


def _identity(user: str | None, accounts: Accounts) -> pwd.struct_passwd:
    me = os.geteuid()
    if user is not None:
        try:
            entry = accounts.account(user)
        except LookupError as error:
            raise StartError(str(error)) from None
        if me not in (0, entry.pw_uid):
            raise StartError("only root can run a command as %r" % user)
        return entry
    try:
        return pwd.getpwuid(me)
    except KeyError:  # a container with an arbitrary uid
        return pwd.struct_passwd((str(me), "x", me, os.getegid(), "", "/", "/bin/sh"))


def _environment(command: Command, identity: pwd.struct_passwd) -> dict[str, str]:
    """A small environment, the same whoever started the runner and from whatever shell."""
    path = os.environ.get("PATH", _PATH).split(":")
    path += [folder for folder in _PATH.split(":") if folder not in path]
    return {
        "PATH": ":".join(path),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": identity.pw_dir,
        "USER": identity.pw_name,
        "LOGNAME": identity.pw_name,
        "SHELL": identity.pw_shell or "/bin/sh",
        **command.env,
    }


def _find(program: str, path: str, cwd: str) -> str:
    if "/" in program:
        return os.path.join(cwd, program)
    for folder in path.split(":"):
        found = os.path.join(cwd, folder, program)
        if os.access(found, os.X_OK) and os.path.isfile(found):
            return found
    raise StartError("no such program: %s" % program)


def _input(text: str | None) -> int:
    """What the command reads: nothing, or `text`, which may be a secret and so touches no disk."""
    if text is None:
        return os.open("/dev/null", os.O_RDONLY)
    fd = os.memfd_create("stdin")
    with open(fd, "wb", closefd=False) as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _become(
    command: Command,
    *,
    program: str,
    environment: dict[str, str],
    drop: tuple[int, int, list[int]] | None,
    streams: tuple[int, ...],
    trouble: int,
) -> None:
    """In the new process: turn into the command. Never returns."""
    doing = "start"
    try:
        os.setsid()
        for target, fd in enumerate(streams):
            os.dup2(fd, target)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o022)
        if drop is not None:
            doing = "change the user"
            uid, gid, groups = drop
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
        doing = "enter %s" % command.cwd
        os.chdir(command.cwd)  # as that user: who may not enter a folder does not
        doing = "start"
        os.execve(program, command.argv, environment)  # noqa: S606 - no shell: that is the point
    except OSError as error:
        missing = error.errno == errno.ENOENT and doing == "start"
        why = "no such program" if missing else "cannot %s: %s" % (doing, error.strerror)
        os.write(trouble, ("%s: %s" % (why, program)).encode("utf-8", "surrogateescape"))
    finally:
        os._exit(127)


def signal_session(leader: int, number: int) -> None:
    """Send a signal to every process in the session of `leader`, which is not reaped yet.

    Its process group first; then what job control has put into groups of their own.
    """
    try:
        os.killpg(leader, number)
    except OSError:  # all of it is gone, or has changed its user
        pass
    for entry in os.listdir("/proc"):
        try:
            if entry.isdecimal() and os.getsid(int(entry)) == leader:
                os.kill(int(entry), number)
        except OSError:  # noqa: PERF203 - it has just ended, or is another user's
            continue
