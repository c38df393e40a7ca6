"""Blocks of lines, between two marker lines, in text files that others own."""

from typing import Any

from cfgdsl import (
    AbsPath,
    Field,
    FileContent,
    ImpossibleError,
    Resource,
    Secret,
    field,
    key,
    resource,
)
from cfgdsl_stdlib import _checks, _text
from cfgdsl_stdlib.file import File


@resource("block")
class Block(Resource):
    """Lines in a text file, between two marker lines; the rest of the file stays as it is.

    The markers, comments that name the block, are how it is found again: its text is replaced where
    it stands. A new one is added at the end, or where `above` or `below` says.

    As with `Line`, all edits of one file become one step and one write, mode and owner are for its
    `File` to say, what ends the lines is kept, and a secret makes the file private. A block that is
    no longer declared stays: declare it ``absent`` to take it away.

    Example:
        >>> Block("/etc/hosts", "192.0.2.1 web1\\n192.0.2.2 web2\\n", name="web").identity
        'block:/etc/hosts:web'
    """

    path: Field[AbsPath] = key(kw_only=False)
    """The file."""
    text: Field[FileContent | None, str | Secret | FileContent | None] = field(
        default=None, kw_only=False
    )
    """The lines: text or `template(...)`. With ``absent=True`` it is left out."""
    name: Field[str] = key(kw_only=True)
    """Which block of the file it is; stands in the markers."""
    comment: Field[str] = field(default="#", how=True, kw_only=True)
    """What begins a comment in this file."""
    comment_end: Field[str] = field(default="", how=True, kw_only=True)
    """What ends a comment, where something must: ``comment="<!--", comment_end="-->"``."""
    above: Field[str | None] = field(default=None, how=True, kw_only=True)
    """Where a new block goes: above the first line that matches this regular expression; it is an
    error when none does."""
    below: Field[str | None] = field(default=None, how=True, kw_only=True)
    """Where a new block goes: below the last line that matches this regular expression; it is an
    error when none does."""
    create: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a file that is not there is made; default: no, its absence is an error."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether the block must not be there, markers included."""

    def complete(self) -> dict[str, Any]:
        """Markers that are lines of their own; a text exactly when there is to be one."""
        for name in ("name", "comment", "comment_end"):
            value = getattr(self, name)
            _checks.no_secret(name, value)
            if not value.isprintable() or value != value.strip():
                raise ValueError(f"{name} must be one line without spaces around it: {value!r}")
        if not self.name or not self.comment:
            raise ValueError("name and comment must not be empty")
        _text.check_patterns(above=self.above, below=self.below)
        _text.check_text("text", self.text)
        if self.absent is not (self.text is None):
            raise ValueError("needs a text, or absent=True")
        if self.absent and (self.create or not (self.above is None and self.below is None)):
            raise ValueError("above=, below= and create= are for blocks that are to be there")
        return {}

    @property
    def _markers(self) -> tuple[str, str]:
        begin, end = (
            f"{self.comment} {word} cfgdsl: {self.name} {self.comment_end}".rstrip()
            for word in ("BEGIN", "END")
        )
        return begin, end

    def whole_file(self) -> File:
        """The file, with all but this block left as it is."""
        return self.implied(File, self.path)

    def edit(self, text: str) -> str:
        """The text with this block, or without it."""
        lines = _text.lines_of(text)
        start, stop = self._found(lines)
        if self.absent:
            return "".join([*lines[:start], *lines[stop:]])
        begin, end = self._markers
        inside = [_text.body(line) for line in _text.lines_of(_text.text_of(self.text, "text"))]
        if begin in inside or end in inside:
            raise ImpossibleError("its text holds one of its own markers")
        if start == stop:
            at = _text.place(lines, self.above, self.below)
            return "".join(_text.inserted(lines, at, [begin, *inside, end]))
        now = [_text.body(line) for line in lines[start + 1 : stop - 1]]
        if now == inside:
            return text
        ended = lines[stop - 1].endswith("\n")
        block = _text.inserted(lines[:1], 1, [begin, *inside, end])[1:]
        if not ended:
            block[-1] = end
        return "".join([*lines[:start], *block, *lines[stop:]])

    def _found(self, lines: list[str]) -> tuple[int, int]:
        """Where the block is, markers included; an empty range at the end: nowhere."""
        begin, end = self._markers
        bodies = [_text.body(line) for line in lines]
        if begin not in bodies and end not in bodies:
            return len(lines), len(lines)
        if (bodies.count(begin), bodies.count(end)) != (1, 1) or (
            bodies.index(begin) > bodies.index(end)
        ):
            raise ImpossibleError(
                f"its markers are damaged: {begin!r} and {end!r} must each be there once, in order",
                hint="Repair the file, or remove both by hand.",
            )
        return bodies.index(begin), bodies.index(end) + 1
