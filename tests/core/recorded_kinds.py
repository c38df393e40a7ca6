"""Tiny types that live on a host with a record: what is watched, and what can be taken away."""

from typing import ClassVar, Self

from cfgdsl import (
    Answers,
    Change,
    ImpossibleError,
    Op,
    Probe,
    Task,
    ops,
    probes,
    resource,
)

from .kinds import TinyDir, TinyService, unit_state

BEGAN = "Began"


def invocation(name: str) -> probes.Query:
    """Which start of a unit this is, and since when it runs."""
    return probes.Query(("svc", "show"), name, split="blocks", fields=("Start", BEGAN))


@resource("tiny-folder")
class TinyFolder(TinyDir):
    """A directory that is removed only when nothing is in it, as the real one."""

    def probes(self) -> tuple[Probe, ...]:
        inside = (probes.List(self.path),) if self.absent else ()
        return (*super().probes(), *inside)

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        return (ops.Remove(self.path),) if self.absent else super().ops(change)


@resource("tiny-daemon")
class TinyDaemon(TinyService):
    """A service of which can be asked when it was started, as the real one."""

    dropping: ClassVar = "forget"
    stale: ClassVar[bool] = False

    def observe(self, answers: Answers) -> Self | None:
        row = answers[unit_state(self.name)]
        if row is None:
            raise ImpossibleError(f"there is no unit {self.name}")
        return self.observed(running=row[0] == "active", stale=row[1] == "stale")

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        found = change.before
        active = "active" if found is not None and found.running else "inactive"
        effects = ((unit_state(self.name), [active, "fresh"]),)
        overdue = found is not None and found.stale
        reload = Task(
            name="units-reload",
            ops=(ops.Run(("svc", "reload-units"), effects=effects),),
            cause_keys=() if overdue else (f"path:/units/{self.name}.d",),
            shared=True,
            first=True,
        )
        if self.running is False or not self.restart_on or (found and not found.running):
            return (reload,)
        sure = found is not None or bool(self.running)
        restart = Task(
            name="restart",
            ops=(ops.Run(("svc", "restart" if sure else "try-restart"), (self.name,)),),
            causes=self.restart_on,
            proof=(invocation(self.name),) if sure else (),
            since=BEGAN if sure else None,
        )
        return (reload, restart)
