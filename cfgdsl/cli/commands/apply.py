"""`cfgdsl apply`."""

import attrs
import typer

from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED, INTERRUPTED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.interrupt import draining
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.progress import Progress
from cfgdsl.cli.screens import ForPeople, ForPrograms, Screen
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.cli.text import counted, listed
from cfgdsl.core.plan import Plan
from cfgdsl.engine.events import Event, Listener
from cfgdsl.engine.project import Project


@guarded
def apply_command(
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    tags: o.Tags = None,
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

    Without a terminal there is nobody to ask: then --yes is needed, as it is with --json.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    if not yes and (as_json or not terminal.is_interactive):
        raise typer.BadParameter("nobody can be asked here: add --yes", param_hint="--yes")
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        return _Apply(
            project=project,
            terminal=terminal,
            screen=ForPrograms(terminal) if as_json else ForPeople(terminal),
            limit=limit,
            tags=o.split_tags(tags),
            yes=yes,
            first=first,
            max_failures=max_failures,
        ).run()


@attrs.frozen(kw_only=True)
class _Apply:
    """One apply: plan, approve, execute; and again where hosts had to be made ready first."""

    project: Project
    terminal: Terminal
    screen: Screen
    limit: str | None
    tags: tuple[str, ...]
    yes: bool
    first: int | None
    max_failures: str | None

    def run(self) -> int:
        plan = self._plan()
        code = self._approve_and_execute(plan)
        readied = {host.host for host in plan.hosts if host.bootstrap}
        if code != DONE or not readied:
            return code
        self.screen.say("\nPlanning anew, now that every host should have a Python.")
        plan = self._plan()
        still = sorted(readied & {host.host for host in plan.hosts if host.bootstrap})
        if still:
            self.terminal.complain(words(f"Still without a Python: {listed(still, 6)}."))
            return FAILED
        return self._approve_and_execute(plan)

    def _plan(self) -> Plan:
        progress = progress_of("planning", self.project, self.limit)
        listen = _both(watching(progress, self.terminal), self.screen.heard)
        with self.terminal.live(progress.rows, unless=not self.screen.is_moving):
            plan = self.project.plan(limit=self.limit, tags=self.tags, listen=listen)
        self.screen.planned(plan)
        return plan

    def _approve_and_execute(self, plan: Plan) -> int:
        if not plan.steps:
            self.screen.ended(None, plan, 0.0)
            return DONE if plan.ok else FAILED
        if not self.yes and not self.terminal.confirm(_question(plan)):
            self.screen.say("Nothing was changed.")
            return FAILED
        return self._execute(plan)

    def _execute(self, plan: Plan) -> int:
        progress = Progress.of_plan(plan)
        self.screen.begun(plan)

        def tell(pressed: int) -> None:
            progress.note = "stopping" if pressed == 1 else "interrupting"
            self.terminal.complain(words(_STOPPING[pressed]))

        with draining(self.project.stop, tell) as pressed, self.terminal.carrying_on():
            with self.terminal.live(progress.rows, unless=not self.screen.is_moving):
                run = self.project.apply(
                    plan,
                    first=self.first,
                    max_failures=self.max_failures,
                    listen=_both(progress, self.screen.heard),
                )
            self.screen.ended(run, plan, progress.seconds)
            if pressed():
                return INTERRUPTED
        return DONE if run.ok and plan.ok else FAILED


_STOPPING = {
    1: "Stopping: finishing what has begun. Ctrl-C again interrupts that.",
    2: "Interrupting what still runs. Ctrl-C again leaves at once.",
}


def _both(first: Listener, second: Listener) -> Listener:
    def listen(event: Event) -> None:
        first(event)
        second(event)

    return listen


def _question(plan: Plan) -> str:
    hosts = sum(bool(host.steps) for host in plan.hosts)
    left_out = sum(bool(host.problems) for host in plan.hosts)
    but = f", leaving out {left_out} that cannot be planned" if left_out else ""
    return f"Apply this to {counted(hosts, 'host')}{but}?"
