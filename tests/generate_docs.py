"""Writes what docs/ has from the code: `make docs`. A test fails when it is stale."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from cfgdsl.cli.reference import FieldReference, TypeReference, common_fields, describe
from cfgdsl.core.resource import registry

DOCS = Path(__file__).parents[1] / "docs"


def resources_page() -> str:
    """The reference of the standard library's resource types."""
    standard = importlib.import_module("cfgdsl_stdlib")
    names = {getattr(standard, name).kind for name in standard.__all__}
    types = sorted((describe(registry[kind]) for kind in names), key=lambda t: t.name)
    head = [
        "# Resource types",
        "",
        "Generated from the code by `make docs`. `cfgdsl types NAME` shows the same on a terminal.",
        "",
        "A field without a default must be given. *key* fields identify the resource, *state*",
        "fields are observed and compared, *how* fields only say how to apply. A state field that",
        "is left `None` is not managed.",
        "",
        *(f"- [{t.name}](#{t.name.lower()}): {t.summary}" for t in types),
        "",
    ]
    body = [line for reference in types for line in _section(reference)]
    common = ["## What every resource takes", "", *_fields(common_fields())]
    return "\n".join([*head, *body, *common]) + "\n"


def _section(reference: TypeReference) -> Iterator[str]:
    yield f"## {reference.name}"
    yield ""
    in_example = False
    for line in reference.doc.splitlines():
        if line.strip().startswith("Example:"):
            in_example = True
            yield "```pycon"
        elif in_example:
            yield line.removeprefix("    ")
        else:
            yield line
    if in_example:
        yield "```"
    yield ""
    yield from _fields(reference.fields)
    yield ""
    if reference.outputs:
        yield "It brings, for other resources to use:"
        yield ""
        for output in reference.outputs:
            yield f"- `{output.name}`: {output.doc}"
        yield ""


def _fields(fields: tuple[FieldReference, ...]) -> Iterator[str]:
    yield "| field | type | default | role | |"
    yield "|---|---|---|---|---|"
    for field in fields:
        default = "" if field.default is None else f"`{field.default}`"
        doc = field.doc.replace("``", "`").replace("|", "\\|")
        yield f"| `{field.name}` | {field.type} | {default} | {field.role} | {doc} |"


def main() -> None:
    """Write every generated page."""
    DOCS.joinpath("resources.md").write_text(resources_page())


if __name__ == "__main__":
    main()
