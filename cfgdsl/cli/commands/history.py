"""`cfgdsl history`."""

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.history import history_lines
from cfgdsl.cli.terminal import Terminal
from cfgdsl.core.errors import Diagnostic


@guarded
def history_command(
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Show the runs that hosts remember, the newest last: when, by whom, from which commit."""
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("asking", project, limit)
        with terminal.live(progress.rows, unless=as_json):
            found = project.history(limit=limit, listen=watching(progress, terminal))
    if as_json:
        terminal.data(documents.answers_document(found))
    else:
        terminal.show(history_lines(found, terminal.view))
    failed = any(isinstance(each, Diagnostic) for told in found.values() for each in told)
    return FAILED if failed else DONE
