"""The base of all resource types: a declared piece of desired state, as an immutable value."""

import difflib
import inspect
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar, cast, dataclass_transform

import attrs

from cfgdsl.core.condition import Condition
from cfgdsl.core.context import active
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.fields import REQUIRED, Field, FieldAnnotation, FieldSpec, field, key
from cfgdsl.core.footprint import Footprint
from cfgdsl.core.ops import Op
from cfgdsl.core.origin import Origin, capture_origin
from cfgdsl.core.output import Output
from cfgdsl.core.probes import Answers, Probe
from cfgdsl.core.refresh import Task
from cfgdsl.core.values import converter_for

R = TypeVar("R", bound="type[Resource]")


@attrs.frozen
class Slot:
    """One field of a resource type, ready for use: built once when the class is made."""

    name: str
    annotation: Any
    spec: FieldSpec
    convert: Callable[[Any], Any]

    def normal_form(self, value: Any) -> Any:
        """`value` converted; outputs pass as they are, and so does a None that is the default."""
        if isinstance(value, Output) or (value is None and self.spec.default is None):
            return value
        return self.convert(value)


@dataclass_transform(kw_only_default=False, frozen_default=False, field_specifiers=(field, key))
class ResourceType(type):
    """The metaclass: turns annotated fields into a checked, immutable value class.

    It sits here, not in a decorator, because type checkers follow `dataclass_transform` through
    descriptors only from a metaclass.
    """

    slots_: tuple[Slot, ...]
    defaults: dict[str, Any]
    by_name: dict[str, Slot]
    positional: tuple[str, ...]
    kind: str

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any
    ) -> "ResourceType":
        cls = super().__new__(mcls, name, bases, namespace)
        inherited = [s for base in reversed(cls.__mro__[1:]) for s in _own_slots(base)]
        own = []
        for attribute, annotation in inspect.get_annotations(cls, eval_str=True).items():
            spec = namespace.get(attribute)
            if isinstance(annotation, FieldAnnotation) and isinstance(spec, FieldSpec):
                own.append(
                    Slot(
                        attribute, annotation.annotation, spec, converter_for(annotation.annotation)
                    )
                )
                delattr(cls, attribute)
        cls.__dict_own__ = tuple(own)  # type: ignore[attr-defined]
        cls.slots_ = tuple({s.name: s for s in (*inherited, *own)}.values())
        cls.by_name = {s.name: s for s in cls.slots_}
        cls.positional = tuple(s.name for s in cls.slots_ if not s.spec.kw_only)
        cls.defaults = {
            s.name: s.spec.default for s in cls.slots_ if s.spec.default is not REQUIRED
        }
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
            instance = _declare(cls, args, kwargs, capture_origin())
            collector = active.get()
            if collector is not None:
                collector.add(instance)
            return instance


def _declare(
    cls: "ResourceType", args: tuple[Any, ...], kwargs: dict[str, Any], origin: Origin
) -> "Resource":
    instance: Resource = cls.__new__(cls)  # type: ignore[call-arg,arg-type,assignment]
    values = instance.__dict__
    values.update(cls.defaults)
    values["#origin"] = origin
    problems = []
    for name, value in _bind(cls, args, kwargs, origin).items():
        try:
            values[name] = cls.by_name[name].normal_form(value)
        except ValueError as error:
            problems.append(f"{name} {error}")
    if problems:
        raise _bad_declaration(cls, origin, *problems)
    try:
        values.update(instance.complete())
    except ValueError as error:
        raise _bad_declaration(cls, origin, str(error)) from None
    return instance


def _own_slots(base: type) -> tuple[Slot, ...]:
    return cast("tuple[Slot, ...]", base.__dict__.get("__dict_own__", ()))


