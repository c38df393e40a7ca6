"""Standard output kept for a document, whatever else prints while the configuration runs."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import TextIO

_STANDARD_OUTPUT = 1


@contextmanager
def kept_apart() -> Iterator[TextIO]:
    """Standard output, for the caller alone: what prints meanwhile, be it the configuration or a
    program that it starts, prints to standard error."""
    results = sys.stdout
    results.flush()
    with ExitStack() as stack:
        elsewhere = _descriptor(sys.stderr)
        if _descriptor(results) == _STANDARD_OUTPUT and elsewhere is not None:
            kept = os.dup(_STANDARD_OUTPUT)
            named = os.fdopen(kept, "w", encoding=results.encoding, errors=results.errors)
            results = stack.enter_context(named)
            os.dup2(elsewhere, _STANDARD_OUTPUT)
            stack.callback(os.dup2, kept, _STANDARD_OUTPUT)
        stack.enter_context(redirect_stdout(sys.stderr))
        yield results


def _descriptor(stream: TextIO) -> int | None:
    """The number behind a stream; one in memory has none."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
