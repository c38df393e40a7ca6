"""Values that only the run brings: an `Output` stands for one until then."""

from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

from cfgdsl.core.errors import Diagnostic, UnknownValueError
from cfgdsl.core.origin import Origin, capture_origin

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class Output(Generic[T_co]):
    """An attribute of a resource that is known only after it was applied.

    Give it to another resource: that one then waits for it. Derive from it with `map`. It has no
    value while the configuration is evaluated, so using it as one raises `UnknownValueError`.

    >>> from cfgdsl_stdlib import User
    >>> Output(User("deploy"), "home").map(lambda home: f"{home}/.ssh")
    (known after apply)
    """

    __slots__ = ("functions", "name", "origin", "source")

    def __init__(
        self,
        source: Any,
        name: str,
        functions: tuple[Callable[[Any], Any], ...] = (),
    ) -> None:
        self.source = source
        """The resource that brings the value."""
        self.name = name
        """Which of its outputs this is."""
        self.functions = functions
        self.origin: Origin = capture_origin()

    def map(self, function: Callable[[T_co], U]) -> "Output[U]":
        """The output that `function` makes of this one, once it is known."""
        return Output(self.source, self.name, (*self.functions, function))

    def resolve(self, raw: Any) -> Any:
        """The value, from what the run has brought."""
        for function in self.functions:
            raw = function(raw)
        return raw

    def __repr__(self) -> str:
        return "(known after apply)"

    def _refuse(self, *_: object) -> NoReturn:
        raise UnknownValueError(
            Diagnostic(
                summary=f"{self.source.identity}.{self.name} is known only after apply",
                detail=f"It was made at {self.origin} and used as a plain value.",
                hint="Give the output itself to a resource, or derive a value with .map(function).",
                origins=(capture_origin(),),
            )
        )

    __str__ = __format__ = __bool__ = __iter__ = __len__ = __contains__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __int__ = __float__ = __getitem__ = __index__ = _refuse
    __hash__ = object.__hash__
