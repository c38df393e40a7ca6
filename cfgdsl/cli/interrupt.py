"""Ctrl-C. In a run: the first lets what has begun end, the second interrupts that, the third exits.
Where nothing is being changed, the first ends it all."""

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cfgdsl.cli.exit_codes import INTERRUPTED

_GRACE = 1.5
"""Seconds that connections get to close after a Ctrl-C that nothing needs to wait for."""


@contextmanager
def ending(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C raises `KeyboardInterrupt`; what does not end by itself is ended soon after."""

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(number, lambda *_: _exit_now())
        _aside(stop)
        timer = threading.Timer(_GRACE, _exit_now)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    with _handled(on_signal):
        yield


@contextmanager
def draining(stop: Callable[[], None], tell: Callable[[int], None]) -> Iterator[Callable[[], int]]:
    """Ctrl-C calls `stop`, and `tell` with how often it was pressed; the third exits.

    Gives a function that says how often it was pressed.
    """
    pressed = 0

    def on_signal(_: int, __: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 2:
            _exit_now()
        count = pressed
        _aside(stop)
        _aside(lambda: tell(count))

    with _handled(on_signal):
        yield lambda: pressed


def _aside(work: Callable[[], None]) -> None:
    """Not in the signal handler: the thread that it interrupts may hold any lock."""
    threading.Thread(target=work, daemon=True).start()


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread; a caller in another one handles its own
        return
    _remember_terminal()
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_modes: list[Any] = []
"""How the terminal was before anything asked for a password on it."""


def _remember_terminal() -> None:
    if not _modes and sys.stdin.isatty():
        _modes.extend(termios.tcgetattr(sys.stdin.fileno()))


def _exit_now() -> None:
    if _modes:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, _modes)
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), b"\x1b[?25h\r\n")  # the cursor, which a live display hides
    os._exit(INTERRUPTED)
