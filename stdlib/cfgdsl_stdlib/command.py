"""Commands: for what no type describes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cfgdsl import (
    AbsPath,
    Answers,
    Argv,
    Change,
    Env,
    Field,
    Footprint,
    ImpossibleError,
    Name,
    Op,
    Output,
    Probe,
    Resource,
    Secret,
    Task,
    field,
    key,
    keys,
    ops,
    probes,
    resource,
)
from cfgdsl_stdlib import _checks

_GUARDS = ("creates", "unless", "on_change", "always")


@resource("command")
class Command(Resource):
    """A command, run where its guard says that it is needed.

    One guard is required: `creates`, `unless`, `on_change` or `always`. Afterwards the guard must
    hold, else the step has failed.

    Example:
        >>> Command(["mkfs.ext4", "/dev/vdb"], unless=["blkid", "/dev/vdb"]).identity
        'command:mkfs.ext4 /dev/vdb'
        >>> Command(shell="gunzip -c /srv/dump.gz > /srv/dump", creates="/srv/dump").key
        "/bin/sh -c 'gunzip -c /srv/dump.gz > /srv/dump'"
    """

    creating: ClassVar = "run"
    dropping: ClassVar = "forget"

    argv: Field[Argv | None, list[str] | tuple[str, ...] | None] = key(default=None, kw_only=False)
    """The command and its arguments, without a shell. They never hold a secret: use `input`."""
    shell: Field[str | None] = field(default=None, how=True, kw_only=True)
    """Instead of `argv`: text for ``/bin/sh -c``. Quote what you put into it."""
    creates: Field[AbsPath | None] = field(default=None, how=True, kw_only=True)
    """Guard: a path that the command makes; it runs only while nothing is there."""
    unless: Field[Argv | None, list[str] | tuple[str, ...] | None] = field(
        default=None, how=True, kw_only=True
    )
    """Guard: a command that changes nothing and exits with 0 when there is nothing to do."""
    on_change: Field[Any] = field(default=(), how=True, kw_only=True)
    """Guard: resources, components or identities; runs once after the last of them that changes."""
    always: Field[bool] = field(default=False, how=True, kw_only=True)
    """Guard: run it each time. Listed and counted apart, it is no change."""
    cwd: Field[AbsPath | None] = field(default=None, how=True, kw_only=True)
    """The directory to run in; default: ``/``."""
    env: Field[Env, Mapping[str, str]] = field(default=(), how=True, kw_only=True)
    """Environment variables to set. They never hold a secret: use `input`."""
    user: Field[Name | None] = field(default=None, how=True, kw_only=True)
    """Whom to run it as, the guard too; default: the user that cfgdsl acts as."""
    input: Field[str | None, str | Secret | None] = field(default=None, how=True, kw_only=True)
    """Text for its standard input; may hold secrets."""
    writes: Field[tuple[AbsPath, ...], list[str] | tuple[str, ...]] = field(
        default=(), how=True, kw_only=True
    )
    """Further paths that it makes or changes: what uses them comes after it."""
    ok: Field[tuple[int, ...], list[int] | tuple[int, ...]] = field(
        default=(0,), how=True, kw_only=True
    )
    """Exit codes that count as success."""

    def complete(self) -> dict[str, Any]:
        """One command, one guard, no secret where others could see it."""
        if (self.argv is None) == (self.shell is None):
            raise ValueError('takes a list of arguments or shell="...", one of the two')
        guards = [name for name in _GUARDS if getattr(self, name)]
        if not guards:
            raise ValueError(
                "needs a guard, or it would run every time: creates=PATH, unless=[...], "
                "on_change=[...] or, if that is what you want, always=True"
            )
        if len(guards) > 1:
            raise ValueError(f"takes one guard, not {' and '.join(guards)}")
        argv = self.argv if self.argv is not None else ("/bin/sh", "-c", self.shell or "")
        _checks.no_secret("the command", *argv)
        _checks.no_secret("env", *(text for pair in self.env for text in pair))
        if not self.ok or not all(0 <= code <= 255 for code in self.ok):
            raise ValueError(f"ok must be a list of exit codes from 0 to 255, not {self.ok}")
        return {"argv": argv, "on_change": _checks.as_references(self.on_change)}

    @property
    def stdout(self) -> Output[str]:
        """What it prints when it runs, as text of up to 64 KiB, without the newlines at its end.

        The host's record keeps it until it runs again. It is shown: it must be no secret.
        """
        if _checks.holds_secret(self.input):
            raise ValueError(f"{self.identity} is given a secret, and what it prints is shown")
        return Output(self, "stdout")

    @property
    def _argv(self) -> tuple[str, ...]:
        return self.argv or ()

    def footprint(self) -> Footprint:
        """Comes after the paths that it names and the user that runs it; may bring anything."""
        made = (*((self.creates,) if self.creates else ()), *self.writes)
        named = [word for word in self._argv if word.startswith("/")]
        used = [path for path in (*named, self.cwd) if path is not None and path not in made]
        return Footprint(
            writes=map(keys.path, made),
            reads=(
                *map(keys.path, used),
                *(above for path in (*made, *used) for above in keys.parents(path)),
                *((keys.user(self.user),) if self.user else ()),
            ),
            awaits=(
                *(((keys.path(self.cwd), probes.Stat(self.cwd, follow=True)),) if self.cwd else ()),
                *(((keys.user(self.user), probes.User(self.user)),) if self.user else ()),
            ),
            brings=True,
        )

    @property
    def _guard(self) -> probes.Stat | probes.Run | None:
        if self.creates is not None:
            return probes.Stat(self.creates, follow=True)
        if self.unless is not None:
            return probes.Run(self.unless, cwd=self.cwd, env=self.env, user=self.user)
        return None

    def probes(self) -> tuple[Probe, ...]:
        """The guard."""
        return () if self._guard is None else (self._guard,)

    def hints(self) -> tuple[Probe, ...]:
        """Whether the user that runs it and the directory to run in are there."""
        user = () if self.user is None else (probes.User(self.user),)
        return user if self.cwd is None else (*user, probes.Stat(self.cwd, follow=True))

    def observe(self, answers: Answers) -> Self | None:
        """Itself where the guard holds: there is nothing to do."""
        if self._holds(answers):
            return self
        for hint in self.hints():
            if isinstance(hint, probes.User):
                _checks.is_there(hint, answers)
            elif answers.get(hint, hint) is None:
                raise ImpossibleError(
                    f"there is no directory {self.cwd} to run in, and nothing in the plan makes it",
                    hint=f'Declare Directory("{self.cwd}").',
                )
        return None

    def _holds(self, answers: Answers) -> bool:
        if self._guard is None:
            return not self.always
        answer = answers[self._guard]
        return answer["exit"] == 0 if self.unless is not None else answer is not None

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:  # noqa: ARG002 - it has one way to run
        """The command."""
        told = probes.Unknown("the command decides it")
        touched = [probes.Stat(path) for path in self.writes]
        guard = () if self._guard is None else (self._guard,)
        return (
            ops.Run(
                self._argv,
                cwd=self.cwd,
                env=self.env,
                user=self.user,
                stdin=self.input,
                ok=self.ok,
                effects=tuple((probe, told) for probe in (*guard, *touched)),
                brings=True,
                capture="stdout",
            ),
        )

    def notes(self, change: Change[Self]) -> tuple[str, ...]:  # noqa: ARG002
        """What a command does is known to itself only; that one runs each time is said anyway."""
        return () if self.always else ("may change more than is shown here",)

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        """With `on_change`: one run, owed after the last of its causes."""
        if not self.on_change:
            return ()
        return (Task(name=self.creating, ops=self.ops(change), causes=self.on_change),)
