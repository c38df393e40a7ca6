"""A resource type of one's own: its fields type-check like those of the standard library."""

from typing import Self, assert_type

from cfgdsl import (
    AbsPath,
    Answers,
    Change,
    Field,
    Footprint,
    Mode,
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


@resource("typed-flag")
class Flag(Resource):
    """A file whose presence says something."""

    path: Field[AbsPath] = key(kw_only=False)
    """Where it is."""
    mode: Field[Mode | None, int | str | None] = field(default=None, kw_only=True)
    """Permission bits."""
    labels: Field[tuple[str, ...], list[str]] = field(default=(), how=True, kw_only=True)
    """Whatever one likes."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist."""

    def footprint(self) -> Footprint:
        assert_type(self.path, str)
        return Footprint(writes=[keys.path(self.path)], reads=keys.parents(self.path))

    def probes(self) -> tuple[Probe, ...]:
        return (probes.Stat(self.path),)

    def observe(self, answers: Answers) -> Self | None:
        stat = answers[probes.Stat(self.path)]
        return None if stat is None else self.observed(absent=False, mode=stat["mode"])

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        assert_type(change.desired.mode, int | None)
        if change.desired.absent:
            return (ops.Remove(self.path),)
        return (ops.SetAttrs(self.path, mode=self.mode),)


flag = Flag("/run/flag", mode="0644", labels=["a"], after="file:/etc/motd", tags={"x"}, id="f")
assert_type(flag.labels, tuple[str, ...])
assert_type(flag.absent, bool)
mode: Output[int] = Output(flag, "mode")
Flag("/run/other", mode=mode, after=[flag, mode], only_if=None, retries=1, timeout=2)