def _bind(
    cls: ResourceType, args: tuple[Any, ...], kwargs: dict[str, Any], origin: Origin
) -> dict[str, Any]:
    """Arguments by field name; every mistake in one error."""
    problems = []
    if len(args) > len(cls.positional):
        extra = args[len(cls.positional)]
        names = ", ".join(cls.positional)
        problems.append(f"takes {names} by position; name the argument {extra!r}")
    given = dict(zip(cls.positional, args, strict=False))
    problems += [f"got {name!r} twice" for name in given if name in kwargs]
    unknown = [name for name in kwargs if name not in cls.by_name]
    for name in unknown:
        near = difflib.get_close_matches(name, cls.by_name, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(cls.by_name)}"
        problems.append(f"has no argument {name!r}{hint}")
    given.update(kwargs)
    missing = [s.name for s in cls.slots_ if s.spec.default is REQUIRED and s.name not in given]
    if missing:
        problems.append(f"needs {', '.join(missing)}")
    if problems:
        raise _bad_declaration(cls, origin, *problems)
    return given


def _bad_declaration(cls: ResourceType, origin: Origin, *problems: str) -> ConfigurationError:
    return ConfigurationError(
        *(Diagnostic(summary=f"{cls.__name__}: {p}", origins=(origin,)) for p in problems)
    )


Reference: TypeAlias = Any
"""What `after=` and its like take: a resource, a component, an identity, or a list of these."""


def references(value: Any) -> tuple[Any, ...]:
    """A reference or a list of them, as a tuple.

    >>> references("package:nginx")
    ('package:nginx',)
    """
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)


class Resource(metaclass=ResourceType):
    """A declared piece of desired state.

    A type subclasses this, names itself with `@resource("name")`, declares typed fields, and gives
    four pure methods. It is a value: comparing, copying and printing it touch nothing.
    """

    kind: ClassVar[str] = ""
    creating: ClassVar[str] = "create"
    """The action of bringing one into being, as plans call it."""
    after: Field[tuple[Any, ...], Any] = field(default=(), how=True, kw_only=True)
    """Resources, components or identities that must be applied before this one."""
    only_if: Field[Condition | None] = field(default=None, how=True, kw_only=True)
    """A condition, `exists(path)` or `command_ok(argv)`; where false, the resource is skipped."""
    on_drop: Field[str | None] = field(default=None, how=True, kw_only=True)
    """What becomes of it when the declaration goes away: `delete`, `restore` or `forget`."""
    protect: Field[bool] = field(default=False, how=True, kw_only=True)
    """Whether deleting it is an error."""
    retries: Field[int] = field(default=0, how=True, kw_only=True)
    """How often to try again when applying it fails."""
    timeout: Field[float | None, float | int | None] = field(default=None, how=True, kw_only=True)
    """Seconds for each attempt; None: no limit."""
    tags: Field[tuple[str, ...], Sequence[str] | frozenset[str]] = field(
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
        parts = [getattr(self, s.name) for s in type(self).slots_ if s.spec.is_key]
        return ":".join(part if isinstance(part, str) else _quoted(part) for part in parts)

    @property
    def identity(self) -> str:
        """``kind:key``: unique within a target."""
        return f"{self.kind}:{self.key}"

    def footprint(self) -> Footprint:
        """The keys that it reads and writes."""
        raise NotImplementedError

    def probes(self) -> tuple[Probe, ...]:
        """What must be asked to observe it."""
        raise NotImplementedError

    def observe(self, answers: Answers) -> Self | None:
        """How it is now, in this same class and normal form; None when it is absent."""
        raise NotImplementedError

    def ops(self, change: Any) -> tuple[Op, ...]:
        """How to make the change."""
        raise NotImplementedError

    def tasks(self, change: Any) -> tuple[Task, ...]:
        """Steps shared with others or owed to changes of others: a reload, an index update."""
        return ()

    def observed(self, **values: Any) -> Self:
        """This resource with fields as they were found: what `observe` returns."""
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        found.__dict__.update(values)
        return found


def _quoted(part: Any) -> str:
    if isinstance(part, tuple):
        return shlex.join(str(p) for p in part)
    return str(part)


registry: dict[str, ResourceType] = {}
"""Every registered resource type, by its name."""


def resource(name: str) -> Callable[[R], R]:
    """Register a resource type under `name`, the first part of its resources' identities."""

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


def state_fields(cls: ResourceType) -> Iterable[Slot]:
    """The fields that are observed and compared."""
    return (s for s in cls.slots_ if not s.spec.how and not s.spec.is_key)
