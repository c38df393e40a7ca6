"""`cfgdsl import`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, standard_types
from cfgdsl.cli.render.diagnostics import diagnostic_lines
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.core.importing import module

_Host = Annotated[str, typer.Argument(metavar="HOST", help="A host of the configuration.")]
_Things = Annotated[
    list[str],
    typer.Argument(metavar="KIND:NAME", help="user:deploy, file:/etc/motd, package:nginx, ..."),
]
_From = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The module that has the host.")
]
_Into = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write it there; long contents beside it."),
]


@guarded
def import_command(
    host: _Host,
    things: _Things,
    *,
    config: _From = o.DEFAULT_FILE,
    out: _Into = None,
    as_json: o.Json = False,
    no_color: o.NoColor = False,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Write code for what a host has already, so that the first plan of it is empty.

    Nothing that is imported is ever deleted because its declaration goes away again.
    """
    terminal = Terminal(no_color=no_color, for_programs=as_json)
    standard_types()
    connections = Connections(1, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(config, terminal, connections) as project:
        result = project.import_from(host, things)
    text = module(result)
    if out is not None:
        written = _write(out, text, result.files)
        terminal.show(words(f"Wrote {', '.join(map(str, written))}."))
    elif as_json:
        files = {name: data.decode(errors="replace") for name, data in result.files.items()}
        terminal.data(documents.document({"code": text, "files": files}))
    else:
        terminal.data(text)
        if result.files:
            terminal.complain(words(f"Needs files too: --out writes {', '.join(result.files)}."))
    for problem in result.problems:
        terminal.complain(diagnostic_lines(problem, terminal.view, title="Not imported"))
    return FAILED if result.problems else DONE


def _write(out: Path, text: str, files: Mapping[str, bytes]) -> list[Path]:
    """Never over a file that is there."""
    wanted = {out: text.encode(), **{out.parent / name: data for name, data in files.items()}}
    for path in wanted:
        if path.exists():
            raise typer.BadParameter(f"{path} is there already", param_hint="--out")
    for path, data in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return list(wanted)
