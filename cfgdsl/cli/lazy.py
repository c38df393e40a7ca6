"""Commands whose modules are imported when they are run: `--help` must not pay for all of them."""

import importlib
import keyword
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class LazyCommand(TyperCommand):
    """Stands for ``cfgdsl.cli.commands.<name>`` in lists, and becomes it when it is invoked."""

    def __init__(self, name: str, short_help: str) -> None:
        super().__init__(name, help=short_help, short_help=short_help, rich_markup_mode=None)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The context of the real command; everything that runs or completes one begins here."""
        return self._real().make_context(*args, **kwargs)

    def _real(self) -> TyperCommand:
        name = f"{self.name}_" if keyword.iskeyword(str(self.name)) else self.name
        module = importlib.import_module(f"cfgdsl.cli.commands.{name}")
        app = typer.Typer(
            add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        app.command(self.name)(getattr(module, f"{self.name}_command"))
        return cast("TyperCommand", get_command(app))


def group_of(app: typer.Typer, commands: dict[str, str]) -> TyperGroup:
    """`app` with `commands`: names and what each is for."""
    group = cast("TyperGroup", get_command(app))
    for name, purpose in commands.items():
        group.add_command(LazyCommand(name, purpose))
    return group
