"""`cfgdsl run`."""

import shlex
from typing import Annotated

import typer

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.listing import command_lines
from cfgdsl.cli.terminal import Terminal
from cfgdsl.engine.ad_hoc import CommandResult

_Command = Annotated[
    str, typer.Argument(metavar="COMMAND", help="One argument: 'systemctl is-active nginx'.")
]
_Shell = Annotated[
    bool, typer.Option("--shell", help="Give it to sh -c: pipes, variables, wildcards.")
]
_Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.1, help="End it on a host after so long."),
]


@guarded
def run_command(
    command: _Command,
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    shell: _Shell = False,
    timeout: _Timeout = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Run a command on many hosts at once, and show what it printed.

    It is split into arguments as a shell would, and no shell runs unless --shell is given. Hosts
    where it printed the same are shown together. Exits with 1 if it failed anywhere.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    argv = ["sh", "-c", command] if shell else _split(command)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("running on", project, limit)
        listen = watching(progress, terminal)
        with terminal.live(progress.rows, unless=as_json):
            results = project.run(argv, limit=limit, timeout=timeout, listen=listen)
    if as_json:
        terminal.data(documents.results_document(results))
    else:
        terminal.show(command_lines(results, terminal.view))
    return DONE if all(_well(result) for result in results.values()) else FAILED


def _well(result: object) -> bool:
    return isinstance(result, CommandResult) and result.exit == 0


def _split(command: str) -> list[str]:
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="COMMAND") from None
    if not argv:
        raise typer.BadParameter("it is empty", param_hint="COMMAND")
    return argv
