"""Packages of the operating system."""

from typing import Any, ClassVar, Literal, Self

from cfgdsl import (
    Answers,
    Change,
    Field,
    Footprint,
    ImpossibleError,
    Name,
    Op,
    Probe,
    Resource,
    Task,
    field,
    key,
    keys,
    resource,
)
from cfgdsl_stdlib._manager import Found, Manager, Wanted
from cfgdsl_stdlib.apt import APT

_MANAGERS = {"apt": APT}


@resource("package")
class Package(Resource):
    """A package of the operating system; all that are ready together become one transaction.

    Example:
        >>> Package("nginx", version="1.22.1-9").identity
        'package:nginx'
    """

    name: Field[Name] = key(kw_only=False)
    """What the package manager calls it; ``libc6:i386`` for a foreign architecture."""
    version: Field[str | None] = field(default=None, kw_only=True)
    """An exact version (older ones too), or ``"latest"``; default: whatever is installed, the
    candidate when new."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not be installed. Its configuration stays."""
    purged: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether it must not be installed, and its configuration must be gone too."""
    recommends: Field[bool | None] = field(default=None, how=True, kw_only=True)
    """Whether the packages that it recommends come along; default: as the host is set up."""
    max_index_age: Field[int] = field(default=86400, how=True, kw_only=True)
    """Seconds; when the package index is older, it is updated before an installation."""
    manager: Field[Literal["apt"] | None] = field(default=None, how=True, kw_only=True)
    """The package manager; default: the host's own."""

    found: ClassVar[Found] = Found()
    """On an observed one: what the package manager says of it."""

    def complete(self) -> dict[str, Any]:
        """What is purged is absent."""
        absent = self.absent or self.purged
        if absent and self.version is not None:
            raise ValueError("version and absence contradict each other")
        if self.max_index_age < 60:
            raise ValueError(f"max_index_age must be 60 seconds or more, not {self.max_index_age}")
        self._manager.check(self._wanted)
        return {"absent": absent}

    @property
    def _manager(self) -> Manager:
        return _MANAGERS[self.manager or "apt"]

    @property
    def _wanted(self) -> Wanted:
        return Wanted(
            name=self.name,
            version=self.version,
            absent=self.absent,
            purged=self.purged,
            recommends=self.recommends,
            max_index_age=self.max_index_age,
        )

    def footprint(self) -> Footprint:
        """Writes the package, after the sources it may come from; brings what nobody declares."""
        sources = () if self.absent else self._manager.sources
        return Footprint(
            writes=(keys.package(self.name),),
            reads=sources,
            reads_under=sources,
            brings=not self.absent,
            locks=(self._manager.lock,),
        )

    def probes(self) -> tuple[Probe, ...]:
        """What is installed; for `latest`, what could be."""
        return self._manager.questions(self._wanted)

    def hints(self) -> tuple[Probe, ...]:
        """What would be installed, and whether the index is fit to say so.

        None of this is how the package is, so that an index that is updated first, or grows too old
        between plan and run, leaves no step open and makes none stale.
        """
        return self._manager.hints(self._wanted)

    def observe(self, answers: Answers) -> Self | None:
        """The package as found; a version that is as wanted is as declared."""
        found = self._manager.found(self._wanted, answers)
        if self.absent:
            leftover = self.purged and found.configuration
            there = found.version is not None or leftover
            return (
                self.observed(absent=False, version=found.version, found=found) if there else None
            )
        if found.version is None or found.broken:
            return self.observed(absent=True, version=None, found=found)
        latest = self.version == "latest" and found.candidate in {None, found.version}
        version = "latest" if latest else found.version
        return self.observed(absent=False, version=version, found=found)

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """One call of the package manager."""
        found = change.before.found if change.before is not None else Found()
        if self.absent:
            return (self._manager.remove(self._wanted, found),)
        if found.missing:
            raise ImpossibleError(
                f"no package is named {self.name}",
                hint="The package index has none, or only virtual ones. Is it misspelt, or is the "
                "source that has it not declared?",
            )
        return (self._manager.install(self._wanted, found),)

    def takes(self, change: Change[Self]) -> tuple[str, ...]:
        """What came with it alone: folders of its configuration, units."""
        return change.before.found.alone if change.before is not None else ()

    def reason(self, change: Change[Self]) -> str:
        """That an installation was begun: then it is not just missing."""
        broken = change.before is not None and change.before.found.broken and not self.absent
        return "its installation was begun and not ended" if broken else ""

    def notes(self, change: Change[Self]) -> tuple[str, ...]:
        """What only the updated index can tell."""
        found = change.before.found if change.before is not None else Found()
        exact = self.version not in {None, "latest"}
        if self.absent or not change.is_needed:
            return ()
        if found.unlisted or found.missing:
            return ("is not in the package index; if the update does not bring it, this fails",)
        if exact or found.candidate is not None:
            return ()
        return ("gets the version that the updated package index names",)

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        """An interrupted manager put right; an index that can be relied on."""
        found = change.before.found if change.before is not None else Found()
        tasks = []
        if found.interrupted and change.is_needed:
            tasks.append(self._manager.repair(self._wanted))
        if not self.absent and (change.is_needed or self.version == "latest"):
            tasks.append(self._manager.update(self._wanted, found))
        return tuple(tasks)
