"""The reference of resource types, read from the code: docs of the class and of each field."""

import ast
import inspect
import textwrap
import typing
from collections.abc import Iterator
from itertools import pairwise

import attrs

from cfgdsl.core.converters import type_name
from cfgdsl.core.fields import REQUIRED
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource, ResourceType
from cfgdsl.core.slots import Slot


@attrs.frozen(kw_only=True)
class FieldReference:
    """One argument of a resource type."""

    name: str
    type: str
    doc: str
    default: str | None
    """As one would write it; None: it must be given."""
    role: str
    """`key`, `state` (observed and compared) or `how` (only says how to apply)."""
    positional: bool


@attrs.frozen(kw_only=True)
class OutputReference:
    """One output of a resource type."""

    name: str
    doc: str


@attrs.frozen(kw_only=True)
class TypeReference:
    """One resource type."""

    name: str
    """The class, as configurations import it."""
    kind: str
    """The first part of identities."""
    package: str
    doc: str
    fields: tuple[FieldReference, ...]
    """Its own ones."""
    outputs: tuple[OutputReference, ...]
    """What it brings, for other resources to use."""

    @property
    def summary(self) -> str:
        """The first sentence of its documentation."""
        first = " ".join(self.doc.partition("\n\n")[0].split())
        sentence, stop, _ = first.partition(". ")
        return sentence + stop.strip()


def describe(cls: ResourceType) -> TypeReference:
    """The reference of one type."""
    docs = dict(_field_docs(cls))
    common = Resource.fields_.by_name
    return TypeReference(
        name=cls.__name__,
        kind=cls.kind,
        package=cls.__module__.partition(".")[0],
        doc=inspect.getdoc(cls) or "",
        fields=tuple(_field(s, docs) for s in cls.slots_ if s.name not in common),
        outputs=tuple(_outputs(cls)),
    )


def _outputs(cls: ResourceType) -> Iterator[OutputReference]:
    """The properties that return an `Output`."""
    for name, member in inspect.getmembers(cls, lambda m: isinstance(m, property)):
        returned = inspect.get_annotations(member.fget, eval_str=True).get("return")
        if name[0] != "_" and typing.get_origin(returned) is Output:
            doc = " ".join((inspect.getdoc(member) or "").split())
            yield OutputReference(name=name, doc=doc)


def common_fields() -> tuple[FieldReference, ...]:
    """What every resource takes."""
    docs = dict(_field_docs(Resource))
    return tuple(_field(slot, docs) for slot in Resource.slots_)


def _field(slot: Slot, docs: dict[str, str]) -> FieldReference:
    spec = slot.spec
    return FieldReference(
        name=slot.name,
        type=type_name(slot.annotation),
        doc=docs.get(slot.name, ""),
        default=None if spec.default is REQUIRED else repr(spec.default),
        role="key" if spec.is_key else "how" if spec.how else "state",
        positional=not spec.kw_only,
    )


def _field_docs(cls: type) -> Iterator[tuple[str, str]]:
    """The text below each field; Python keeps none, so the source is asked."""
    for base in reversed(cls.__mro__):
        if isinstance(base, ResourceType):
            try:
                source = textwrap.dedent(inspect.getsource(base))
            except (OSError, TypeError):  # a type that was made without a file
                continue
            body = ast.parse(source).body[0]
            yield from _docs_in(body.body if isinstance(body, ast.ClassDef) else [])


def _docs_in(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, below in pairwise(body):
        match statement, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(inspect.cleandoc(text).split())
