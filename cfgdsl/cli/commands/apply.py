"""`cfgdsl apply`."""

from collections.abc import Callable
from functools import partial

import attrs
import typer

from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE, FAILED, INTERRUPTED
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.interrupt import draining
from cfgdsl.cli.opening import Connections, opened, opened_plan, progress_of, watching
from cfgdsl.cli.progress import Progress
from cfgdsl.cli.screens import ForPeople, ForPrograms, Screen
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.cli.text import counted, listed
from cfgdsl.core.plan import Plan
from cfgdsl.engine.events import Event, Listener
from cfgdsl.engine.planfile import is_plan_file
from cfgdsl.engine.project import Project
from cfgdsl.engine.run import Run


@guarded
def apply_command(
    file: o.ConfigOrPlan = o.DEFAULT_FILE,
    *,
    trust: o.Trust = None,
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

    A plan that `plan --out FILE` saved is executed as it is: the configuration is not run again.
    Without a terminal there is nobody to ask: then --yes is needed, as it is with --json.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    if not yes and (as_json or not terminal.is_interactive):
        raise typer.BadParameter("nobody can be asked here: add --yes", param_hint="--yes")
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    screen = ForPrograms(terminal) if as_json else ForPeople(terminal)
    rollout = _Rollout(first, max_failures)
    is_saved = is_plan_file(file)
    _refuse_what_does_not_go_together(is_saved=is_saved, limit=limit, tags=tags, trust=trust)
    if is_saved:
        with opened_plan(file, trust, terminal, connections) as saved:
            screen.read(saved.plan)
            work = _Work(lambda _, listen: rollout.of(saved.apply, listen), saved.stop)
            return _Approval(work, terminal, screen, yes=yes).of(saved.plan)
    with opened(file, terminal, connections) as project:

        def execute(plan: Plan, listen: Listener) -> Run:
            return rollout.of(partial(project.apply, plan), listen)

        approval = _Approval(_Work(execute, project.stop), terminal, screen, yes=yes)
        return _Apply(project, approval, limit, o.split_tags(tags)).run()


def _refuse_what_does_not_go_together(
    *, is_saved: bool, limit: str | None, tags: list[str] | None, trust: str | None
) -> None:
    for name, value in (("--limit", limit), ("--tags", tags)):
        if is_saved and value:
            raise typer.BadParameter("a saved plan is executed as a whole", param_hint=name)
    if trust is not None and not is_saved:
        raise typer.BadParameter("only a saved plan has a signature", param_hint="--trust")


@attrs.frozen
class _Rollout:
    """How far to go at once, and how many hosts may fail."""

    first: int | None
    max_failures: str | None

    def of(self, apply: Callable[..., Run], listen: Listener) -> Run:
        return apply(first=self.first, max_failures=self.max_failures, listen=listen)


@attrs.frozen
class _Work:
    """What is approved: how a plan is executed, and how that is stopped."""

    execute: Callable[[Plan, Listener], Run]
    stop: Callable[[], None]


@attrs.frozen
class _Approval:
    """Asks, and executes what was approved."""

    work: _Work
    terminal: Terminal
    screen: Screen
    yes: bool = attrs.field(kw_only=True)

    def of(self, plan: Plan) -> int:
        """The exit code."""
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

        with draining(self.work.stop, tell) as pressed, self.terminal.carrying_on():
            with self.terminal.live(progress.rows, unless=not self.screen.is_moving):
                run = self.work.execute(plan, _both(progress, self.screen.heard))
            self.screen.ended(run, plan, progress.seconds)
            if pressed():
                return INTERRUPTED
        return DONE if run.ok and plan.ok else FAILED


@attrs.frozen
class _Apply:
    """Plans, and applies that; and again where hosts had to be made ready first."""

    project: Project
    approval: _Approval
    limit: str | None
    tags: tuple[str, ...]

    def run(self) -> int:
        plan = self._plan()
        code = self.approval.of(plan)
        readied = {host.host for host in plan.hosts if host.bootstrap}
        if code != DONE or not readied:
            return code
        self.approval.screen.say("\nPlanning anew, now that every host should have a Python.")
        plan = self._plan()
        still = sorted(readied & {host.host for host in plan.hosts if host.bootstrap})
        if still:
            told = f"Still without a Python: {listed(still, 6)}."
            self.approval.terminal.complain(words(told))
            return FAILED
        return self.approval.of(plan)

    def _plan(self) -> Plan:
        terminal, screen = self.approval.terminal, self.approval.screen
        progress = progress_of("planning", self.project, self.limit)
        listen = _both(watching(progress, terminal), screen.heard)
        with terminal.live(progress.rows, unless=not screen.is_moving):
            plan = self.project.plan(limit=self.limit, tags=self.tags, listen=listen)
        screen.planned(plan)
        return plan


_STOPPING = {
    1: "Stopping: finishing what has begun. Ctrl-C again interrupts that.",
    2: "Interrupting what still runs. Ctrl-C again leaves at once.",
}


def _both(first: Listener, second: Listener) -> Listener:
    """Tells both."""

    def listen(event: Event) -> None:
        first(event)
        second(event)

    return listen


def _question(plan: Plan) -> str:
    hosts = sum(bool(host.steps) for host in plan.hosts)
    left_out = sum(bool(host.problems) for host in plan.hosts)
    but = f", leaving out {left_out} that cannot be planned" if left_out else ""
    return f"Apply this to {counted(hosts, 'host')}{but}?"
