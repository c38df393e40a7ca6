"""`cfgdsl plan`."""

import shlex

import typer

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED, PENDING
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.plan import plan_lines
from cfgdsl.cli.terminal import Terminal, words


@guarded
def plan_command(
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    tags: o.Tags = None,
    allow_drops: o.AllowDrops = 0,
    out: o.Out = None,
    sign: o.Sign = None,
    detailed_exitcode: o.DetailedExitcode = False,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Show what apply would change; change nothing.

    With --out, `apply FILE` executes exactly that later, without running the configuration again.
    """
    if sign is not None and out is None:
        raise typer.BadParameter("only a plan in a file is signed: add --out", param_hint="--sign")
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("planning", project, limit)
        listen = watching(progress, terminal)
        with terminal.live(progress.rows, unless=as_json):
            plan = project.plan(
                limit=limit, tags=o.split_tags(tags), allow_drops=allow_drops, listen=listen
            )
        if as_json:
            terminal.data(documents.plan_document(plan))
        else:
            terminal.show(plan_lines(plan, terminal.view))
        if out is not None:
            project.save(plan, out, sign=sign)
            if not as_json:
                told = f"Saved. To execute exactly this: cfgdsl apply {shlex.quote(str(out))}"
                terminal.show([(), *words(told)])
    if not plan.ok:
        return FAILED
    return PENDING if detailed_exitcode and not plan.is_empty else DONE
