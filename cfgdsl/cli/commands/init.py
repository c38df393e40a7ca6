"""`cfgdsl init`."""

from pathlib import Path
from typing import Annotated

import typer

from cfgdsl.cli import first_config
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.host import Host

_Host = Annotated[
    str | None,
    typer.Option("--host", metavar="NAME", help="Configure this host, instead of a folder here."),
]


@guarded
def init_command(
    file: o.ConfigFile = o.DEFAULT_FILE, *, host: _Host = None, no_color: o.NoColor = False
) -> int:
    """Write a first infra.py, and a test for it. What exists is never overwritten.

    Without --host it configures a folder beside it: nothing else is touched, and no root is needed.
    """
    terminal = Terminal(no_color=no_color)
    if host is not None:
        Host(host)  # raises what is wrong with the name
    test = file.parent / "tests" / f"test_{file.stem}.py"
    for path in (file, test):
        if path.exists() or path.is_symlink():
            raise ConfigurationError(
                Diagnostic(
                    summary=f"{path} exists already",
                    hint="Name another file: `cfgdsl init other.py`.",
                )
            )
    if host is None:
        (file.parent / first_config.DEMO).mkdir(parents=True, exist_ok=True)
    _write(file, first_config.configuration(file, host))
    _write(test, first_config.test(file, host))
    terminal.show(words(f"Wrote {file} and {test}."))
    named = "" if file == o.DEFAULT_FILE else f" {file}"
    terminal.show(words(f"Next: cfgdsl plan{named}, cfgdsl apply{named}, and pytest {test}."))
    return DONE


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise ConfigurationError(
            Diagnostic(summary=f"cannot write {path}: {error.strerror}")
        ) from None
