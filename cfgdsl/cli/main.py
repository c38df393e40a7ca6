"""The entry point of `cfgdsl`: its commands, and what each is for."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import cfgdsl
from cfgdsl.cli.exit_codes import INTERRUPTED
from cfgdsl.cli.lazy import group_of

COMMANDS = {
    "init": "Write a first infra.py, and a test for it.",
    "plan": "Show what apply would change; change nothing.",
    "show": "Show a saved plan.",
    "apply": "Plan, or take a saved plan; ask, make the changes, and prove them.",
    "drift": "Show what has changed on hosts since it was applied.",
    "destroy": "Take away all that was made, and put back what was there before.",
    "rollback": "Bring hosts back to how they were before a run.",
    "history": "Show the runs that hosts remember.",
    "import": "Write code for what a host has already.",
    "facts": "Show what hosts say of themselves.",
    "graph": "Show resources and what comes before what.",
    "why": "Explain why one resource comes before another.",
    "run": "Run a command on many hosts at once.",
    "types": "Show the resource types and their fields.",
}

_app = typer.Typer(
    name="cfgdsl",
    help="Configure fleets of Linux hosts from plain, typed Python.",
    epilog="Exit codes: 0 done, 1 something failed or you declined, 2 the command line, the "
    "configuration or a plan file is wrong, 3 changes are pending (plan --detailed-exitcode), "
    "130 Ctrl-C.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cfgdsl {cfgdsl.__version__}")
        raise typer.Exit


@_app.callback(no_args_is_help=True)
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(50_000, 20, 100)  # plans are many values without cycles: 700 is for others
    _complete_streams()
    sys.exit(run(sys.argv[1:]))


def _complete_streams() -> None:
    """Started with a stream closed (``>&-``), Python has none there: then nobody is listening."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nobody = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, nobody)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    try:
        group_of(_app, COMMANDS)(list(arguments), prog_name="cfgdsl")
    except SystemExit as end:
        code = end.code
        return code if isinstance(code, int) else 0 if code is None else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
