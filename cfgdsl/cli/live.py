"""The part of the screen that moves: a few rows below what is printed, redrawn at a steady pace."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from cfgdsl.cli.text import STYLES, Line

_DELAY = 0.25
"""What is done sooner shows no progress: it would only flicker."""
_PER_SECOND = 8


class Live:
    """Shows rows as long as the `with` block lasts; the rows are gone afterwards."""

    def __init__(self, rows: Callable[[int, int], Sequence[Line]], *, colour: bool) -> None:
        self._rows = rows
        # No colour system: no style either. With `no_color` alone, rich still writes bold and dim.
        self._console = Console(
            color_system="auto" if colour else None, highlight=False, markup=False, emoji=False
        )
        self._lock = threading.RLock()
        self._rich: RichLive | None = None
        self._timer = threading.Timer(_DELAY, self._start)
        self._timer.daemon = True
        self._over = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            self._stop()

    def show(self, lines: Sequence[Line]) -> bool:
        """Print above the rows; False when there are none on screen now."""
        with self._lock:
            if self._rich is None:
                return False
            for each in lines:
                self._console.print(_text(each), soft_wrap=True)
            return True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the rows away, so that somebody can be asked."""
        with self._lock:
            was_shown = self._rich is not None
            self._stop()
            over, self._over = self._over, True
            try:
                yield
            finally:
                self._over = over
                if was_shown or not self._timer.is_alive():
                    self._start()

    def _start(self) -> None:
        with self._lock:
            if self._over or self._rich is not None:
                return
            self._rich = RichLive(
                get_renderable=self._drawn,
                console=self._console,
                transient=True,
                refresh_per_second=_PER_SECOND,
                redirect_stdout=True,  # what the configuration prints goes above the rows
                redirect_stderr=sys.stderr.isatty(),
                vertical_overflow="crop",
            )
            self._rich.start()

    def _stop(self) -> None:
        rich, self._rich = self._rich, None
        if rich is not None:
            rich.stop()

    def _drawn(self) -> Text:
        width, height = self._console.size
        text = Text("\n", no_wrap=True, overflow="ellipsis").join(
            _text(each) for each in self._rows(width - 1, height)
        )
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def _text(spans: Line) -> Text:
    return Text.assemble(*((span.text, STYLES.get(span.style, "")) for span in spans))
