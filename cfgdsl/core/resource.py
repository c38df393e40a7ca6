"""The base of all resource types: a declared piece of desired state, as an immutable value."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, cast, dataclass_transform

import attrs

from cfgdsl.core.attributes import NoAttributeError
from cfgdsl.core.condition import Condition
from cfgdsl.core.content import Content
from cfgdsl.core.context import active
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.fields import Field, field, key
from cfgdsl.core.footprint import Footprint
from cfgdsl.core.inputs import HOST, OUTPUTS, completed
from cfgdsl.core.ops import Op
from cfgdsl.core.origin import Origin, capture_origin
from cfgdsl.core.output import Output
from cfgdsl.core.probes import Answers, Probe
from cfgdsl.core.references import References
from cfgdsl.core.refresh import Task
from cfgdsl.core.slots import Slot, Slots, asked_once, declared_slots
from cfgdsl.core.values import Count, Seconds

R = TypeVar("R", bound="type[Resource]")
T = TypeVar("T", bound="Resource")


@dataclass_transform(kw_only_default=False, frozen_default=False, field_specifiers=(field, key))
class ResourceType(type):
    """The metaclass: turns annotated fields into a checked, immutable value class.

    It sits here, not in a decorator, because type checkers follow `dataclass_transform` through
    descriptors only from a metaclass.
    """

    fields_: Slots
    slots_: tuple[Slot, ...]
    kind: str

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        **_: Any,
    ) -> "ResourceType":
        """Make the class; raises `TypeError` for a field that cannot work."""
        cls = super().__new__(mcls, name, bases, namespace)
        inherited = [slot for base in reversed(bases) for slot in getattr(base, "slots_", ())]
        own = [
            attrs.evolve(slot, needed_now=not bases or slot.name == "absent")
            for slot in declared_slots(cls, namespace)
        ]
        for slot in own:
            delattr(cls, slot.name)
        for pure in ("footprint", "probes"):
            if pure in namespace:
                setattr(cls, pure, asked_once(namespace[pure]))
        cls.fields_ = Slots(name, (*inherited, *own))
        cls.slots_ = cls.fields_.all
        # The value semantics are attrs'; only the constructor is ours, to report every mistake at
        # once with the user's line. `how` fields do not count in comparisons: `after=` chains would
        # make them recursive.
        these = {
            s.name: attrs.field(kw_only=s.spec.kw_only, eq=not s.spec.how, repr=not s.spec.how)
            for s in cls.slots_
        }
        attrs.define(cls, these=these, init=False, frozen=True, slots=False)
        return cls

    if not TYPE_CHECKING:  # type checkers read the signature from the fields, not from here

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            """Declare: check every argument, build the value, hand it to the active collector."""
            instance = _built(cls, capture_origin(), args, kwargs)
            collector = active.get()
            if collector is not None:
                collector.add(instance)
            return instance

    def restored(cls, values: Mapping[str, Any], origin: Origin) -> "Resource":
        """A resource from values in normal form, as a saved plan has them; others are defaults.

        Raises `ValueError` for fields that it does not have, or that are missing.
        """
        unknown = values.keys() - cls.fields_.by_name.keys()
        missing = [name for name in cls.fields_.required if name not in values]
        if unknown or missing:
            raise ValueError(f"a {cls.kind} with {sorted(unknown)} and without {missing}")
        instance: Resource = object.__new__(cast("type[Resource]", cls))
        instance.__dict__.update(cls.fields_.defaults)
        instance.__dict__.update(values)
        instance.__dict__["#origin"] = origin
        outputs = tuple(n for n, v in values.items() if isinstance(v, Output))
        instance.__dict__["#outputs"] = outputs
        return instance


def _built(
    cls: ResourceType, origin: Origin, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """A checked value of `cls`; no collector hears of it."""
    instance: Any = object.__new__(cast("type[Any]", cls))
    values = instance.__dict__
    values["#origin"] = origin
    values.update(cls.fields_.values(args, kwargs, origin))
    values[OUTPUTS] = tuple([n for n, v in values.items() if isinstance(v, Output)])
    try:
        values.update(completed(instance))
    except ValueError as error:
        raise cls.fields_.bad_declaration(origin, str(error)) from None
    return instance


class Resource(metaclass=ResourceType):
    """A declared piece of desired state.

    A type subclasses this, names itself with `@resource("name")`, declares typed fields, and gives
    four pure methods. It is a value: comparing, copying and printing it touch nothing.

    >>> from cfgdsl_stdlib import File
    >>> motd = File("/etc/motd", content="hello", after="package:base-files")
    >>> motd.identity, motd.key, motd.mode
    ('file:/etc/motd', '/etc/motd', None)
    >>> motd.footprint().writes
    ('path:/etc/motd',)
    """

    kind: ClassVar[str] = ""
    creating: ClassVar[str] = "create"
    """The action of bringing one into being, as plans call it."""
    dropping: ClassVar[Literal["delete", "forget"]] = "delete"
    """What becomes of one that cfgdsl created when its declaration goes away."""
    displaces: ClassVar[frozenset[str]] = frozenset()
    """Types of which none can stay in its place: what is owned of them there, and no longer
    declared, is deleted first."""
    after: Field[References, Any] = field(default=(), how=True, kw_only=True)
    """Resources, components or identities that must be applied before this one."""
    only_if: Field[Condition | None] = field(default=None, how=True, kw_only=True)
    """A condition, `exists(path)` or `command_ok(argv)`; where false, the resource is skipped."""
    on_drop: Field[Literal["delete", "restore", "forget"] | None] = field(
        default=None, how=True, kw_only=True
    )
    """What becomes of it when the declaration goes away: `delete`, `restore` or `forget`."""
    protect: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether deleting it is an error."""
    retries: Field[Count] = field(default=0, how=True, kw_only=True)
    """How often to try again when applying it fails."""
    timeout: Field[Seconds | None, float | int | None] = field(default=None, how=True, kw_only=True)
    """Seconds for each attempt; None: no limit."""
    tags: Field[tuple[str, ...], Sequence[str] | frozenset[str] | set[str]] = field(
        default=(), how=True, kw_only=True
    )
    """Labels for `--tags`."""
    id: Field[str | None] = field(default=None, how=True, kw_only=True)
    """Replaces the key in the identity, where two resources would have the same one."""

    @property
    def origin(self) -> Origin:
        """The user's line that declared it."""
        return cast("Origin", self.__dict__["#origin"])

    def complete(self) -> dict[str, Any]:
        """What one field says about another: values to set once all are converted.

        Raises `ValueError` where fields contradict each other.
        """
        return {}

    @property
    def key(self) -> str:
        """What identifies it among resources of its kind on one target."""
        if self.id is not None:
            return self.id
        parts = [getattr(self, name) for name in type(self).fields_.keys]
        return ":".join(part if isinstance(part, str) else _quoted(part) for part in parts)

    @property
    def identity(self) -> str:
        """``kind:key``: unique within a target."""
        known: str | None = self.__dict__.get("#identity")
        if known is None:
            known = self.__dict__["#identity"] = f"{self.kind}:{self.key}"
        return known

    def footprint(self) -> Footprint:
        """The keys that it reads and writes."""
        raise NotImplementedError

    def probes(self) -> tuple[Probe, ...]:
        """What must be asked to observe it."""
        raise NotImplementedError

    def hints(self) -> tuple[Probe, ...]:
        """What else a plan is made from: asked with the probes, but no part of the state.

        `observe` finds these answers while a plan is made, as far as they are known then, and never
        during the run.
        """
        return ()

    def refine(self, answers: Answers | None) -> "Resource":  # noqa: ARG002
        """What is wanted, given what was found: itself, unless the declaration says only a part.

        `answers`: None where only the run can tell; then what hangs on them is `Unknown`. The
        probes of the result must be answered by the answers to those of this one.
        """
        return self

    def observe(self, answers: Answers) -> Self | None:
        """How it is now, in this same class and normal form; None when it is absent."""
        raise NotImplementedError

    def ops(self, change: Any) -> tuple[Op, ...]:
        """How to make the change."""
        raise NotImplementedError

    def tasks(self, change: Any) -> tuple[Task, ...]:  # noqa: ARG002
        """Steps shared with others or owed to changes of others: a reload, an index update."""
        return ()

    @property
    def held_secret(self) -> bool:
        """Whether the record says that it held a secret: then nobody is told how it was."""
        return False

    def recorded(self) -> "Resource":
        """What the record of the host knows it as."""
        return self

    def removal(self) -> Self | None:
        """The declaration that takes it away, for when it is no longer declared; None: nothing can.

        Its probes must all answer None once it is gone. Default: the same key, ``absent=True``.
        """
        cls = type(self)
        if "absent" not in cls.fields_.by_name:
            return None
        unmanaged = {s.name: cls.fields_.defaults.get(s.name) for s in cls.fields_.state}
        return self.observed(**{**unmanaged, "absent": True})

    def notes(self, change: Any) -> tuple[str, ...]:  # noqa: ARG002
        """What the plan cannot promise of the change: short sentences, without the resource."""
        return ()

    def takes(self, change: Any) -> tuple[str, ...]:  # noqa: ARG002
        """Keys of what a removal takes along, and others may need: what came with a package."""
        return ()

    def reason(self, change: Any) -> str:  # noqa: ARG002
        """Why it changes, where a plan should say more than that it is not there, or which fields
        differ; empty: it need not."""
        return ""

    def sought(self) -> Self:
        """This resource, so that all of its state is looked at: what `import` asks about.

        Default: itself. For types that look only at what is declared.
        """
        return self

    def implied(self, cls: type[T], *args: Any, **values: Any) -> T:
        """A resource that this one stands for: of the same line, and not declared itself."""
        return cast("T", _built(cast("ResourceType", cls), self.origin, args, values))

    def outputs(self, answers: Answers) -> Mapping[str, Any]:  # noqa: ARG002
        """The values of its outputs, from the answers to its probes; one that is not there is left
        out, as are those that only a command's output brings (`ops.Run(capture=...)`).

        A type names each by a property that returns ``Output(self, "name")``.
        """
        return {}

    def observed(self, **values: Any) -> Self:
        """This resource with fields as they were found: what `observe` returns."""
        found = object.__new__(type(self))
        kept = found.__dict__
        kept.update((k, v) for k, v in self.__dict__.items() if k[0] != "#" or k in _LASTING)
        kept.update(values)
        given = [name for name, value in values.items() if isinstance(value, Output)]
        if given:
            kept[OUTPUTS] = tuple(dict.fromkeys((*kept[OUTPUTS], *given)))
        return found

    if not TYPE_CHECKING:  # or every misspelt attribute would be Any to them

        def __getattr__(self, name: str) -> Any:
            raise NoAttributeError(self, name)


