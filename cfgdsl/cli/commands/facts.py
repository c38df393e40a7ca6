"""`cfgdsl facts`."""

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.listing import fact_lines
from cfgdsl.cli.terminal import Terminal


@guarded
def facts_command(
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
    """Show what hosts say of themselves: what host.facts has in a configuration."""
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("asking", project, limit)
        listen = watching(progress, terminal)
        with terminal.live(progress.rows, unless=as_json):
            found = project.facts(limit=limit, listen=listen)
    if as_json:
        terminal.data(documents.results_document(found))
    else:
        terminal.show(fact_lines(found, terminal.view))
    return FAILED if any(isinstance(each, tuple) for each in found.values()) else DONE
