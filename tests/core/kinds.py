"""Resource types for tests of the core: each the smallest of its kind."""

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
    Mode,
    Name,
    Op,
    Output,
    Probe,
    Resource,
    Task,
    field,
    key,
    keys,
    ops,
    probes,
    resource,
)
from cfgdsl.core.references import References


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


class _Placed(Resource):
    """What has a path."""

    path: Field[AbsPath] = key(kw_only=False)
    mode: Field[Mode | None, int | str | None] = field(default=None, kw_only=True)
    owner: Field[Name | None] = field(default=None, kw_only=True)
    absent: Field[bool] = field(default=False, kw_only=True)

    def footprint(self) -> Footprint:
        owner = self.owner
        asked = probes.AccountNumber("user", owner or "")
        accounts = ((keys.user(owner), asked),) if owner else ()
        folder = _parent(self.path)
        return Footprint(
            writes=[keys.path(self.path)],
            reads=[*keys.parents(self.path), *(k for k, _ in accounts)],
            awaits=((keys.path(folder), probes.Stat(folder, follow=True)), *accounts),
        )


@resource("tiny-file")
class TinyFile(_Placed):
    """A file."""

    displaces: ClassVar = frozenset({"tiny-dir"})

    content: Field[FileContent | None, str | bytes | FileContent | None] = field(
        default=None, kw_only=True
    )

    @property
    def _read(self) -> probes.Read:
        wanted = self.content.sha256 if isinstance(self.content, Content) else None
        return probes.Read(self.path, unless=wanted)

    def probes(self) -> tuple[Probe, ...]:
        return (probes.Stat(self.path), self._read)

    def observe(self, answers: Answers) -> Self | None:
        stat, read = answers[probes.Stat(self.path)], answers[self._read]
        if stat is None:
            return None
        if stat["kind"] != "file":
            raise ImpossibleError(f"{self.path} is a {stat['kind']}")
        text = read["text"] or ""
        content = Content(read["sha256"], read["size"], data=text.encode())
        return self.observed(absent=False, mode=stat["mode"], owner=stat["owner"], content=content)

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        if self.absent:
            return (ops.Remove(self.path),)
        if change.before is not None and not change.touches("content"):
            return (ops.SetAttrs(self.path, mode=self.mode, owner=self.owner),)
        content = self.content if isinstance(self.content, Content) else Content.of("")
        return (ops.Put(self.path, content, mode=self.mode, owner=self.owner),)


