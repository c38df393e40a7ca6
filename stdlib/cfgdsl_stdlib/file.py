"""Regular files: their content, and who may read and write them."""

import posixpath
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cfgdsl import (
    AbsPath,
    Answers,
    Argv,
    Change,
    Content,
    Field,
    FileContent,
    Footprint,
    ImpossibleError,
    LocalFile,
    Mode,
    Op,
    Output,
    Owner,
    Probe,
    Resource,
    Secret,
    Text,
    field,
    key,
    ops,
    probes,
    resource,
)
from cfgdsl_stdlib import _paths


@resource("file")
class File(Resource):
    """A regular file, replaced atomically with its final owner and mode.

    Without `content` and `source` only its attributes are managed; it is created empty where it is
    not there. A symbolic link in its place is replaced, never followed by surprise.

    Example:
        >>> File("/etc/motd", content="Welcome.\\n", mode=0o644).identity
        'file:/etc/motd'
    """

    path: Field[AbsPath] = key(kw_only=False)
    """Where it is."""
    content: Field[FileContent | None, str | bytes | Secret | FileContent | None] = field(
        default=None, kw_only=True
    )
    """Text, bytes or `template(...)`; None: whatever it holds."""
    source: Field[str | None] = field(default=None, how=True, kw_only=True)
    """A local file to take the content from, relative to the folder of the declaring module."""
    mode: Field[Mode | None, int | str | None] = field(default=None, kw_only=True)
    """Permission bits, ``0o644`` or ``"0644"``; default: kept, 0644 when new, 0600 when the content
    holds a secret."""
    owner: Field[Owner | None, str | int | None] = field(default=None, kw_only=True)
    """Its user, by name; default: kept, the connecting user when new."""
    group: Field[Owner | None, str | int | None] = field(default=None, kw_only=True)
    """Its group, by name; default: kept, the connecting user's when new."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist. A directory in its place is never removed."""
    validate: Field[Argv | None, list[str] | tuple[str, ...] | None] = field(
        default=None, how=True, kw_only=True
    )
    """A command that checks the new file before it goes live; ``"%s"`` in it stands for the file:
    ``["visudo", "-c", "-f", "%s"]``."""
    follow: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a symbolic link in its place is followed, and what it leads to is written."""
    replace: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether an empty directory in its place is removed first; default: no, that is an error."""
    recursive: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether `replace` removes a directory with all that is in it; default: only an empty one."""

    displaces: ClassVar = frozenset({"directory"})
    in_place: ClassVar[str] = ""
    """On an observed one: what kind of thing is to be replaced."""

    def complete(self) -> dict[str, Any]:
        """The content from `source`; a private mode for secrets."""
        if self.validate is not None and not any("%s" in word for word in self.validate):
            raise ValueError('validate must contain "%s", which stands for the file to check')
        _paths.check_replacing(self)
        if self.recursive and not self.replace:
            raise ValueError("recursive=True is for replace=True only")
        if self.follow and self.replace:
            raise ValueError("replace=True and follow=True contradict each other")
        if self.validate and self.replace:
            raise ValueError("replace=True removes what is there before validate= could check")
        if self.absent and (self.content is not None or self.source is not None):
            raise ValueError("absent=True and a content contradict each other")
        if self.source is None:
            return {"mode": self._private_mode()}
        if self.content is not None:
            raise ValueError("takes content= or source=, not both")
        folder = posixpath.dirname(self.origin.file)
        return {"content": LocalFile(posixpath.join(folder, self.source)), "source": None}

    def sought(self) -> Self:
        """With the question for its content, whatever that is."""
        return self.observed(content=Content.of(""))

    def _private_mode(self) -> int | None:
        """The mode; one that was not given is private when the content holds a secret."""
        secret = isinstance(self.content, Text) or self._holds_secret
        return 0o600 if secret and self.mode is None else self.mode

    @property
    def _holds_secret(self) -> bool:
        return isinstance(self.content, Content) and self.content.secret

    @property
    def sha256(self) -> Output[str]:
        """The digest of its content, as hexadecimal digits."""
        if self.content is None:
            raise ValueError(f"{self.identity} has no content of its own to take a digest of")
        return Output(self, "sha256")

    def outputs(self, answers: Answers) -> Mapping[str, Any]:
        """The digest, where a content is declared that is no secret."""
        read = None if self.content is None or self._holds_secret else answers[self._read]
        return {} if read is None else {"sha256": read["sha256"]}

    @property
    def _stat(self) -> probes.Stat:
        return probes.Stat(self.path, follow=self.follow)

    @property
    def _read(self) -> probes.Read:
        wanted = self.content.sha256 if isinstance(self.content, Content) else None
        if self._holds_secret:
            return probes.Read(self.path, up_to=0, follow=self.follow)
        return probes.Read(self.path, unless=wanted, follow=self.follow)

    @property
    def _whole(self) -> probes.Read:
        return probes.Read(self.path, up_to=0, follow=self.follow)

    def footprint(self) -> Footprint:
        """Writes its path, after its folders, owner and group."""
        return _paths.footprint(self)

    def probes(self) -> tuple[Probe, ...]:
        """What is there, the old content, and whether its folder is."""
        if self.absent:
            return (self._stat,)
        read = () if self.content is None else (self._read,)
        return (self._stat, *read, _paths.parent(self.path), *_paths.numbers(self))

    def hints(self) -> tuple[Probe, ...]:
        """What is in a directory that it replaces; what is in a file that is removed, so that its
        record can tell what to put back."""
        return (self._whole,) if self.absent else _paths.content_of_replaced(self)

    def observe(self, answers: Answers) -> Self | None:
        """The file as found; for a link in its place, a file without content."""
        stat = _paths.stat_of(answers, self._stat)
        if stat is None:
            return None
        kind = stat["kind"]
        if kind == "dir" and self.replace:
            return self.observed(absent=True, in_place=kind)
        more = "" if self.absent else ", say replace=True"
        if kind == "dir" or (kind == "other" and not self.absent):
            raise ImpossibleError(
                f"{self.path} is {_paths.KINDS[kind]}, not a file",
                hint=f'Remove it first{more}, or declare Directory("{self.path}").'
                if kind == "dir"
                else "",
            )
        if kind == "link" and self.content is None and not self.absent:
            raise ImpossibleError(
                f"{self.path} is a symbolic link to {stat['target']}",
                hint="Declare the file that it leads to, or give the content that replaces it.",
            )
        if self.absent:
            read = answers.get(self._whole) if kind == "file" else None
            content = None if read is None else Content(read["sha256"], read["size"])
            found = _paths.found_attributes(self, stat, answers)
            return self.observed(absent=False, content=content, **found)
        found = _paths.found_attributes(self, stat, answers)
        return self.observed(absent=False, content=self._found_content(answers, kind), **found)

    def _found_content(self, answers: Answers, kind: str) -> Content | None:
        read = answers[self._read] if kind == "file" and self.content is not None else None
        if read is None:
            return None
        text = read.get("text")
        return Content(
            read["sha256"],
            read["size"],
            data=None if text is None else text.encode(),
            secret=self._holds_secret,
        )

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """One atomic write, or attributes alone when the content stays."""
        if change.desired.absent:
            return (ops.Remove(self.path),)
        found = _paths.in_place(change)
        if change.before is not None and not found and not change.touches("content"):
            return (_paths.set_attributes(change, follow=self.follow),)
        content = Content.of("") if self.content is None else self.content
        if not isinstance(content, Content):
            raise TypeError(f"the content of {self.identity} was not resolved")
        return (
            *_paths.cleared(self, found),
            ops.Put(
                self.path,
                content,
                mode=self.mode,
                owner=self.owner,
                group=self.group,
                validate=self.validate,
                follow=self.follow,
            ),
        )

    def reason(self, change: Change[Self]) -> str:
        """What it replaces."""
        return _paths.replaces(change)
