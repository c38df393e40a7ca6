"""Problems as people read them: what, where, why, and what to do next."""

from collections.abc import Iterable, Iterator

from cfgdsl.cli.text import Line, Span, line, wrapped
from cfgdsl.cli.view import View
from cfgdsl.core.errors import Diagnostic


def diagnostic_lines(
    diagnostic: Diagnostic, view: View, *, title: str = "Error", address: str | None = None
) -> Iterator[Line]:
    """One problem; `address` replaces the diagnostic's own one."""
    about = diagnostic.address if address is None else address
    head = f"{about}: {diagnostic.summary}" if about else diagnostic.summary
    first, *others = head.splitlines() or [""]
    yield line(Span(f"{title}: ", "error"), first)
    for text in others:
        yield line("  ", text)
    # Tracebacks and the output of tools stand in details: their lines are not wrapped.
    for text in diagnostic.detail.splitlines():
        yield line("  ", text)
    for origin in diagnostic.origins:
        inside = f" in {origin.function}" if origin.function not in {"", "<module>"} else ""
        yield line("  ", Span(f"at {view.where(origin)}{inside}", "dim"))
    yield from wrapped(diagnostic.hint, view.width, indent="  ")


def problem_lines(diagnostics: Iterable[Diagnostic], view: View) -> Iterator[Line]:
    """Several problems, and how many there are."""
    found = list(dict.fromkeys(diagnostics))
    for diagnostic in found:
        yield from diagnostic_lines(diagnostic, view)
    if len(found) > 1:
        yield ()
        yield line(f"{len(found)} problems.")
