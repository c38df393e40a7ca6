"""Key pairs for SSH, made on their host: the private part never leaves it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from cfgdsl import (
    AbsPath,
    Answers,
    Change,
    Field,
    Footprint,
    ImpossibleError,
    Mode,
    Name,
    Op,
    Output,
    Probe,
    Resource,
    field,
    key,
    keys,
    ops,
    probes,
    resource,
)
from cfgdsl_stdlib import _checks, _paths

_PREFIXES = {"ed25519": "ssh-ed25519", "rsa": "ssh-rsa", "ecdsa": "ecdsa-sha2-nistp"}
"""What the public parts of each type begin with (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""

_PRINT = 'ssh-keygen -y -f "$1" > "$1.pub.new" && mv -f -- "$1.pub.new" "$1.pub"'


@resource("ssh_key")
class SshKey(Resource):
    """A key pair for SSH without a passphrase: `path`, and ``path.pub`` beside it.

    It is made by ssh-keygen, as its owner; one that is there is kept, never overwritten. A public
    part that is missing is made again from the private one.

    Example:
        >>> key = SshKey("/root/.ssh/id_ed25519", comment="backup")
        >>> key.public_key.map(lambda text: f"restrict {text}")
        (known after apply)
    """

    dropping: ClassVar = "forget"

    path: Field[AbsPath] = key(kw_only=False)
    """Where the private part is."""
    type: Field[Literal["ed25519", "rsa", "ecdsa"]] = field(default="ed25519", kw_only=True)
    """The algorithm. That of a pair which is there already is not changed."""
    bits: Field[int | None] = field(default=None, how=True, kw_only=True)
    """The length of a new one, for `rsa` and `ecdsa`; default: ssh-keygen's."""
    comment: Field[str] = field(default="", how=True, kw_only=True)
    """The comment of a new one, at the end of its public part."""
    owner: Field[Name | None] = field(default=None, kw_only=True)
    """Whose it is; default: kept, the connecting user's when new."""
    group: Field[Name | None] = field(default=None, kw_only=True)
    """The group of both files; default: kept, the owner's when new."""
    mode: Field[Mode, int | str] = field(default=0o600, kw_only=True)
    """Permission bits of the private part; ssh takes none that others can read."""
    public_mode: Field[Mode, int | str] = field(default=0o644, kw_only=True)
    """Permission bits of the public part."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether neither part must exist."""

    def complete(self) -> dict[str, Any]:
        """Only what ssh-keygen and ssh accept."""
        _checks.no_secret("comment", self.comment)
        if "\n" in self.comment:
            raise ValueError("comment must be one line")
        if self.mode & 0o007:
            raise ValueError(f"mode must keep others out, not be {self.mode:04o}")
        if self.bits is not None and self.type == "ed25519":
            raise ValueError("bits is for type='rsa' and 'ecdsa': all ed25519 keys have 256")
        return {}

    @property
    def public_key(self) -> Output[str]:
        """The public part, the line that an authorized_keys file takes, without its newline."""
        return Output(self, "public_key")

    @property
    def _public(self) -> str:
        return f"{self.path}.pub"

    @property
    def _read(self) -> probes.Read:
        return probes.Read(self._public)

    def footprint(self) -> Footprint:
        """Writes both files, after their folders, owner and group."""
        around = _paths.footprint(self)
        return Footprint(
            writes=(keys.path(self.path), keys.path(self._public)),
            reads=around.reads,
            awaits=around.awaits,
        )

    def probes(self) -> tuple[Probe, ...]:
        """What is there, and what the public part says."""
        both = (probes.Stat(self.path), probes.Stat(self._public))
        return both if self.absent else (*both, self._read)

    def hints(self) -> tuple[Probe, ...]:
        """Whether its folder and its owner are there."""
        folder = () if self.absent else (_paths.parent(self.path),)
        return folder if self.owner is None else (*folder, probes.User(self.owner))

    def observe(self, answers: Answers) -> Self | None:
        """The pair as found; without a public part, its mode is None."""
        private = self._file(answers, self.path)
        public = self._file(answers, self._public)
        if private is None:
            if public is not None and not self.absent:
                raise ImpossibleError(
                    f"{self._public} is there without {self.path}, and would be overwritten",
                    hint="Move it away, or put its private part beside it.",
                )
            if not self.absent:
                self._need_place(answers)
            return None if public is None else self.observed(absent=False)
        if self.absent:
            return self.observed(absent=False)
        text = self._text(answers)
        return self.observed(
            type=self.type if text is None else self._type_of(text),
            mode=private["mode"],
            public_mode=None if public is None or text is None else public["mode"],
            owner=_common(private, public, "owner", self.owner),
            group=_common(private, public, "group", self.group),
        )

    def _need_place(self, answers: Answers) -> None:
        folder = _paths.parent(self.path)
        if answers.get(folder, folder) is None:
            raise ImpossibleError(
                f"its folder {folder.path} does not exist, and nothing in the plan makes it",
                hint=f'Declare Directory("{folder.path}").',
            )
        if self.owner is not None:
            _checks.is_there(probes.User(self.owner), answers)

    def _file(self, answers: Answers, path: str) -> dict[str, Any] | None:
        stat = _paths.stat_of(answers, probes.Stat(path))
        if stat is not None and stat["kind"] != "file":
            raise ImpossibleError(
                f"{path} is {_paths.KINDS[stat['kind']]}, not a file", hint="Move it away."
            )
        return stat

    def _text(self, answers: Answers) -> str | None:
        """The public part; None when it is missing, or torn by a crash."""
        read = answers[self._read]
        text = (read.get("text") or "").strip() if read is not None else ""
        return text if len(text.split()) >= 2 and "\n" not in text else None

    def _type_of(self, text: str) -> str:
        """Its type; `ImpossibleError` for another one than declared."""
        if not text.startswith(_PREFIXES[self.type]):
            raise ImpossibleError(
                f"there is a key of another type at {self.path}: {text.split(maxsplit=1)[0]}",
                hint="A key is never overwritten: move it away, or declare its type.",
            )
        return self.type

    def outputs(self, answers: Answers) -> Mapping[str, Any]:
        """The public part."""
        text = self._text(answers)
        return {} if text is None else {"public_key": text}

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """ssh-keygen for what is missing, then the attributes that differ."""
        if self.absent:
            return (ops.Remove(self.path), ops.Remove(self._public))
        told = probes.Unknown("ssh-keygen makes it")
        made: tuple[Probe, ...] = (probes.Stat(self._public), self._read)
        if change.before is None:
            argv = self._generate()
            made = (probes.Stat(self.path), *made)
        elif any(c.name == "public_mode" and c.before is None for c in change.fields):
            argv = ("/bin/sh", "-c", _PRINT, "sh", self.path)
        else:
            return self._attributes()
        run = ops.Run(argv, user=self.owner, effects=tuple((probe, told) for probe in made))
        return (run, *self._attributes())

    def _generate(self) -> tuple[str, ...]:
        bits = () if self.bits is None else ("-b", str(self.bits))
        about = ("-C", self.comment, "-f", self.path)
        return ("ssh-keygen", "-q", "-t", self.type, *bits, "-N", "", *about)

    def _attributes(self) -> tuple[Op, ...]:
        return (
            ops.SetAttrs(self.path, mode=self.mode, owner=self.owner, group=self.group),
            ops.SetAttrs(self._public, mode=self.public_mode, owner=self.owner, group=self.group),
        )


def _common(
    private: Mapping[str, Any], public: Mapping[str, Any] | None, name: str, wanted: str | None
) -> Any:
    """An attribute of both files: where they differ, the one that is not as wanted."""
    found = private[name]
    return found if public is None or found != wanted else public[name]
