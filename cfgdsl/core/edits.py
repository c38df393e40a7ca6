"""Edits of text files, and a file of which only parts are declared.

An edit is a resource type with two pure methods instead of the usual four, see `Edit`. What is
declared of one file is put together in `cfgdsl.core.fold`.
"""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import attrs

from cfgdsl.core.content import Content, as_text
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.fields import Field, field, key
from cfgdsl.core.footprint import Footprint, path
from cfgdsl.core.probes import Answers, Probe, Read, Stat, Unknown
from cfgdsl.core.resource import Resource, state_fields

EDIT_LIMIT = 1024 * 1024
"""The longest text that is edited, in bytes: it is read whole, each time."""


class Edit(Protocol):
    """What a resource that says a part of a text file has, besides the fields of every resource."""

    path: Any
    """The file that it edits."""
    create: Any
    """Whether a file that is not there is made."""

    def edit(self, text: str) -> str:
        """The text with this part as declared; a text that has it already comes back as it is.

        So it can be done twice: ``edit(edit(text)) == edit(text)``. Raises `ImpossibleError`.
        """

    def whole_file(self) -> Resource:
        """The file, should nobody declare it: a resource with `path`, `content` (None, and so not
        managed) and perhaps `follow`, and without tasks of its own."""


class EditConflict(ImpossibleError):  # noqa: N818 - says what it is, as in its message
    """An edit that undoes another one of the same file."""


def is_edit(resource: Resource) -> bool:
    """Whether it says a part of a file.

    >>> from cfgdsl_stdlib import File, Line
    >>> is_edit(Line("/etc/motd", "hello")), is_edit(File("/etc/motd"))
    (True, False)
    """
    cls = type(resource)
    return hasattr(cls, "edit") and hasattr(cls, "whole_file")


class Folded(Resource):
    """A file of which parts are declared: its content follows from what is found."""

    file: Field[Any] = key(kw_only=False)
    """The whole-file writer, without a content."""
    edits: Field[Any] = field(how=True, kw_only=False)
    """In order."""
    create: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether it is made where it is not there."""
    declared: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether somebody declares the file itself, too."""
    says: Field[tuple[Any, ...]] = field(kw_only=True)
    """What is declared of its state, part by part."""

    @property
    def key(self) -> str:
        """That of the file."""
        return cast("str", self.file.key)

    @property
    def identity(self) -> str:
        """That of the file."""
        return cast("str", self.file.identity)

    @property
    def _follow(self) -> bool:
        return bool(getattr(self.file, "follow", False))

    @property
    def _read(self) -> Read:
        return Read(self.file.path, up_to=EDIT_LIMIT, follow=self._follow)

    def footprint(self) -> Footprint:
        """That of the file; one that is not made must be brought by something."""
        own: Footprint = self.file.footprint()
        itself = path(self.file.path)
        question = Stat(self.file.path, follow=self._follow)
        awaits = () if self.create else ((itself, question),)
        edits = () if self.declared else (itself,)
        return attrs.evolve(own, edits=edits, awaits=(*own.awaits, *awaits))

    def recorded(self) -> Resource:
        """The file, as far as its content is not the edits' concern."""
        secret = any(map(_holds_secret, self.edits))
        known: Resource = self.file.observed(content=Content.hidden()) if secret else self.file
        return known

    def probes(self) -> tuple[Probe, ...]:
        """How the file is, and its whole text."""
        return (*self.file.probes(), self._read)

    def hints(self) -> tuple[Probe, ...]:
        """Those of the file."""
        return cast("tuple[Probe, ...]", self.file.hints())

    def refine(self, answers: Answers | None) -> Resource:
        """The file with the content that its edits make of what was found."""
        if answers is None:
            secret = any(map(_holds_secret, self.edits))
            unknown = Unknown("its edits need what is there then", secret)
            wanted: Resource = self.file.observed(content=unknown)
            return wanted
        if self.file.observe(answers) is not None:
            return self._edited(self._text(answers[self._read]))
        if not self.create and _holds_in_nothing(self.edits):
            gone: Resource = self.file.observed(absent=True)
            return gone
        if not self.create:
            raise ImpossibleError(
                f"{self.file.path} does not exist, and nothing in the plan makes it",
                hint=f'Declare {type(self.file).__name__}("{self.file.path}") too, or give one of '
                "its edits create=True.",
                origins=tuple(edit.origin for edit in self.edits),
            )
        return self._edited("")

    def _edited(self, text: str) -> Resource:
        """The file as its edits make it; the result must be one that can be edited again."""
        wanted = with_content(self.file, self.edits, text)
        content: Content = vars(wanted)["content"]
        if content.size > EDIT_LIMIT or as_text(content.data or b"") is None:
            raise self._impossible("it would be too large afterwards, or no text any more")
        return wanted

    def _text(self, read: Any) -> str:
        text = None if read is None else read["text"]
        if text is not None and Content.of(text).sha256 == read["sha256"]:
            return cast("str", text)
        large = read is not None and read["size"] > EDIT_LIMIT
        what = f"larger than {EDIT_LIMIT // 1024} KiB" if large else "no text in UTF-8"
        if text is not None:  # the marks are taken out of whatever a host says
            what = "a text with the characters U+E000 or U+E001, which stand for secrets here"
        raise self._impossible(f"it is {what}")

    def _impossible(self, why: str) -> ImpossibleError:
        return ImpossibleError(
            f"{self.file.path} cannot be edited: {why}",
            hint="Declare its whole content.",
            origins=tuple(edit.origin for edit in self.edits),
        )


