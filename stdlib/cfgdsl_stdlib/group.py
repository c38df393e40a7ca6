"""Groups of accounts."""

from typing import Any, Self

from cfgdsl import (
    Answers,
    Change,
    Field,
    Footprint,
    Name,
    Op,
    Probe,
    Resource,
    field,
    key,
    keys,
    ops,
    probes,
    resource,
)
from cfgdsl_stdlib import _checks


@resource("group")
class Group(Resource):
    """A group of the system's own database. Who is in it, each `User` says.

    Example:
        >>> Group("www", gid=1500).identity
        'group:www'
    """

    name: Field[Name] = key(kw_only=False)
    """What it is called."""
    gid: Field[int | None] = field(default=None, kw_only=True)
    """Its number; default: kept, the next free one when new."""
    system: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a new one gets a number from the range of system groups."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist. The primary group of an account cannot be removed."""

    def complete(self) -> dict[str, Any]:
        """Names and numbers that groupadd(8) takes."""
        _checks.account_name("name", self.name)
        _checks.account_number("gid", self.gid)
        return {}

    def footprint(self) -> Footprint:
        """Writes the group; the account database takes one change at a time."""
        numbers = _checks.number_keys(keys.group, self.gid)
        return Footprint(
            writes=(keys.group(self.name), *numbers),
            # It can go once no account is in it any more.
            reads_under=(keys.user(""),) if self.absent else (),
            locks=("passwd",),
        )

    def probes(self) -> tuple[Probe, ...]:
        """The entry."""
        return (probes.Group(self.name),)

    def observe(self, answers: Answers) -> Self | None:
        """The group as found."""
        entry = answers[probes.Group(self.name)]
        return None if entry is None else self.observed(absent=False, gid=entry["gid"])

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """One call of groupadd, groupmod or groupdel."""
        entry = probes.Group(self.name)
        if change.desired.absent:
            return (ops.Run(("groupdel", "--", self.name), effects=((entry, None),)),)
        number = () if self.gid is None else ("-g", str(self.gid))
        effects: tuple[tuple[Probe, Any], ...] = (
            (entry, probes.Unknown("its number is chosen then")),
        )
        if self.gid is not None:
            named = (probes.AccountName("group", self.gid), {"name": self.name})
            effects = ((entry, {"gid": self.gid}), named)
        if change.before is not None:
            return (ops.Run(("groupmod", *number, "--", self.name), effects=effects),)
        system = ("-r",) if self.system else ()
        return (ops.Run(("groupadd", *system, *number, "--", self.name), effects=effects),)
