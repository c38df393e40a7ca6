"""Gets the runner another user's rights: one sudo, su or doas around it, not one per command.

A password goes to the tool's stdin, when it asks, and nowhere else (S8, S14). What each tool needs
for that was tried on Debian 12:

- ``sudo -S -p MARKER`` asks on stderr and reads stdin; ``-n`` instead where no password is given.
- ``su`` reads stdin through PAM when that is no terminal, and asks on stderr in words of its own.
- ``doas`` reads only its controlling terminal. A few lines of Python give it one for that question,
  while its stdin and stdout stay those of the runner: a terminal would not pass bytes unchanged.
"""

import shlex
from collections.abc import Sequence

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.host import Become

_TERMINAL = """\
import fcntl, os, select, sys, termios
def ask():
    os.write(2, sys.argv[1].encode())
    line = b''
    while not line.endswith(b'\\n'):
        piece = os.read(0, 1)
        if not piece: sys.exit(1)
        line += piece
    return line
master, slave = os.openpty()
child = os.fork()
if not child:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    os.close(master); os.close(slave)
    try: os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error: os.write(2, ('%s: %s' % (sys.argv[2], error)).encode())
    os._exit(127)
done = status = 0
while not done and not select.select([master], [], [], 0.05)[0]:
    done, status = os.waitpid(child, os.WNOHANG)
if not done:
    os.write(master, ask())
    done, status = os.waitpid(child, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
"""

_WRONG = ("sorry, try again", "incorrect password", "authentication fail")
_FORBIDDEN = ("not in the sudoers", "not allowed to", "not permitted", "may not run")
_MISSING = ("not found", "no such file")


@attrs.frozen(kw_only=True)
class Privilege:
    """How `become` is done on one host, for one conversation."""

    become: Become | None
    marker: str
    """A random word that no tool says by itself; it marks a question for the password."""
    python: str
    """A Python there (doas with a password needs one)."""

    @property
    def may_ask(self) -> bool:
        """Whether a question for a password can come."""
        return self.become is not None and (
            self.become.method == "su" or self.become.password is not None
        )

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """`argv` as the other user."""
        if self.become is None:
            return list(argv)
        user = self.become.user
        if self.become.method == "su":
            return ["su", "-s", "/bin/sh", "-c", "exec " + shlex.join(argv), "--", user]
        if self.become.method == "sudo":
            asking = ["-S", "-p", self.marker] if self.become.password else ["-n"]
            return ["sudo", *asking, "-H", "-u", user, "--", *argv]
        if self.become.password is None:
            return ["doas", "-n", "-u", user, "--", *argv]
        terminal = [self.python, "-c", _TERMINAL, self.marker]
        return [*terminal, "doas", "-u", user, "--", *argv]

    def questions(self, errors: str) -> int:
        """How often a password was asked for, in what came on stderr so far."""
        if self.become is None:
            return 0
        if self.become.method == "su":
            return 1 if errors.rstrip(" ").endswith((":", "\uff1a")) else 0
        return errors.count(self.marker)

    def refused(self, host: str, errors: str, *, answered: bool) -> Diagnostic:
        """What to tell the user when the tool did not let us through."""
        if self.become is None:
            msg = "nothing was refused without a Become"
            raise ValueError(msg)
        tool, user = self.become.method, self.become.user
        said = errors.replace(self.marker, "").strip()
        lower = said.lower()
        if any(word in lower for word in _FORBIDDEN):
            summary, hint = f"{tool} does not allow it to act as {user!r}", "Allow it on the host."
        elif answered:
            summary = f"{tool} refused the password"
            hint = f"Check {self.become.password!r}, the password that {tool} wants."
        elif self.questions(errors) or "password" in lower or "authentication" in lower:
            summary = f"{tool} wants a password"
            hint = f'Give one: become=Become(method="{tool}", password=Secret...).'
        elif any(word in lower for word in _MISSING):
            summary, hint = f"no {tool} on the host", "Install it, or choose another become=."
        else:
            summary, hint = f"{tool} failed", "Try it by hand as the login user."
        return Diagnostic(summary=summary, detail=said, hint=hint, address=host)

    def blames(self, errors: str, *, answered: bool) -> bool:
        """Whether it was the tool, and not what it ran, that ended the conversation early."""
        if self.become is None:
            return False
        lower = errors.lower()
        told = any(word in lower for word in (*_WRONG, *_FORBIDDEN))
        own = f"{self.become.method}:" in lower or f"{self.become.method} " in lower
        return told or own or (answered and self.questions(errors) > 1)
