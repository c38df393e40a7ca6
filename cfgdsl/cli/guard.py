"""Around every command: from what it raises to one clear message and the right exit code."""

import functools
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

import typer

from cfgdsl.cli import documents
from cfgdsl.cli.exit_codes import FAILED, INTERRUPTED, USAGE
from cfgdsl.cli.render.diagnostics import problem_lines
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.core.errors import CfgdslError, TargetError

P = ParamSpec("P")


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """`command`, whose result becomes the exit code; nothing that a user can do wrong tracebacks.

    A reader of standard output that has gone (`| head`) is left to typer, which ends quietly.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.BadParameter, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            Terminal().complain(words("Interrupted."))
            code = INTERRUPTED
        except Exception as error:  # noqa: BLE001 - whatever it is, the user must understand it
            code = _explained(error, **kwargs)
        raise typer.Exit(code)

    return run


def _explained(error: Exception, **flags: object) -> int:
    terminal = Terminal(no_color=bool(flags.get("no_color")), verbose=bool(flags.get("verbose")))
    if isinstance(error, CfgdslError):
        terminal.complain(problem_lines(error.diagnostics, terminal.view))
        if flags.get("as_json"):
            terminal.data(documents.problems_document(error.diagnostics))
        return FAILED if isinstance(error, TargetError) else USAGE
    for part in traceback.format_exception(error):
        terminal.complain(words(part.rstrip("\n")))
    terminal.complain(words("This is a bug in cfgdsl: please report it with the lines above."))
    return FAILED