def with_content(file: Resource, edits: Sequence[Resource], text: str) -> Resource:
    """The file as the edits of `text` make it."""
    content = Content.of(edited_text(edits, text))
    if any(map(_holds_secret, (file, *edits))):
        content = attrs.evolve(content, secret=True)
    whole = file.observed(content=content)
    return whole.observed(**whole.complete())  # a secret content changes defaults


def edited_text(edits: Sequence[Any], text: str) -> str:
    """`text` with all edits; raises `EditConflict` for one that does not hold in the end."""
    result = text
    for edit in edits:
        result = _edit(edit, result)
    for edit in edits:
        if not _holds(edit, result):
            raise _conflict(edits, edit, text)
    return result


def _holds_in_nothing(edits: Sequence[Any]) -> bool:
    """Whether all of them only take something away."""
    return all(_holds(edit, "") for edit in edits)


def _edit(edit: Any, text: str) -> str:
    try:
        return cast("str", edit.edit(text))
    except ImpossibleError as error:
        summary = f"{edit.identity}: {error.summary}"
        raise ImpossibleError(summary, error.hint, (edit.origin,)) from None


def _holds(edit: Any, text: str) -> bool:
    try:
        return bool(edit.edit(text) == text)
    except ImpossibleError:
        return False


def _conflict(edits: Sequence[Any], undone: Any, text: str) -> EditConflict:
    """Which edit is the first to undo the one that does not hold."""
    by, held = undone, False
    for edit in edits:
        text = edit.edit(text)
        if held and not _holds(undone, text):
            by = edit
            break
        held = held or edit is undone
    if by is undone:
        summary = f"{undone.identity} does not hold in its own result"
        return EditConflict(summary, "edit() must be idempotent.", (undone.origin,))
    return EditConflict(
        f"{by.identity} undoes {undone.identity}",
        "Declare one of them, or make their patterns narrower.",
        (undone.origin, by.origin),
    )


def text_of(content: Any) -> str:
    """The text of a declared content; secret ones in memory have theirs, too.

    >>> text_of(Content.of("hello"))
    'hello'
    """
    text = None
    if isinstance(content, Content) and content.data is not None and content.size <= EDIT_LIMIT:
        text = as_text(content.data)
    if text is None:
        raise ImpossibleError(
            "its content cannot be edited: it is no text in UTF-8, or too large",
            hint="Put what the edits say into the content itself.",
        )
    return text


def _holds_secret(part: Resource) -> bool:
    values = (getattr(part, slot.name) for slot in state_fields(type(part)))
    return any(isinstance(value, Content) and value.secret for value in values)


def declared_state(part: Resource) -> tuple[Any, ...]:
    """What is declared of one part, in a form that says the same in each run."""
    values = (getattr(part, slot.name) for slot in state_fields(type(part)))
    told = (value.sha256 if isinstance(value, Content) else value for value in values)
    return (part.identity, *told)
