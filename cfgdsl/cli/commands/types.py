"""`cfgdsl types`."""

import difflib
from pathlib import Path
from typing import Annotated

import attrs
import typer

import cfgdsl
from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import STANDARD, standard_types
from cfgdsl.cli.reference import TypeReference, common_fields, describe
from cfgdsl.cli.render.types import type_list, type_page
from cfgdsl.cli.terminal import Terminal
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.resource import registry

_Type = Annotated[str | None, typer.Argument(metavar="TYPE", help="File, Package, ...")]
_File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="A configuration with types of its own.")
]


@guarded
def types_command(
    name: _Type = None,
    file: _File = None,
    *,
    as_json: o.Json = False,
    no_color: o.NoColor = False,
) -> int:
    """Show the resource types and their fields: all of them briefly, or one in full."""
    terminal = Terminal(no_color=no_color, for_programs=as_json)
    with terminal.running_code():
        found = _known(file)
    chosen = found if name is None else [_named(name, found)]
    if as_json:
        common = [attrs.asdict(field) for field in common_fields()]
        types = [attrs.asdict(each) for each in chosen]
        terminal.data(documents.document({"types": types, "common": common}))
    elif name is None:
        terminal.show(type_list(found, terminal.view))
    else:
        terminal.show(type_page(chosen[0], common_fields(), terminal.view))
    return DONE


def _known(file: Path | None) -> list[TypeReference]:
    """Every type that is registered once the standard library, and the file, are loaded."""
    standard_types()
    if file is not None:
        cfgdsl.load(file).close()
    described = [describe(cls) for cls in registry.values()]
    return sorted(described, key=lambda each: (each.package != STANDARD, each.name))


def _named(name: str, found: list[TypeReference]) -> TypeReference:
    for each in found:
        if name.lower() in {each.name.lower(), each.kind.lower()}:
            return each
    near = difflib.get_close_matches(name, [each.name for each in found], n=1)
    hint = f"Did you mean {near[0]}?" if near else "`cfgdsl types` lists them."
    raise ConfigurationError(Diagnostic(summary=f"no resource type is called {name!r}", hint=hint))
