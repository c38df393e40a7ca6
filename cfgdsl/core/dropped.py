"""What is owned and no longer declared, as resources that the planner treats like any other."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import attrs

from cfgdsl.core import ops
from cfgdsl.core.content import Content
from cfgdsl.core.context import active
from cfgdsl.core.diff import DELETE, Change
from cfgdsl.core.displaced import Displaced
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.fields import Field, field, key
from cfgdsl.core.footprint import Footprint, parents
from cfgdsl.core.ops import Op
from cfgdsl.core.origin import Origin
from cfgdsl.core.probes import Answers, Probe
from cfgdsl.core.record import HostRecord, Left
from cfgdsl.core.resource import Resource, is_absent, registry


class Dropped(Resource):
    """Takes away what the record says: as its type does, where that is known here, else in the way
    that the record says. It comes before and after what the record says in any case."""

    name: Field[str] = key(kw_only=False)
    left: Field[Any] = field(how=True, kw_only=True)
    by: Field[Any] = field(default=None, how=True, kw_only=True)
    """The declaration of its type that it is absent."""
    frees: Field[Any] = field(default=(), how=True, kw_only=True)
    """Keys of what it takes away for something else that is declared there."""
    absent: Field[bool] = field(default=True, kw_only=True)

    found: ClassVar[Any] = None
    """On an observed one: as its type has found it."""

    @property
    def _left(self) -> Left:
        found: Left = self.left
        return found

    @property
    def identity(self) -> str:
        """As it was when it was declared."""
        return self.name

    def footprint(self) -> Footprint:
        """What the record says that its removal writes and reads."""
        left = self._left
        return Footprint(
            writes=[k for k in left.writes if k not in self.frees],
            reads=left.reads,
            reads_under=left.reads_under,
            makes=self.frees,
            locks=left.locks,
        )

    def probes(self) -> tuple[Probe, ...]:
        """Questions that all answer None once it is gone."""
        found: tuple[Probe, ...] = self._left.probes if self.by is None else self.by.probes()
        return found

    def hints(self) -> tuple[Probe, ...]:
        """How all of it is, so that there is a way back; a secret is left where it is."""
        return () if self.by is None or self.held_secret else tuple(self.by.hints())

    @property
    def held_secret(self) -> bool:
        """Whether its removal keeps no copy, for the secret in it."""
        return any(isinstance(op, ops.Remove) and op.secret for op in self._left.ops)

    def recorded(self) -> Resource:
        """What its type makes of it, or has found."""
        known: Resource | None = self.found or self.by
        return self if known is None else known

    def observe(self, answers: Answers) -> Self | None:
        """None once it is gone."""
        if self.by is not None:
            found = self.by.observe(answers)
            return None if is_absent(found) else self.observed(absent=False, found=found)
        gone = all(answers[probe] is None for probe in self._left.probes)
        return None if gone else self.observed(absent=False)

    def ops(self, change: Change[Self]) -> tuple[Op, ...]:
        """What the record says; its commands have the one effect that it is gone."""
        if self.by is not None:
            found = change.before.found if change.before is not None else None
            todo: tuple[Op, ...] = self.by.ops(Change(self.by, found, DELETE))
            return tuple(map(_keeping_no_copy, todo)) if self.held_secret else todo
        gone = tuple((probe, None) for probe in self._left.probes)
        return tuple(
            attrs.evolve(op, effects=gone) if isinstance(op, ops.Run) else op
            for op in self._left.ops
        )


def _keeping_no_copy(op: Op) -> Op:
    return attrs.evolve(op, secret=True) if isinstance(op, ops.Remove) else op


@attrs.frozen(kw_only=True)
class Drops:
    """What becomes of all that is owned and no longer declared."""

    resources: tuple[Resource, ...] = ()
    """To be planned with the others: what is deleted, and what is put back as it was."""
    actions: Mapping[str, str] = attrs.field(factory=dict)
    """By identity: `delete`, `restore` or `forget`."""
    displaced: Mapping[str, Resource] = attrs.field(factory=dict)
    """By identity: what is declared in its place, and cannot be there while it is."""
    reason: str = "no longer declared"
    """Why, in words."""
    forgotten: tuple[Left, ...] = ()
    """Owned no longer, and left as it is."""
    notes: tuple[Diagnostic, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def drops(record: HostRecord, declared: Iterable[Resource]) -> Drops:
    """What to do about what is no longer declared, given what is.

    What a declared resource writes now changes hands, or goes first where nothing of its type can
    stay; what one still needs is kept, and stays owned until nobody does.
    """
    written: dict[str, Resource] = {}
    needed: dict[str, Resource] = {}
    for resource in declared:
        footprint = resource.footprint()
        written.update((k, resource) for k in footprint.writes)
        if not is_absent(resource):
            awaited = [k for k, _ in footprint.awaits]
            above = [p for k in awaited if k.startswith("path:") for p in parents(k[5:])]
            needed.update((k, resource) for k in (*awaited, *above, *footprint.reads))
    return _sorted_out(record.left, written, needed)


MOST_DROPS = 20
"""More dropped at once on one host, or more than a fifth of what is owned, need a word."""
_FEW = 5


def within_limit(found: Drops, record: HostRecord, allowed: int) -> Drops:
    """`found`, with a problem if so much would be dropped that a mistake is likelier.

    A handful is never too much, however little is owned.
    """
    count = len(found.resources)
    owned = len(record.standing) + len(record.left)
    many = count > MOST_DROPS or (count >= _FEW and count * 5 > owned)
    if not many or count <= allowed:
        return found
    problem = Diagnostic(
        summary=f"{count} of {owned} resources are no longer declared, and would be dropped",
        detail="So many at once are often a mistake: a function that is not called any more, an "
        "empty list.",
        hint=f"If it is meant: --allow-drops {count}.",
    )
    return attrs.evolve(found, problems=(*found.problems, problem))


def _sorted_out(
    lefts: Iterable[Left], written: Mapping[str, Resource], needed: Mapping[str, Resource]
) -> Drops:
    resources: list[Resource] = []
    actions: dict[str, str] = {}
    forgotten: list[Left] = []
    notes: list[Diagnostic] = []
    problems: list[Diagnostic] = []
    displaced = Displaced(written)
    for left in lefts:
        user = next((needed[k] for k in left.writes if k in needed), None)
        goes_first = displaced.take(left)
        if any(k in written for k in left.writes) and not goes_first:
            forgotten.append(left)
            continue
        action = left.action
        if action == "delete" and left.protect:
            problems.append(_protected(left))
        elif action == "delete" and user is not None and not left.is_gone and not goes_first:
            notes.append(_kept(left, user))
        elif action == "delete" and left.ops and not left.is_gone:
            resources.append(_removal(left))
            actions[left.identity] = action
        elif action == "restore" and (back := _as_it_was(left)) is not None:
            resources.append(back)
            actions[left.identity] = action
        else:
            forgotten.append(left)
    return Drops(
        resources=tuple(_in_order(resources, displaced)),
        actions=actions,
        displaced=displaced.heirs,
        forgotten=tuple(forgotten),
        notes=tuple(notes),
        problems=tuple(problems),
    )


def _in_order(resources: Iterable[Resource], displaced: Displaced) -> Iterator[Resource]:
    """`resources`, so that what is displaced goes after all that goes from inside of it, and before
    what is declared in its place."""
    inside: dict[str, list[str]] = {}
    going: list[Dropped] = []
    for resource in resources:
        if not isinstance(resource, Dropped):
            yield resource
            continue
        left = resource.left
        above = [k for k in left.reads if k in displaced.by_key]
        for place in dict.fromkeys(displaced.by_key[k] for k in above):
            inside.setdefault(place, []).append(resource.identity)
        reads = tuple(k for k in left.reads if k not in above)  # not as it will be
        placed = resource.observed(left=attrs.evolve(left, reads=reads)) if above else resource
        if resource.identity in displaced.heirs:
            going.append(placed)
        else:
            yield placed
    for last in going:
        keys = tuple(k for k in last.left.writes if k in displaced.by_key)
        yield last.observed(frees=keys, after=tuple(inside.get(last.identity, ())))


def _removal(left: Left) -> Resource:
    try:
        known = declaration(left.kind, left.keys, None, left.origin)
    except ConfigurationError:  # the type takes other keys by now
        known = None
    return _placed(Dropped, left.origin, name=left.identity, left=left, by=known)


def _as_it_was(left: Left) -> Resource | None:
    """The declaration of how something was before it was changed first; None: nobody can tell."""
    return declaration(left.kind, left.keys, left.original, left.origin, identity=left.identity)


def declaration(
    kind: str,
    keys: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    origin: Origin,
    *,
    identity: str | None = None,
) -> Resource | None:
    """The resource of a recorded kind, key and state; a None state: that it is absent.

    It goes by the name that the record knows it under (`identity`), if that is given.

    None when its type is not known here, or when it held a secret, which no record has.
    """
    cls = registry.get(kind)
    if cls is None or (state is None and "absent" not in cls.fields_.by_name):
        return None
    values = {"absent": True} if state is None else {n: _value(v) for n, v in state.items()}
    if any(isinstance(value, Content) and value.secret for value in values.values()):
        return None
    known = {name: v for name, v in values.items() if name in cls.fields_.by_name}
    made = _placed(cls, origin, **keys, **known)
    if identity is None or identity == made.identity:
        return made
    return _placed(cls, origin, **keys, **known, id=identity.removeprefix(f"{kind}:"))


def _placed(cls: Any, origin: Origin, **values: Any) -> Resource:
    """An instance with the origin that the record has, entering no collector."""
    token = active.set(None)
    try:
        made: Resource = cls(**values)
    finally:
        active.reset(token)
    made.__dict__["#origin"] = origin
    return made


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.get("secret"):
        return Content.hidden()
    if isinstance(value, dict) and "sha256" in value:
        return Content(str(value["sha256"]), int(value["size"]))
    return value


def _protected(left: Left) -> Diagnostic:
    return Diagnostic(
        summary="is protected, and no longer declared: it would be deleted",
        hint="Declare it again; or first apply it with protect=False, or on_drop='forget'.",
        address=left.identity,
        origins=(left.origin,),
    )


def _kept(left: Left, user: Resource) -> Diagnostic:
    return Diagnostic(
        summary=f"is no longer declared, and kept: {user.identity} needs it",
        address=left.identity,
        origins=(user.origin,),
    )
