"""Single lines of text files that others own."""

import re
from typing import Any

from cfgdsl import (
    AbsPath,
    Content,
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


@resource("line")
class Line(Resource):
    """A line in a text file; the rest of the file stays as it is.

    With `match`, all lines that match it stand for this one: the first of them (or the one that is
    as declared already) becomes this line, the others go. Without, or where none matches, the line
    is there as soon as one equals it, wherever; else it is added at the end, or where `above` or
    `below` says.

    All edits of one file, and the `File` of that path if it is declared, become one step and one
    write, in declaration order; edits that undo each other are an error. Mode, owner and
    `validate=` are for the `File` to say. The file must be text in UTF-8 of at most 1 MiB; what
    ends its lines, ``\\n`` or ``\\r\\n``, is kept. Where the line has a secret, the file becomes
    private (0600) unless its `File` says otherwise. A line that is no longer declared stays:
    declare it ``absent`` to take it away.

    Example:
        >>> Line("/etc/ssh/sshd_config", "PermitRootLogin no", match=r"^#?PermitRootLogin ").key
        '/etc/ssh/sshd_config:PermitRootLogin no'
    """

    path: Field[AbsPath] = key(kw_only=False)
    """The file."""
    line: Field[FileContent | None, str | Secret | None] = field(default=None, kw_only=False)
    """The line, without what ends it. With ``absent=True`` and `match` it may be left out."""
    name: Field[str | None] = key(default=None, kw_only=True)
    """Identifies it in place of the line: when the line has a secret, or changes often."""
    match: Field[str | None] = field(default=None, how=True, kw_only=True)
    """A regular expression (Python's, searched in each line) of the lines that this one replaces;
    with `absent`, of the lines to remove."""
    above: Field[str | None] = field(default=None, how=True, kw_only=True)
    """Where a new line goes: above the first line that matches this; it is an error when none
    does."""
    below: Field[str | None] = field(default=None, how=True, kw_only=True)
    """Where a new line goes: below the last line that matches this; it is an error when none
    does."""
    create: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a file that is not there is made; default: no, its absence is an error."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether no line may equal this one or match `match`."""

    def complete(self) -> dict[str, Any]:
        """One line, that can be identified."""
        _checks.no_secret("name", self.name)
        _text.check_patterns(match=self.match, above=self.above, below=self.below)
        if self.line is None and not (self.absent and self.match is not None):
            raise ValueError("needs line, or match= to remove lines")
        if self.absent and not (self.above is None and self.below is None):
            raise ValueError("above= and below= are for lines that are to be there")
        if self.absent and self.create:
            raise ValueError("create=True is for lines that are to be there")
        _text.check_text("line", self.line)
        if isinstance(self.line, Content):
            if not self.line.secret:
                _check(_text.text_of(self.line, "line"))
        elif self.line is not None and self.name is None:
            raise ValueError("needs name=, which identifies it: its line is a secret or a template")
        return {}

    @property
    def key(self) -> str:
        """Path, and name or line or pattern."""
        if self.id is not None:
            return self.id
        if self.name is not None:
            return f"{self.path}:{self.name}"
        return f"{self.path}:{self.match if self.line is None else self._wanted}"

    @property
    def _wanted(self) -> str | None:
        return None if self.line is None else _text.text_of(self.line, "line")

    def whole_file(self) -> File:
        """The file, with all but this line left as it is."""
        return self.implied(File, self.path)

    def edit(self, text: str) -> str:
        """The text with this line, or without it."""
        lines, wanted = _text.lines_of(text), self._wanted
        if wanted is not None:
            _check_resolved(wanted)
        mine = [number for number, line in enumerate(lines) if self._stands_for(line, wanted)]
        if self.absent:
            return "".join(line for number, line in enumerate(lines) if number not in set(mine))
        new = str(wanted)
        if not mine:
            at = _text.place(lines, self.above, self.below)
            return "".join(_text.inserted(lines, at, [new]))
        equal = [number for number in mine if _text.body(lines[number]) == new]
        if self.match is None:
            return text
        kept = (equal or mine)[0]
        old = lines[kept]
        lines[kept] = new + old[len(_text.body(old)) :]
        gone = {number for number in mine if number != kept}
        return "".join(line for number, line in enumerate(lines) if number not in gone)

    def _stands_for(self, line: str, wanted: str | None) -> bool:
        body = _text.body(line)
        return body == wanted or (self.match is not None and bool(re.search(self.match, body)))


def _check(text: str) -> None:
    if "\n" in text or "\r" in text:
        raise ValueError("line must be one line, without a line break; Block takes several")
    if not text:
        raise ValueError("line must not be empty")


def _check_resolved(text: str) -> None:
    """What comes from a secret or a template is known only by then."""
    try:
        _check(text)
    except ValueError as error:
        raise ImpossibleError(str(error)) from None