@resource("tiny-line")
class TinyLine(Resource):
    """A line at the end of a file, or nowhere in it."""

    path: Field[AbsPath] = key(kw_only=False)
    line: Field[str] = key(kw_only=False)
    create: Field[bool] = field(default=False, how=True, kw_only=True)
    absent: Field[bool] = field(default=False, kw_only=True)

    def whole_file(self) -> TinyFile:
        return self.implied(TinyFile, self.path)

    def edit(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        if self.absent:
            return "".join(line for line in lines if line.rstrip("\n") != self.line)
        if self.line in text.splitlines():
            return text
        missing = "\n" if text and not text.endswith("\n") else ""
        return f"{text}{missing}{self.line}\n"


@resource("tiny-dir")
class TinyDir(_Placed):
    """A directory; removed with all that is in it."""

    displaces: ClassVar = frozenset({"tiny-file"})

    def probes(self) -> tuple[Probe, ...]:
        return (probes.Stat(self.path),)

    def observe(self, answers: Answers) -> Self | None:
        stat = answers[probes.Stat(self.path)]
        if stat is None:
            return None
        if stat["kind"] != "dir":
            raise ImpossibleError(f"{self.path} is a {stat['kind']}")
        return self.observed(absent=False, mode=stat["mode"], owner=stat["owner"])

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        if self.absent:
            return (ops.Remove(self.path, recursive=True),)
        if change.before is None:
            return (ops.Mkdir(self.path, mode=self.mode, owner=self.owner),)
        return (ops.SetAttrs(self.path, mode=self.mode, owner=self.owner),)


@resource("tiny-user")
class TinyUser(Resource):
    """An account."""

    name: Field[Name] = key(kw_only=False)
    shell: Field[str | None] = field(default=None, kw_only=True)
    absent: Field[bool] = field(default=False, kw_only=True)

    def footprint(self) -> Footprint:
        return Footprint(writes=[keys.user(self.name)], locks=["accounts"])

    def probes(self) -> tuple[Probe, ...]:
        return (probes.User(self.name),)

    def observe(self, answers: Answers) -> Self | None:
        entry = answers[probes.User(self.name)]
        return None if entry is None else self.observed(absent=False, shell=entry["shell"])

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        probe = probes.User(self.name)
        if self.absent:
            return (ops.Run(("userdel",), (self.name,), effects=((probe, None),)),)
        shell = self.shell or "/bin/sh"
        verb = "useradd" if change.before is None else "usermod"
        return (ops.Run((verb, shell), (self.name,), effects=((probe, {"shell": shell}),)),)


def installed(name: str) -> probes.Query:
    return probes.Query(("pkg", "query"), name, split="rows")


@resource("tiny-package")
class TinyPackage(Resource):
    """A package, which brings what nobody declares."""

    name: Field[Name] = key(kw_only=False)

    def footprint(self) -> Footprint:
        return Footprint(writes=[keys.package(self.name)], brings=True, locks=["pkg"])

    def probes(self) -> tuple[Probe, ...]:
        return (installed(self.name),)

    def observe(self, answers: Answers) -> Self | None:
        return None if answers[installed(self.name)] is None else self

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        effects = ((installed(self.name), ["1.0"]),)
        return (ops.Run(("pkg", "install"), (self.name,), effects=effects, brings=True),)

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        if not change.is_needed:
            return ()
        update = ops.Run(("pkg", "update"))
        return (Task(name="pkg-update", ops=(update,), shared=True, first=True),)


def unit_state(name: str) -> probes.Query:
    return probes.Query(("svc", "state"), name, split="rows")


def started(name: str) -> probes.Query:
    return probes.Query(("svc", "started"), name, split="rows")


@resource("tiny-service")
class TinyService(Resource):
    """A service: its unit must be brought, its configuration makes it restart."""

    name: Field[Name] = key(kw_only=False)
    running: Field[bool | None] = field(default=None, kw_only=True)
    restart_on: Field[References, Any] = field(default=(), how=True, kw_only=True)

    def footprint(self) -> Footprint:
        unit = keys.unit(self.name)
        return Footprint(
            writes=[unit],
            reads_under=[f"path:/units/{self.name}.d"],
            awaits=((unit, unit_state(self.name)),),
        )

    def probes(self) -> tuple[Probe, ...]:
        return (unit_state(self.name),)

    def observe(self, answers: Answers) -> Self | None:
        row = answers[unit_state(self.name)]
        if row is None:
            raise ImpossibleError(f"there is no unit {self.name}")
        return self.observed(running=row[0] == "active")

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        verb, state = ("start", "active") if self.running else ("stop", "inactive")
        effects = ((unit_state(self.name), [state, "fresh"]),)
        return (ops.Run(("svc", verb), (self.name,), effects=effects),)

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        state = unit_state(self.name)
        active = "active" if change.before is not None and change.before.running else "inactive"
        reload = Task(
            name="units-reload",
            ops=(ops.Run(("svc", "reload-units"), effects=((state, [active, "fresh"]),)),),
            cause_keys=(f"path:/units/{self.name}.d",),
            shared=True,
            first=True,
        )
        if not self.restart_on or change.touches("running"):
            return (reload,)
        restart = Task(
            name="restart",
            ops=(ops.Run(("svc", "restart"), (self.name,)),),
            causes=self.restart_on,
            proof=(started(self.name),),
        )
        return (reload, restart)


@resource("tiny-command")
class TinyCommand(Resource):
    """A command that makes a path, or that runs after changes."""

    creating: ClassVar = "run"
    argv: Field[Argv, list[str]] = key(kw_only=False)
    creates: Field[AbsPath | None] = field(default=None, how=True, kw_only=True)
    on_change: Field[References, Any] = field(default=(), how=True, kw_only=True)
    always: Field[bool] = field(default=False, how=True, kw_only=True)

    def footprint(self) -> Footprint:
        if self.creates is None:
            return Footprint(brings=True)
        folder = _parent(self.creates)
        return Footprint(
            writes=[keys.path(self.creates)],
            reads=keys.parents(self.creates),
            awaits=((keys.path(folder), probes.Stat(folder, follow=True)),),
            brings=True,
        )

    def probes(self) -> tuple[Probe, ...]:
        return (probes.Stat(self.creates),) if self.creates else ()

    def observe(self, answers: Answers) -> Self | None:
        if self.creates:
            return self if answers[probes.Stat(self.creates)] is not None else None
        return None if self.always else self

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        told = probes.Unknown("the command decides it")
        effects = ((probes.Stat(self.creates), told),) if self.creates else ()
        return (ops.Run(self.argv, effects=effects, brings=True),)

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        if not self.on_change:
            return ()
        return (Task(name="run", ops=self.ops(change), causes=self.on_change),)


@resource("tiny-key")
class TinyKey(Resource):
    """A file that a command makes, with a text that only the run brings."""

    path: Field[AbsPath] = key(kw_only=False)
    absent: Field[bool] = field(default=False, kw_only=True)

    @property
    def text(self) -> Output[str]:
        return Output(self, "text")

    def footprint(self) -> Footprint:
        return Footprint(writes=[keys.path(self.path)], reads=keys.parents(self.path))

    def probes(self) -> tuple[Probe, ...]:
        return (probes.Read(self.path),)

    def observe(self, answers: Answers) -> Self | None:
        return None if answers[probes.Read(self.path)] is None else self.observed(absent=False)

    def outputs(self, answers: Answers) -> Mapping[str, Any]:
        read = answers[probes.Read(self.path)]
        return {} if read is None else {"text": read["text"]}

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        told = probes.Unknown("the command makes it")
        effects = ((probes.Read(self.path), None if self.absent else told),)
        return (ops.Run(("keygen", self.path), effects=effects),)