_LASTING = ("#origin", OUTPUTS, HOST)
"""What is no field and still holds for a changed copy; results of pure methods do not."""


def _quoted(part: Any) -> str:
    return shlex.join(str(p) for p in part) if isinstance(part, tuple) else str(part)


registry: dict[str, ResourceType] = {}
"""Every registered resource type, by its name."""


def resource(name: str) -> Callable[[R], R]:
    """Register a resource type under `name`, the first part of its resources' identities.

    Raises `ConfigurationError` when another type has that name.

    >>> from cfgdsl_stdlib import File
    >>> File.kind, registry["file"] is File
    ('file', True)
    """

    def register(cls: R) -> R:
        known = registry.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise ConfigurationError(
                Diagnostic(summary=f"two resource types are named {name!r}: {known} and {cls}")
            )
        cls.kind = name
        registry[name] = cls
        return cls

    return register


def state_fields(cls: ResourceType) -> tuple[Slot, ...]:
    """The fields that are observed and compared."""
    return cls.fields_.state


def contents_in(resource: Resource) -> tuple[Content, ...]:
    """The contents among its fields."""
    values = resource.__dict__
    found: tuple[Content, ...] | None = values.get("#contents")
    if found is None:  # asked more than once while a plan is made
        found = values["#contents"] = tuple([v for v in values.values() if type(v) is Content])
    return found


def is_absent(resource: Resource | None) -> bool:
    """Whether it says that there is nothing: None, or ``absent=True``."""
    return resource is None or bool(resource.__dict__.get("absent", False))
