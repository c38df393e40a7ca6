"""Values that only the run brings: an `Output` stands for one until then."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar

from cfgdsl.core.errors import Diagnostic, UnknownValueError
from cfgdsl.core.origin import Origin, capture_origin

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")

Lookup = Callable[[Any, str], Any]
"""The value of one output of one resource."""


class UnknownAttributeError(UnknownValueError, AttributeError):
    """An attribute or a method of a value that is known only after apply."""


class Output(Generic[T_co]):
    """An attribute of a resource that is known only after it was applied.

    Give it to another resource, by itself or inside a list: that one then waits for it. Derive from
    it with `map`, from several with `Output.all`. It has no value while the configuration is
    evaluated, so using it as one raises `UnknownValueError`.

    >>> from cfgdsl_stdlib import User
    >>> Output(User("deploy"), "home").map(lambda home: f"{home}/.ssh")
    (known after apply)
    """

    __slots__ = ("functions", "name", "origin", "secret", "shape", "source")

    def __init__(
        self,
        source: Any,
        name: str,
        functions: tuple[Callable[[Any], Any], ...] = (),
        *,
        shape: Any = None,
        secret: bool = False,
    ) -> None:
        self.source = source
        """The resource that brings the value; None for one that is made of several."""
        self.name = name
        """Which of its outputs this is."""
        self.shape = shape
        """For one that is made of several: a value with outputs in it, nested as they may be."""
        self.secret: bool = secret or any(s.secret for s in outputs_within(shape))
        """Whether its value is a secret, or made of one: then it is a text with references."""
        self.functions = functions
        self.origin: Origin = capture_origin(source)  # where it was asked for, not its property

    @staticmethod
    def all(*outputs: "Output[U]") -> "Output[tuple[U, ...]]":
        """One output of a tuple, from several.

        >>> from cfgdsl_stdlib import File
        >>> sums = [File(path, content="x").sha256 for path in ("/srv/a", "/srv/b")]
        >>> Output.all(*sums).map(" ".join).resolve(lambda source, name: source.path)
        '/srv/a /srv/b'
        """
        return Output(None, "", shape=outputs)

    def map(self, function: Callable[[T_co], U]) -> "Output[U]":
        """The output that `function` makes of this one, once it is known."""
        functions = (*self.functions, function)
        return Output(self.source, self.name, functions, shape=self.shape, secret=self.secret)

    @property
    def sources(self) -> tuple["Output[Any]", ...]:
        """The outputs of single resources that it is made of."""
        return (self,) if self.shape is None else tuple(outputs_within(self.shape))

    def resolve(self, lookup: Lookup) -> Any:
        """The value, from those of its sources."""
        known = self.shape is None
        value = lookup(self.source, self.name) if known else filled(self.shape, lookup)
        for function in self.functions:
            value = function(value)
        return value

    def __repr__(self) -> str:
        return "(known after apply)"

    def _names(self) -> str:
        return ", ".join(f"{s.source.identity}.{s.name}" for s in self.sources) or "this value"

    def _refuse(self, *_: object) -> NoReturn:
        raise UnknownValueError(self._used("used as a plain value"))

    def _used(self, how: str) -> Diagnostic:
        return Diagnostic(
            summary=f"{self._names()} is known only after apply",
            detail=f"It was made at {self.origin} and {how}.",
            hint="Give the output itself to a resource, or derive a value with .map(function).",
            origins=(capture_origin(),),
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name[:1] == "_":
            raise AttributeError(name)  # a protocol that somebody asks for
        raise UnknownAttributeError(self._used(f"asked for .{name}"))

    __str__ = __format__ = __bool__ = __iter__ = __len__ = __contains__ = __reversed__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = _refuse
    __int__ = __float__ = __getitem__ = __index__ = __bytes__ = __fspath__ = _refuse
    __hash__ = object.__hash__


def outputs_within(value: Any) -> Iterator[Output[Any]]:
    """The outputs of single resources in a value: in lists, mappings and other outputs.

    >>> list(outputs_within(["a", {"b": 1}]))
    []
    """
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, Output):
            if found.shape is None:
                yield found
            else:
                stack.append(found.shape)
        elif isinstance(found, Mapping):
            stack.extend(reversed([*found.values()]))
        elif isinstance(found, list | tuple):
            stack.extend(reversed(found))
        elif isinstance(found, set | frozenset):
            stack.extend(sorted(found, key=_by_name))


def _by_name(value: Any) -> str:
    """An order of the members of a set that does not hang on where they lie in memory."""
    return repr([(s.source.identity, s.name) for s in outputs_within(value)] or value)


def filled(value: Any, lookup: Lookup) -> Any:
    """`value` with the outputs in it resolved.

    >>> filled(["a", ("b",)], lambda source, name: "")
    ['a', ('b',)]
    """
    match value:
        case Output():
            return value.resolve(lookup)
        case Mapping():
            return {key: filled(item, lookup) for key, item in value.items()}
        case tuple():
            return tuple(filled(item, lookup) for item in value)
        case list():
            return [filled(item, lookup) for item in value]
        case set() | frozenset():
            return {filled(item, lookup) for item in value}
    return value


def gathered(value: Any) -> Any:
    """`value` itself; where it is a list or a mapping with outputs in it, one output of it all.

    >>> gathered(["a", "b"])
    ['a', 'b']
    """
    nested = isinstance(value, list | tuple | set | frozenset | Mapping)
    if nested and next(outputs_within(value), None) is not None:
        return Output(None, "", shape=value)
    return value
