"""The one place that prints and asks."""

import getpass
import os
import select
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TextIO

from cfgdsl.cli.streams import kept_apart
from cfgdsl.cli.text import STYLES, Line, clean, line, plain
from cfgdsl.cli.view import View

if TYPE_CHECKING:
    from cfgdsl.cli.live import Live

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_ASCII = str.maketrans({"→": "->", "↻": "@", "·": "-", "│": "|", "━": "=", "─": "-", "…": "..."})


class Terminal:
    """Standard output for results, standard error for what went wrong; plain when piped."""

    def __init__(
        self, *, no_color: bool = False, verbose: bool = False, for_programs: bool = False
    ) -> None:
        self._results = sys.stdout
        self._for_programs = for_programs
        """Whether standard output is for one document, and for nothing else."""
        self._colour = not no_color and not os.environ.get("NO_COLOR") and not _dumb()
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._tolerant = False
        self._is_broken = False
        """Whether the reader of standard output has gone (`| head`)."""
        self.is_live = sys.stdout.isatty() and not _dumb() and not _in_ci()
        """Whether a display that moves can be shown."""
        self.is_interactive = sys.stdin.isatty() and sys.stdout.isatty() and not _in_ci()
        """Whether somebody can be asked."""
        self.view = View.here(verbose=verbose, terminal=sys.stdout.isatty())

    @contextmanager
    def running_code(self) -> Iterator[None]:
        """While the configuration runs, its own prints must not end up in a document."""
        if not self._for_programs:
            yield
            return
        before = self._results
        with kept_apart() as results:
            self._results = results
            try:
                yield
            finally:
                self._results = before

    def show(self, lines: Iterable[Line]) -> None:
        """Print to standard output; above the live display, while there is one."""
        found = list(lines)
        with self._lock:
            if self._live is not None and self._live.show(found):
                return
            self._write(sys.stdout, found)

    def complain(self, lines: Iterable[Line]) -> None:
        """Print to standard error."""
        with self._lock, self._paused():
            sys.stdout.flush()
            self._write(sys.stderr, list(lines))

    def data(self, text: str | Iterable[str]) -> None:
        """Print one document (JSON, dot, SVG) to standard output, as it is; or its parts."""
        with self._lock:
            last = ""
            for last in (text,) if isinstance(text, str) else text:
                self._results.write(last)
            self._results.write("" if last.endswith("\n") else "\n")
            self._results.flush()

    @contextmanager
    def carrying_on(self) -> Iterator[None]:
        """While a run is on its way, a reader that goes away must not stop it: print no more."""
        self._tolerant = True
        try:
            yield
        finally:
            self._tolerant = False

    def live(
        self, rows: Callable[[int, int], Sequence[Line]], *, unless: bool = False
    ) -> AbstractContextManager[object]:
        """Keep `rows(width, height)` on screen below what is shown, where that can be."""
        return self._with_live(rows) if self.is_live and not unless else nullcontext()

    @contextmanager
    def _with_live(self, rows: Callable[[int, int], Sequence[Line]]) -> Iterator[None]:
        from cfgdsl.cli.live import Live  # noqa: PLC0415 - rich is needed only here

        self._live = Live(rows, colour=self._colour)
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def confirm(self, question: str) -> bool:
        """Whether the user says yes."""
        with self._lock, self._paused():
            sys.stdout.write(f"\n{clean(question)} [y/N] ")
            sys.stdout.flush()
            # Not `input`: a Ctrl-C that comes just before it begins to read would wait for Enter.
            while not select.select([sys.stdin], [], [], 0.2)[0]:
                pass
            answer = sys.stdin.readline()
            if not answer.endswith("\n"):
                self._write(sys.stdout, [()])
        return answer.strip().lower() in {"y", "yes"}

    def ask_secret(self, question: str) -> str | None:
        """Ask without echo; None when nothing was entered."""
        with self._lock, self._paused():
            try:
                return getpass.getpass(f"{clean(question).rstrip(': ')}: ") or None
            except EOFError:
                return None

    def _paused(self) -> AbstractContextManager[object]:
        return self._live.paused() if self._live is not None else nullcontext()

    def _write(self, stream: TextIO, lines: Sequence[Line]) -> None:
        if self._is_broken and stream is sys.stdout:
            return
        styled = self._colour and stream.isatty()
        text = "".join(map(_coloured, lines)) if styled else plain(lines)
        if "utf" not in (stream.encoding or "").lower():
            text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode()
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            if not self._tolerant:
                raise
            self._is_broken = True


def _coloured(spans: Line) -> str:
    pieces = []
    for span in spans:
        words = STYLES.get(span.style, "").split()
        codes = ";".join(_CODES[word] for word in words)
        pieces.append(f"\x1b[{codes}m{span.text}\x1b[0m" if codes else span.text)
    return "".join(pieces) + "\n"


def _dumb() -> bool:
    return os.environ.get("TERM", "") in {"dumb", ""}


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def words(text: str) -> list[Line]:
    """Plain text to print."""
    return [line(each) for each in text.split("\n")]
