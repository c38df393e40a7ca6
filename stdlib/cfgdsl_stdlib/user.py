"""Accounts of people and services."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cfgdsl import (
    AbsPath,
    Answers,
    Change,
    Field,
    Footprint,
    ListOf,
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
from cfgdsl_stdlib import _checks, _homes

_OPTIONS = {"uid": "-u", "group": "-g", "shell": "-s", "home": "-d", "comment": "-c"}


@resource("user")
class User(Resource):
    """An account of the system's own database.

    Example:
        >>> User("deploy", shell="/bin/bash", groups=["www", "adm"]).groups
        ('adm', 'www')
    """

    name: Field[Name] = key(kw_only=False)
    """What it is called; ``deploy.name`` is the text, for `owner=` and the like."""
    uid: Field[int | None] = field(default=None, kw_only=True)
    """Its number; default: kept, the next free one when new."""
    group: Field[Name | None] = field(default=None, kw_only=True)
    """Its primary group; default: kept, when new one of the same name, made if it is not there."""
    groups: Field[tuple[Name, ...] | None, ListOf[str] | set[str] | None] = field(
        default=None, kw_only=True
    )
    """Its other groups, exactly these; with `append` at least these. Default: not managed."""
    append: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether it may be in more groups than `groups` names."""
    shell: Field[AbsPath | None] = field(default=None, kw_only=True)
    """Its login shell; default: kept, the system's default when new."""
    home: Field[AbsPath | None] = field(default=None, kw_only=True)
    """Its home as the account names it (nothing is moved); default: kept, /home/NAME when new."""
    comment: Field[str | None] = field(default=None, kw_only=True)
    """Full name or description (GECOS); default: kept, empty when new."""
    system: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether a new one gets a number from the range of system accounts."""
    create_home: Field[bool | None] = field(default=None, how=True, kw_only=True)
    """Whether the home of a new one is made, from /etc/skel; default: yes, unless `system`."""
    absent: Field[bool] = field(default=False, kw_only=True)
    """Whether it must not exist."""
    remove_home: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether `absent` deletes its home and mail too; default: no."""

    found: ClassVar[Mapping[str, Any]] = {}
    """On an observed one: the whole entry; of one that is not there, what is new with it."""

    def complete(self) -> dict[str, Any]:
        """Groups sorted, without the primary one, which everybody is in anyway."""
        _checks.account_name("name", self.name)
        _checks.account_number("uid", self.uid)
        for name in ("comment", "home", "shell"):
            _checks.account_text(name, getattr(self, name))
        for group in (self.group or self.name, *(self.groups or ())):
            _checks.account_name("a group", group)
        if self.remove_home and not self.absent:
            raise ValueError("remove_home=True is for absent=True only")
        if self.groups is None:
            return {}
        return {"groups": tuple(sorted({*self.groups} - {self.group or self.name}))}

    def footprint(self) -> Footprint:
        """Writes the account, after its groups; the account database takes one change at a time."""
        named = (*((self.group,) if self.group else ()), *(self.groups or ()))
        return Footprint(
            writes=(keys.user(self.name), *_checks.number_keys(keys.user, self.uid)),
            reads=(
                keys.group(self.group or self.name),
                *map(keys.group, named),
                *(keys.parents(self.home) if self.home else ()),
            ),
            awaits=tuple((keys.group(g), probes.Group(g)) for g in named),
            makes=() if self.absent or not self._makes_home else (keys.path(self._home),),
            locks=("passwd",),
        )

    @property
    def _entry(self) -> probes.User:
        return probes.User(self.name)

    @property
    def _own_group(self) -> probes.Group:
        return probes.Group(self.name)

    @property
    def _named_groups(self) -> tuple[probes.Group, ...]:
        named = () if self.absent else (self.group, *(self.groups or ()))
        return tuple(probes.Group(group) for group in named if group)

    def probes(self) -> tuple[Probe, ...]:
        """The entry, and whether a group of its name is there already."""
        if self.absent or self.group is not None:
            return (self._entry,)
        return (self._entry, self._own_group)

    def hints(self) -> tuple[Probe, ...]:
        """Whether its groups are there, whose numbers do not matter; how a new home would be."""
        makes = self._makes_home and not self.absent
        return (*self._named_groups, *(_homes.questions(self._home) if makes else ()))

    def observe(self, answers: Answers) -> Self | None:
        """The account as found; minimal groups that hold are as declared."""
        for group in self._named_groups:
            _checks.is_there(group, answers)
        entry = answers[self._entry]
        if entry is None:
            return None if self.absent else self.observed(absent=True, found={"around": answers})
        fields = {name: entry[name] for name in _OPTIONS}
        hold = self.groups is not None and self._groups_after(entry) == entry["groups"]
        groups = self.groups if hold else tuple(entry["groups"])
        return self.observed(absent=False, groups=groups, found=entry, **fields)

    def _groups_after(self, entry: Mapping[str, Any]) -> list[str]:
        """The other groups that the account will be in, as an entry shows them."""
        kept = entry["groups"] if self.append or self.groups is None else ()
        return sorted({*kept, *(self.groups or ())} - {self.group or entry["group"]})

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """One call of useradd, usermod or userdel."""
        found = change.before.found if change.before is not None else {}
        if self.absent:
            return (self._remove(found),)
        if "uid" not in found:
            return (self._add(found.get("around", Answers({}))),)
        changed = [f.name for f in change.fields if f.name in _OPTIONS]
        options = [word for n in changed for word in (_OPTIONS[n], str(getattr(self, n)))]
        after = {**found, **{n: getattr(self, n) for n in changed}}
        after["groups"] = self._groups_after(found)
        if change.touches("groups"):
            options += [*(("-a",) if self.append else ()), "-G", ",".join(self.groups or ())]
        effects = ((self._entry, after), *self._numbered())
        return (ops.Run(("usermod", *options, "--", self.name), effects=effects),)

    def _numbered(self) -> tuple[tuple[Probe, Any], ...]:
        number = () if self.uid is None else (probes.AccountName("user", self.uid),)
        return tuple((probe, {"name": self.name}) for probe in number)

    @property
    def _home(self) -> str:
        """Where the home of a new one is, as useradd has it unless the host says otherwise."""
        return self.home or f"/home/{self.name}"

    @property
    def _makes_home(self) -> bool:
        """As useradd does by itself: not for system accounts."""
        return not self.system if self.create_home is None else self.create_home

    def _add(self, around: Answers) -> Op:
        """`around`: what was answered about it while it was not there."""
        values = {n: getattr(self, n) for n in _OPTIONS if getattr(self, n) is not None}
        if self.group is None and around.get(self._own_group) is not None:
            values["group"] = self.name
        options = [word for n, value in values.items() for word in (_OPTIONS[n], str(value))]
        argv = (
            "useradd",
            *(("-r",) if self.system else ()),
            *(() if "group" in values else ("-U",)),
            *options,
            *(("-G", ",".join(self.groups)) if self.groups else ()),
            "-m" if self._makes_home else "-M",
            "--",
            self.name,
        )
        entry = {"group": self.name, "comment": "", **values, "groups": list(self.groups or ())}
        known = {"uid", "home", "shell"} <= set(values)
        chosen = probes.Unknown("useradd chooses what is not given")
        effects = [(self._entry, entry if known else chosen), *self._numbered()]
        if "group" not in values:
            effects.append((self._own_group, chosen))
        if self._makes_home:
            effects += self._new_home(entry["group"], around).items()
        return ops.Run(argv, effects=tuple(effects))

    def _new_home(self, group: str, around: Answers) -> Mapping[Probe, Any]:
        """What useradd makes of the home: one that is there already it leaves as it is."""
        homes = _homes.found(around)
        where = probes.Stat(
            self._home if self.home or homes is None else f"{homes.folder}/{self.name}"
        )
        if where not in around:  # nobody knows what is there now
            return _homes.made(where.path, self.name, group, None)
        there = around[where] is not None
        return {} if there else _homes.made(where.path, self.name, group, homes)

    def _remove(self, found: Mapping[str, Any]) -> Op:
        """userdel(8) takes the group of the same name along when nobody else is in it."""
        effects: list[tuple[Probe, Any]] = [
            (self._entry, None),
            (self._own_group, probes.Unknown("userdel may remove the group of the same name")),
        ]
        if self.remove_home and "home" in found:
            effects.append((probes.Stat(found["home"]), None))
        home = ("-r",) if self.remove_home else ()
        return ops.Run(("userdel", *home, "--", self.name), effects=tuple(effects))
