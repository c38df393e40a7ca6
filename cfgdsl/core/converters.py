"""From the annotation of a field to the function that checks and normalises its values.

A converter raises `ValueError` with a sentence that goes on from the field's name.
"""

import types
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cfgdsl.core.values import As, Convert, must_be, plain_text

_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
}


@lru_cache(maxsize=1024)
def converter_for(annotation: Any) -> Convert:
    """The function that brings a value of this annotation to normal form.

    Raises `TypeError` for an annotation without a normal form, when a resource type is defined.

    >>> converter_for(tuple[str, ...])(["b", "a"])
    ('b', 'a')
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    found: Convert | None = None
    if origin is Annotated:
        marks = [m for m in arguments[1:] if isinstance(m, As)]
        found = marks[0].convert if marks else converter_for(arguments[0])
    elif origin in {Union, types.UnionType}:
        found = _either(arguments)
    elif origin is Literal:
        found = _one_of(arguments)
    elif origin is tuple and arguments[1:] == (...,):
        found = _each(converter_for(arguments[0]))
    elif origin is None:
        found = _of_class(annotation)
    if found is None:
        raise TypeError(
            f"{annotation} has no normal form: use tuple[T, ...] or Annotated[T, As(convert, name)]"
        )
    return found


def type_name(annotation: Any) -> str:
    """How an annotation is called in the reference.

    >>> from cfgdsl.core.values import Mode
    >>> type_name(Mode | None)
    'mode'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = [m for m in arguments[1:] if isinstance(m, As)]
        return marks[0].shown if marks else type_name(arguments[0])
    if origin in {Union, types.UnionType}:
        return " or ".join(type_name(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return ", ".join(map(repr, arguments))
    if origin is tuple:
        return f"list of {type_name(arguments[0])}"
    names = {str: "text", int: "integer", float: "number", bool: "bool", Any: "anything"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _of_class(annotation: Any) -> Convert | None:
    if annotation in {Any, object}:
        return lambda value: value
    if annotation is str:
        return plain_text
    if isinstance(annotation, type) and annotation not in {list, dict, set, tuple}:
        return _plain(annotation)
    return None


def _plain(kind: type) -> Convert:
    def convert(value: object) -> object:
        if kind is float and type(value) is int:
            return float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise must_be(_WORDS.get(kind, kind.__name__), value)
        return value

    return convert


def _either(choices: tuple[Any, ...]) -> Convert:
    optional = type(None) in choices
    converters = [converter_for(c) for c in choices if c is not type(None)]
    if len(converters) == 1:
        return _optional(converters[0])

    def convert(value: object) -> object:
        if value is None and optional:
            return None
        problems = []
        for attempt in converters:
            try:
                return attempt(value)
            except ValueError as error:
                problems.append(str(error))
        raise ValueError(" or ".join(dict.fromkeys(problems)))

    return convert


def _optional(converter: Convert) -> Convert:
    return lambda value: None if value is None else converter(value)


def _one_of(choices: tuple[Any, ...]) -> Convert:
    def convert(value: object) -> object:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise must_be(f"one of {', '.join(map(repr, choices))}", value)

    return convert


def _each(convert_item: Convert) -> Convert:
    def convert(value: object) -> object:
        if not isinstance(value, list | tuple | set | frozenset):
            raise must_be("a list", value)
        items: Iterable[Any] = (convert_item(item) for item in value)
        return tuple(sorted(items) if isinstance(value, set | frozenset) else items)

    return convert
