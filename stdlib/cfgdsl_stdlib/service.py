"""Services and other units of systemd."""

from typing import Any, ClassVar, Self

from cfgdsl import (
    Answers,
    Argv,
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
    ops,
    resource,
)
from cfgdsl_stdlib import _checks, _systemd

_VERBS = (
    ("unmask", "masked", False),
    ("enable", "enabled", True),
    ("disable", "enabled", False),
    ("start", "running", True),
    ("stop", "running", False),
    ("mask", "masked", True),
)
"""Which command of systemctl brings which field to which value, in an order that works."""


@resource("service")
class Service(Resource):
    """A systemd unit: whether it runs, starts at boot, and restarts after changes.

    Example:
        >>> Service("nginx", running=True, enabled=True, restart_on="file:/etc/nginx.conf").identity
        'service:nginx.service'
    """

    name: Field[Name] = key(kw_only=False)
    """The unit; without a suffix, ``.service`` is meant."""
    running: Field[bool | None] = field(default=None, kw_only=True)
    """Whether it runs now; default: not managed. A oneshot that ends at once never runs."""
    enabled: Field[bool | None] = field(default=None, kw_only=True)
    """Whether it starts at boot; default: not managed."""
    masked: Field[bool | None] = field(default=None, kw_only=True)
    """Whether nothing at all may start it; default: not managed."""
    restart_on: Field[Any] = field(default=(), how=True, kw_only=True)
    """Resources, components or identities: when one of them changes, it is restarted."""
    reload_on: Field[Any] = field(default=(), how=True, kw_only=True)
    """The same, but it is asked to read its configuration again, without a restart."""
    check: Field[Argv | None, list[str] | tuple[str, ...] | None] = field(
        default=None, how=True, kw_only=True
    )
    """A command that must succeed before a restart or reload: ``["nginx", "-t"]``."""

    dropping: ClassVar = "forget"
    found: ClassVar[_systemd.Unit | None] = None
    """On an observed one: what systemd says of it."""

    def complete(self) -> dict[str, Any]:
        """The whole name of the unit, and the references as tuples."""
        name = _systemd.full_name(self.name)
        if self.masked and (self.running or self.enabled):
            raise ValueError("masked=True and running or enabled contradict each other")
        return {
            "name": name,
            "restart_on": _checks.as_references(self.restart_on),
            "reload_on": _checks.as_references(self.reload_on),
        }

    def footprint(self) -> Footprint:
        """Writes the unit; comes after its files, or after all that could bring it."""
        return Footprint(
            writes=(keys.unit(self.name),),
            reads=_systemd.unit_files(self.name),
            reads_under=_systemd.drop_in_folders(self.name),
            awaits=((keys.unit(self.name), _systemd.state(self.name)),),
        )

    def probes(self) -> tuple[Probe, ...]:
        """The state of the unit, and its file where an administrator puts it."""
        return _systemd.questions(self.name)

    def hints(self) -> tuple[Probe, ...]:
        """Whether systemd runs there at all."""
        return (_systemd.BOOTED,)

    def observe(self, answers: Answers) -> Self | None:
        """The unit as found."""
        if answers.get(_systemd.BOOTED, {}) is None:
            raise ImpossibleError(
                "the host was not booted with systemd",
                hint="Services need a running systemd: only_if=exists('/run/systemd/system') "
                "skips them elsewhere.",
            )
        unit = _systemd.found(self.name, answers)
        if unit is None and self.masked:
            unit = _systemd.Unit(self.name, "not-found", "inactive", "")  # masks need no unit
        if unit is None:
            raise ImpossibleError(
                f"there is no unit {self.name} on the host, and nothing in the plan brings it",
                hint="Declare the package or the unit file that has it; or is the name misspelt?",
            )
        return self.observed(
            running=unit.is_running(self.running),
            enabled=unit.is_enabled(self.enabled),
            masked=unit.is_masked,
            found=unit,
        )

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """The calls of systemctl, in an order that works."""
        unit = change.before.found if change.before is not None else None
        verbs = [v for v, name, on in _VERBS if change.touches(name) and getattr(self, name) is on]
        refusal = None if unit is None else unit.refusal(self.name, verbs)
        if refusal is not None:
            raise ImpossibleError(*refusal)
        done = []
        for verb in verbs:
            unit = None if unit is None else unit.after(verb)
            done.append(_systemd.systemctl(verb, self.name, unit))
        return tuple(done)

    def tasks(self, change: Change[Self]) -> tuple[Task, ...]:
        """A daemon-reload after changes of unit files; refreshes that are owed.

        A service that does not run is not started by a restart, and one that this change starts
        has no need of it. Whether it does, only an observation says: until then a restart is
        possible, for what brings the unit may start it, or leave that to this change.
        """
        unit = change.before.found if change.before is not None else None
        files = (*_systemd.unit_files(self.name), *_systemd.drop_in_folders(self.name))
        reload = Task(
            name="systemd-daemon-reload",
            ops=(_systemd.daemon_reload(self.name, unit),),
            cause_keys=() if unit is not None and unit.needs_reload else files,
            shared=True,
            first=True,
        )
        if self.running is False or (unit is not None and not unit.is_active):
            return (reload,)
        return (reload, *self._refreshes(known=unit is not None))

    def _refreshes(self, *, known: bool) -> tuple[Task, ...]:
        """The restart and the reload; `known` when the unit has been seen to run."""
        sure = known or bool(self.running)
        check = () if self.check is None else (ops.Run(self.check),)
        tasks = []
        if self.restart_on:
            restart = _systemd.systemctl("restart" if sure else "try-restart", self.name)
            proof = (_systemd.invocation(self.name),) if sure else ()
            tasks.append(
                Task(
                    name="restart",
                    ops=(*check, restart),
                    causes=self.restart_on,
                    proof=proof,
                    sure=known or not proof,
                    since=_systemd.STARTED if proof else None,
                )
            )
        if self.reload_on:
            reload = _systemd.systemctl("reload", self.name)
            tasks.append(Task(name="reload", ops=(*check, reload), causes=self.reload_on))
        return tuple(tasks)
