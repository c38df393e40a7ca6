"""`cfgdsl apply`."""

from functools import partial

import attrs
import typer

from cfgdsl.cli import options as o
from cfgdsl.cli.approval import Approval, Rollout, Work, planned, prepared
from cfgdsl.cli.exit_codes import DONE, FAILED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, opened_plan
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.cli.text import listed
from cfgdsl.core.plan import Plan
from cfgdsl.engine.planfile import is_plan_file
from cfgdsl.engine.project import Project


@guarded
def apply_command(
    file: o.ConfigOrPlan = o.DEFAULT_FILE,
    *,
    trust: o.Trust = None,
    limit: o.Limit = None,
    tags: o.Tags = None,
    allow_drops: o.AllowDrops = 0,
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
    """Plan, show the plan, ask, execute exactly that plan, and prove each change.

    A plan that `plan --out FILE` saved is executed as it is: the configuration is not run again.
    Without a terminal there is nobody to ask: then --yes is needed, as it is with --json.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    screen = prepared(terminal, yes=yes, as_json=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    rollout = Rollout(first, max_failures)
    is_saved = is_plan_file(file)
    _refuse_what_does_not_go_together(is_saved=is_saved, limit=limit, tags=tags, trust=trust)
    if is_saved:
        with opened_plan(file, trust, terminal, connections) as saved:
            screen.read(saved.plan)
            work = Work(lambda _, listen: rollout.of(saved.apply, listen), saved.stop)
            return Approval(work, terminal, screen, yes=yes).of(saved.plan)
    with opened(file, terminal, connections) as project:
        approval = Approval(Work.on(project, rollout), terminal, screen, yes=yes)
        return _Apply(project, approval, limit, o.split_tags(tags), allow_drops).run()


def _refuse_what_does_not_go_together(
    *, is_saved: bool, limit: str | None, tags: list[str] | None, trust: str | None
) -> None:
    for name, value in (("--limit", limit), ("--tags", tags)):
        if is_saved and value:
            raise typer.BadParameter("a saved plan is executed as a whole", param_hint=name)
    if trust is not None and not is_saved:
        raise typer.BadParameter("only a saved plan has a signature", param_hint="--trust")


@attrs.frozen
class _Apply:
    """Plans, and applies that; and again where hosts had to be made ready first."""

    project: Project
    approval: Approval
    limit: str | None
    tags: tuple[str, ...]
    allow_drops: int

    def run(self) -> int:
        plan = self._plan()
        code = self.approval.of(plan)
        readied = {host.host for host in plan.summaries if host.bootstrap}
        if code != DONE or not readied:
            return code
        self.approval.screen.say("\nPlanning anew, now that every host should have a Python.")
        plan = self._plan()
        still = sorted(readied & {host.host for host in plan.summaries if host.bootstrap})
        if still:
            told = f"Still without a Python: {listed(still, 6)}."
            self.approval.terminal.complain(words(told))
            return FAILED
        return self.approval.of(plan)

    def _plan(self) -> Plan:
        make = partial(self.project.plan, tags=self.tags, allow_drops=self.allow_drops)
        approval = self.approval
        return planned(make, self.project, approval.terminal, approval.screen, self.limit)
