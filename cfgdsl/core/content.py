"""File contents in normal form: digest, size, and the text where it is small enough to show.

Equal by digest. Large contents are never here: `path` says where the controller streams them from.
"""

import hashlib
from typing import Any

import attrs

TEXT_LIMIT = 64 * 1024
"""The longest text that a diff shows, in bytes."""

_SEALED = "sealed:"
"""Begins what stands for the digest of a content that is not known: no runner takes it for one."""


@attrs.frozen(repr=False)
class Content:
    """The bytes that a file has or should have.

    >>> Content.of("hello\\n").size
    6
    """

    sha256: str
    size: int
    data: bytes | None = attrs.field(default=None, eq=False, repr=False)
    """The bytes themselves, for small contents."""
    path: str | None = attrs.field(default=None, eq=False, repr=False)
    """Where on the controller a large content is read from."""
    offset: int | None = attrs.field(default=None, eq=False, repr=False)
    """Where in that file it begins, when it is only a part of it."""
    secret: bool = attrs.field(default=False, eq=False)
    """Whether it holds a secret: then neither text nor digest are ever shown or stored."""
    shown: str | None = attrs.field(default=None, eq=False, repr=False)
    """The text with secrets by reference, when `secret`."""

    @classmethod
    def of(cls, data: bytes | str) -> "Content":
        """The content that consists of `data` (text as UTF-8)."""
        raw = data.encode() if isinstance(data, str) else bytes(data)
        return cls(hashlib.sha256(raw).hexdigest(), len(raw), data=raw)

    @classmethod
    def hidden(cls) -> "Content":
        """What a plan's JSON says of a content that holds a secret: that there is one."""
        return cls("", 0, secret=True)

    @classmethod
    def sealed(cls, shown: str) -> "Content":
        """What `shown` becomes once the secrets that it refers to are known; equal by reference.

        >>> Content.sealed("password=...").is_sealed
        True
        """
        name = hashlib.sha256(shown.encode()).hexdigest()
        return cls(_SEALED + name, 0, secret=True, shown=shown)

    @property
    def is_sealed(self) -> bool:
        """Whether its bytes, and so its digest, are not known now."""
        return self.secret and self.sha256.startswith(_SEALED)

    @property
    def is_kept(self) -> bool:
        """Whether only its host has it, as a copy of what was overwritten there."""
        return self.data is None and self.path is None and not self.secret

    @property
    def text(self) -> str | None:
        """The text for a diff; None for binary, large or secret contents."""
        if self.secret or self.data is None or self.size > TEXT_LIMIT:
            return None
        return as_text(self.data)

    def __str__(self) -> str:
        digest = self.sha256[:12]
        return "(secret content)" if self.secret else f"{self.size} bytes, sha256 {digest}"

    def __repr__(self) -> str:
        return f"<Content {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Its data are the secret itself; that leaves memory through the channel to a host only.
        if self.secret:
            raise TypeError("a content that holds a secret cannot be pickled")
        return Content, (self.sha256, self.size, self.data, self.path, self.offset)

    def __copy__(self) -> "Content":
        return self

    def __deepcopy__(self, _: object) -> "Content":
        return self


def hide(found: object, wanted: object) -> object:
    """`found`, kept from sight when a secret takes its place: it is likely an older one."""
    if isinstance(found, Content) and getattr(wanted, "secret", False):
        return attrs.evolve(found, secret=True)
    return found


def as_text(data: bytes) -> str | None:
    """`data` as text, or None when it is not: not UTF-8, or with a NUL in it.

    >>> as_text(b"hello"), as_text(b"\\0")
    ('hello', None)
    """
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


@attrs.frozen
class LocalFile:
    """A content that stands in a file on the controller; resolved after evaluation, streamed.

    >>> LocalFile("/home/me/site.conf").path
    '/home/me/site.conf'
    """

    path: str


@attrs.frozen
class Template:
    """A content that jinja2 renders from a file and variables; resolved after evaluation.

    >>> Template("/home/me/site.conf.j2", (("workers", 4),))
    Template(path='/home/me/site.conf.j2')
    """

    path: str
    variables: tuple[tuple[str, object], ...] = attrs.field(repr=False)


@attrs.frozen
class Text:
    """A text that refers to secrets; resolved just before planning, in memory only.

    >>> Text("password=...")
    Text()
    """

    text: str = attrs.field(repr=False)


Reference = LocalFile | Template | Text
