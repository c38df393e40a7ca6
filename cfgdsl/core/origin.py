"""Where in the user's code something was declared."""

import sys

import attrs

_OWN_PACKAGES = ("cfgdsl.", "cfgdsl_stdlib.", "attr.")


@attrs.frozen
class Origin:
    """A line of the user's code.

    >>> print(Origin("infra.py", 14, "nginx"))
    infra.py:14 in nginx
    """

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        where = f" in {self.function}" if self.function not in {"", "<module>"} else ""
        return f"{self.file}:{self.line}{where}"

    def relative_to(self, folder: str) -> "Origin":
        """The same line, its file relative to `folder` when it is inside."""
        inside = folder.rstrip("/") + "/"
        if self.file.startswith(inside):
            return attrs.evolve(self, file=self.file.removeprefix(inside))
        return self


def capture_origin(beyond: object = None) -> Origin:
    """The first caller outside of cfgdsl's own packages, and of the methods of `beyond`.

    A walk over frames costs microseconds, `inspect.stack()` half a millisecond; this runs once per
    declared resource.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the only cheap way to a caller's line
    while frame is not None:
        module = f"{frame.f_globals.get('__name__', '')}."
        code = frame.f_code
        own = module.startswith(_OWN_PACKAGES) or code.co_filename.startswith("<attrs")
        if not own and (beyond is None or frame.f_locals.get("self") is not beyond):
            return Origin(code.co_filename, frame.f_lineno, code.co_name)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return Origin("<unknown>", 0)
