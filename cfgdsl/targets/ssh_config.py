"""Reads OpenSSH's client configuration, so that whatever ``ssh web1`` reaches, cfgdsl reaches too.

paramiko has a reader of its own, but without ``Include`` (paramiko issue 1609), which Debian's
/etc/ssh/ssh_config and most hand-written ones use. The rules are those of ssh_config(5): the first
value found wins, but for IdentityFile, of which all count.

Of ``Match``, the criteria all, final, host, originalhost, user, localuser, tagged and exec (run
without a shell) are understood; a block with any other one does not apply.
"""

import fnmatch
import getpass
import glob
import os
import re
import shlex
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError

_SYSTEM = Path("/etc/ssh/ssh_config")
_DEPTH = 16
_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@attrs.frozen
class _Line:
    """One line of configuration, and the files that it includes."""

    place: str
    keyword: str
    value: str
    arguments: tuple[str, ...]
    included: "tuple[_Line, ...]" = ()


def pattern_matches(text: str, patterns: Sequence[str]) -> bool:
    """Whether `text` matches a pattern list as ssh_config(5) has them: ``*``, ``?``, ``!`` negates.

    >>> pattern_matches("web1", ["web*", "!web2"]), pattern_matches("web2", ["web*", "!web2"])
    (True, False)
    """
    found = False
    for pattern in patterns:
        # [ is an ordinary character in ssh, and starts a set in fnmatch.
        glob_pattern = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(text, glob_pattern):
            if pattern.startswith("!"):
                return False
            found = True
    return found


