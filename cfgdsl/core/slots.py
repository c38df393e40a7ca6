"""The fields of a resource type at work: they bind, check and normalise its arguments."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

import attrs

from cfgdsl.core.converters import converter_for
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.fields import REQUIRED, FieldAnnotation, FieldSpec
from cfgdsl.core.inputs import OUTPUTS, known_part
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output, gathered
from cfgdsl.core.secret import has_marks

REFERENCES = ("after", "restart_on", "reload_on", "on_change")
"""The fields that name other resources: an output there stands for its resource."""


_PLAIN = (str, int, type(None))
"""What is no output, and has none in it: asked first, for most values are of these."""


@attrs.frozen
class Slot:
    """One field of a resource type, ready for use: built once when the class is made."""

    name: str
    annotation: Any
    spec: FieldSpec
    convert: Callable[[Any], Any]
    needed_now: bool = False
    """Whether a plan cannot do without its value: no output is taken for it."""

    def normal_form(self, value: Any) -> Any:
        """`value` converted; outputs pass as they are, and so does a None that is the default.

        Raises `ValueError` with a sentence that goes on from the field's name.
        """
        if not isinstance(value, _PLAIN):
            if self.name in REFERENCES:
                value = (value,) if isinstance(value, Output) else value
            else:
                value = gathered(value)
                if isinstance(value, Output):
                    self._accept_unknown()
                    return value
        if value is None and self.spec.default is None:
            return None
        normal = self.convert(value)
        if self.spec.is_key and isinstance(normal, str) and has_marks(normal):
            raise ValueError("must not contain a secret: it identifies the resource")
        return normal

    def _accept_unknown(self) -> None:
        if self.spec.is_key:
            raise ValueError("must be known now: it identifies the resource")
        if self.needed_now:
            raise ValueError("must be known now: a plan cannot be made without it")


class Slots:
    """The fields of one resource type, looked up in every way that declarations need."""

    def __init__(self, type_name: str, slots: Iterable[Slot]) -> None:
        self.type_name = type_name
        self.all = tuple({slot.name: slot for slot in slots}.values())
        self.by_name = {slot.name: slot for slot in self.all}
        self.positional = tuple(s.name for s in self.all if not s.spec.kw_only)
        self.required = tuple(s.name for s in self.all if s.spec.default is REQUIRED)
        self.defaults = {s.name: s.spec.default for s in self.all if s.spec.default is not REQUIRED}
        self.keys = tuple(s.name for s in self.all if s.spec.is_key)
        self.state = tuple(s for s in self.all if not s.spec.how and not s.spec.is_key)

    def values(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], origin: Origin
    ) -> dict[str, Any]:
        """Every field's value in normal form; raises `ConfigurationError` with every mistake."""
        given, problems = self._bind(args, kwargs)
        values = dict(self.defaults)
        for name, value in given.items():
            try:
                values[name] = self.by_name[name].normal_form(value)
            except ValueError as error:
                problems.append(f"{name} {error}")
        if problems:
            raise self.bad_declaration(origin, *problems)
        return values

    def bad_declaration(self, origin: Origin, *problems: str) -> ConfigurationError:
        """The error for a declaration at `origin`."""
        return ConfigurationError(
            *(Diagnostic(summary=f"{self.type_name}: {p}", origins=(origin,)) for p in problems)
        )

    def _bind(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[str]]:
        """Arguments by field name, and what is wrong with their names."""
        problems = []
        if len(args) > len(self.positional):
            names = ", ".join(self.positional) or "nothing"
            extra = args[len(self.positional)]
            problems.append(f"takes {names} by position; name the argument {extra!r}")
        given = dict(zip(self.positional, args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                problems.append(f"got {name!r} twice")
            elif name in self.by_name:
                given[name] = value
            else:
                near = difflib.get_close_matches(name, self.by_name, n=1)
                known = ", ".join(self.by_name)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {known}"
                problems.append(f"has no argument {name!r}; {hint}")
        missing = [name for name in self.required if name not in given]
        if missing:
            problems.append(f"needs {', '.join(missing)}")
        return given, problems


def asked_once(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A pure method without arguments that is asked again and again: its result is kept."""
    kept = f"#{method.__qualname__}"

    @wraps(method)
    def remembering(self: Any) -> Any:
        values = self.__dict__
        if kept not in values:
            values[kept] = method(known_part(self) if values[OUTPUTS] else self)
        return values[kept]

    return remembering


def declared_slots(cls: type, namespace: Mapping[str, Any]) -> Iterator[Slot]:
    """The fields that the body of a class declares; raises `TypeError` for one that cannot work."""
    annotations = inspect.get_annotations(cls, eval_str=True)
    for name, value in namespace.items():
        if isinstance(value, FieldSpec) and not isinstance(annotations.get(name), FieldAnnotation):
            raise TypeError(f"{cls.__name__}.{name} needs an annotation Field[...]")
    for name, annotation in annotations.items():
        if isinstance(annotation, FieldAnnotation):
            spec = namespace.get(name)
            if not isinstance(spec, FieldSpec):
                raise TypeError(f"{cls.__name__}.{name} needs field(...) or key(...)")
            yield Slot(name, annotation.annotation, spec, converter_for(annotation.annotation))
