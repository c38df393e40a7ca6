"""`cfgdsl destroy`."""

from cfgdsl.cli import options as o
from cfgdsl.cli.approval import Approval, Rollout, Work, planned, prepared
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened
from cfgdsl.cli.terminal import Terminal


@guarded
def destroy_command(
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    yes: o.Yes = False,
    first: o.First = None,
    max_failures: o.MaxFailures = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Take away all that was made on the hosts; put back as it was what was there before.

    What that is stands in the records of the hosts. It is shown, and asked for, like any plan.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    screen = prepared(terminal, yes=yes, as_json=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    rollout = Rollout(first, max_failures)
    with opened(file, terminal, connections) as project:
        plan = planned(project.plan_destroy, project, terminal, screen, limit)
        return Approval(Work.on(project, rollout), terminal, screen, yes=yes).of(plan)
