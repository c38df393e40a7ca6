"""`cfgdsl show`."""

import re
from pathlib import Path
from typing import Annotated

import typer

import cfgdsl
from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.plan import plan_lines
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.core.errors import ConfigurationError, Diagnostic

_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\Z")
_What = Annotated[
    str, typer.Argument(metavar="PLAN|RUN", help="A saved plan, or the id of a run: see history.")
]
_Config = Annotated[
    Path, typer.Argument(metavar="FILE", help="For a RUN: the configuration module.")
]


@guarded
def show_command(
    what: _What,
    file: _Config = o.DEFAULT_FILE,
    *,
    trust: o.Trust = None,
    limit: o.Limit = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Show a saved plan, as `plan` showed it, or what a past run did on the hosts.

    A plan that was changed or cut off since it was saved is refused; no connection is made for it.
    A run is asked for on the hosts of the configuration, which remember it.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    if not _RUN.match(what):
        return _show_plan(Path(what), trust, terminal, as_json=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("asking", project, limit)
        with terminal.live(progress.rows, unless=as_json):
            found = project.past_steps(what, limit=limit, listen=watching(progress, terminal))
    if not any(found.values()):
        hint = "`cfgdsl history` lists the runs that hosts know."
        raise ConfigurationError(Diagnostic(summary=f"no host knows a run {what}", hint=hint))
    if as_json:
        terminal.data(documents.answers_document(found))
    else:
        from cfgdsl.cli.render.history import past_lines  # noqa: PLC0415 - plans do not need it

        terminal.show(past_lines(what, found, terminal.view))
    failed = any(isinstance(each, Diagnostic) for told in found.values() for each in told)
    return FAILED if failed else DONE


def _show_plan(file: Path, trust: str | None, terminal: Terminal, *, as_json: bool) -> int:
    saved = cfgdsl.load_plan(file, trust=trust, only_to_show=True)
    if as_json:
        terminal.data(documents.plan_document(saved.plan))
        return DONE
    terminal.show(plan_lines(saved.plan, terminal.view))
    if saved.signed_by is not None:
        terminal.show(words(f"Signed by {saved.signed_by}."))
    return DONE