class SshConfig:
    """The parsed configuration files; `lookup` says what they hold for one host.

    Raises `TargetError` when a file is there but cannot be read, is malformed, or could have been
    written by others: it can name programs to run.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._lines = tuple(line for path in files for line in _parse(path, 0))

    @classmethod
    def load(cls, path: Path | None) -> "SshConfig":
        """Of `path` alone, else of the user and the system."""
        if path is None:
            files = (Path("~/.ssh/config").expanduser(), _SYSTEM)
            return cls([file for file in files if file.exists()])
        if not path.exists():
            raise _error(str(path), "there is no such ssh configuration file")
        return cls([path])

    def lookup(self, host: str, *, user: str | None = None) -> dict[str, list[str]]:
        """Values by lower-case keyword: what the user wrote, unexpanded, for `host`."""
        found: dict[str, list[str]] = {}
        lookup = _Lookup(host, user, found)
        lookup.walk(self._lines, active=True)
        if lookup.saw_final:
            lookup.final = True
            lookup.walk(self._lines, active=True)
        return found


class _Lookup:
    """One walk over the lines: which blocks apply to this host, and what they say first."""

    def __init__(self, host: str, user: str | None, found: dict[str, list[str]]) -> None:
        self.host = host
        self.user = user
        self.found = found
        self.final = False
        self.saw_final = False

    def walk(self, lines: Sequence[_Line], *, active: bool) -> None:
        """Take the values of the blocks that apply; an included file starts as its block is."""
        outer = active
        for line in lines:
            if line.keyword == "host":
                active = outer and pattern_matches(self.host, line.arguments)
            elif line.keyword == "match":
                self.saw_final |= "final" in line.arguments
                active = outer and self._match(line)
            elif line.keyword == "include":
                self.walk(line.included, active=active)
            elif active:
                self._take(line)

    def _take(self, line: _Line) -> None:
        values = list(line.arguments) or [line.value]
        if line.keyword in ("identityfile", "certificatefile"):
            known = self.found.setdefault(line.keyword, [])
            known.extend(value for value in values[:1] if value not in known)
        else:
            self.found.setdefault(line.keyword, values)

    def _first(self, keyword: str, default: str) -> str:
        return self.found.get(keyword, [default])[0]

    def _match(self, line: _Line) -> bool:
        words = iter(line.arguments)
        for word in words:
            wanted = not word.startswith("!")
            criterion = word.removeprefix("!").lower()
            argument = "" if criterion in ("all", "final", "canonical") else next(words, None)
            if argument is None:
                raise _error(line.place, f"Match {criterion} needs an argument")
            if self._criterion(criterion, argument) is not wanted:
                return False
        return True

    def _criterion(self, name: str, argument: str) -> bool | None:
        local = getpass.getuser
        subject: dict[str, Callable[[], str]] = {
            "host": lambda: self._first("hostname", self.host).replace("%h", self.host),
            "originalhost": lambda: self.host,
            "user": lambda: self.user or self._first("user", local()),
            "localuser": local,
            "tagged": lambda: self._first("tag", ""),
        }
        if name in subject:
            return pattern_matches(subject[name](), argument.split(","))
        if name == "exec":
            tokens = {"h": subject["host"](), "n": self.host, "r": subject["user"](), "u": local()}
            return _succeeds([expand_tokens(word, tokens) for word in shlex.split(argument)])
        return {"all": True, "final": self.final, "canonical": False}.get(name)


def _succeeds(argv: Sequence[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own ssh configuration; no shell
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """`text` with ``%h``-like tokens replaced; one that is not in `tokens` is left as it is."""
    known = {"%": "%", **tokens}
    return re.sub(r"%(.)", lambda m: known.get(m.group(1), m.group(0)), text)


def expand_path(text: str, tokens: Mapping[str, str]) -> str:
    """A path of the configuration: tokens, ``~`` and ``${VARIABLE}`` replaced."""
    text = _VARIABLE.sub(lambda m: os.environ.get(m.group(1), ""), text)
    return os.path.expanduser(expand_tokens(text, tokens))  # noqa: PTH111 - keeps it text


def standard_tokens(host: str, name: str, port: int, user: str) -> dict[str, str]:
    """The tokens that ssh_config(5) allows almost everywhere."""
    node = socket.gethostname()
    return {
        "h": host, "n": name, "p": str(port), "r": user, "u": getpass.getuser(),
        "d": str(Path.home()), "i": str(os.getuid()), "l": node, "L": node.split(".")[0],
    }  # fmt: skip


def _parse(path: Path, depth: int) -> Iterator[_Line]:
    if depth > _DEPTH:
        raise _error(str(path), f"more than {_DEPTH} files include one another")
    for number, text in enumerate(_read(path).splitlines(), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        place = f"{path}:{number}"
        match = _LINE.match(text)
        if match is None or not match.group(2).strip():
            raise _error(place, f"not a line of ssh configuration: {text.strip()!r}")
        keyword, value = match.group(1).lower(), match.group(2).strip()
        words = () if keyword == "proxycommand" else _words(value, place)
        included = tuple(_include(words, path, depth)) if keyword == "include" else ()
        yield _Line(place, keyword, value, words, included)


def _include(patterns: Sequence[str], origin: Path, depth: int) -> Iterator[_Line]:
    folder = (
        _SYSTEM.parent if origin.is_relative_to(_SYSTEM.parent) else Path("~/.ssh").expanduser()
    )
    for pattern in patterns:
        for name in sorted(glob.glob(str(folder / Path(pattern).expanduser()))):  # noqa: PTH207
            yield from _parse(Path(name), depth + 1)


def _words(value: str, place: str) -> tuple[str, ...]:
    lexer = shlex.shlex(value, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    lexer.escape = ""
    try:
        words = tuple(lexer)
    except ValueError:
        raise _error(place, "a quotation mark is missing") from None
    if not words:
        raise _error(place, "the value is missing")
    return words


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            status = os.fstat(file.fileno())
            # As OpenSSH does (S18): whoever writes this file can run programs as the user.
            if status.st_uid not in (0, os.getuid()) or status.st_mode & (
                stat.S_IWGRP | stat.S_IWOTH
            ):
                problem = "others own it or may write it"
                raise _error(str(path), problem, hint=f"chmod go-w -- {shlex.quote(str(path))}")
            return file.read()
    except OSError as error:
        raise _error(str(path), f"cannot be read: {error.strerror}") from None


def _error(place: str, detail: str, hint: str = "") -> TargetError:
    return TargetError(
        Diagnostic(
            summary="the ssh configuration cannot be used", detail=f"{place}: {detail}", hint=hint
        )
    )
