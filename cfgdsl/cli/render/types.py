"""The reference of resource types, as text."""

from collections.abc import Iterator, Sequence

from cfgdsl.cli.reference import FieldReference, TypeReference
from cfgdsl.cli.text import Line, Span, line, padded, wrapped
from cfgdsl.cli.view import View


def type_list(types: Sequence[TypeReference], view: View) -> Iterator[Line]:
    """Every type and what it is, by the package that it comes from."""
    column = max((len(each.name) for each in types), default=0)
    for package in dict.fromkeys(each.package for each in types):
        yield line(Span(package, "heading"))
        for each in types:
            if each.package == package:
                yield from _entry(each.name, each.summary, column, view)
        yield ()
    yield line(Span("`cfgdsl types File` explains one.", "dim"))


def _entry(name: str, text: str, column: int, view: View) -> Iterator[Line]:
    indent = " " * (column + 4)
    first, *others = wrapped(text, view.width, indent=indent) or [line(indent)]
    head = first[0].text.removeprefix(indent) if first else ""
    yield line("  ", padded(name, column), "  ", Span(head, "dim"))
    yield from (tuple(Span(span.text, "dim") for span in each) for each in others)


def type_page(
    described: TypeReference, common: Sequence[FieldReference], view: View
) -> Iterator[Line]:
    """One type: what it is, how it is written, every field."""
    yield line(Span(described.name, "heading"), f"  {described.kind}:KEY")
    yield ()
    yield from (line(text) for text in described.doc.splitlines())
    yield ()
    yield line(Span(_call(described), "run"))
    yield ()
    for each in described.fields:
        yield from _field(each, view)
    yield ()
    if described.outputs:
        yield line(Span("It brings, for other resources to use:", "heading"))
        for output in described.outputs:
            yield line("  ", Span(output.name, "create"))
            yield from wrapped(output.doc, view.width, indent="      ")
        yield ()
    yield line(Span("Every resource also takes:", "heading"))
    for each in common:
        yield from _field(each, view)


def _call(described: TypeReference) -> str:
    given = [f for f in described.fields if f.positional or f.default is None]
    shown = [f.name if f.positional else f"{f.name}=..." for f in given]
    return f"{described.name}({', '.join([*shown, '...'])})"


def _field(field: FieldReference, view: View) -> Iterator[Line]:
    notes = [field.type]
    if field.role == "key":
        notes.append("identifies it")
    if field.default is None:
        notes.append("required")
    elif field.default != "None":
        notes.append(f"default {field.default}")
    yield line("  ", Span(field.name, "create"), Span(f"  {', '.join(notes)}", "dim"))
    yield from wrapped(field.doc, view.width, indent="      ")
