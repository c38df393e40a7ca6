"""`cfgdsl drift`."""

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED, PENDING
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.drift import drift_lines
from cfgdsl.cli.terminal import Terminal


@guarded
def drift_command(
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    tags: o.Tags = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Show what has changed on hosts since it was applied, apart from what the code has changed.

    Exit code 3 when something has.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("looking", project, limit)
        with terminal.live(progress.rows, unless=as_json):
            listen = watching(progress, terminal)
            plan = project.plan(limit=limit, tags=o.split_tags(tags), listen=listen)
    if as_json:
        terminal.data(documents.plan_document(plan))
    else:
        terminal.show(drift_lines(plan, terminal.view))
    if not plan.ok:
        return FAILED
    return PENDING if any(host.corrective for host in plan.summaries) else DONE
