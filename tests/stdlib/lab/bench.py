"""A real host on which a test declares resources, and which checks that every plan was right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import attrs

from cfgdsl import (
    CfgdslError,
    ConfigurationError,
    Host,
    HostPlan,
    Options,
    Plan,
    Project,
    Run,
    configure,
)
from cfgdsl.engine.declare import Declarations
from tests.lab import LabHost

Declare: TypeAlias = Callable[[], Any]

WELL = ("changed", "unneeded")


@attrs.define
class Bench:
    """A host and a project whose one function is whatever the test declares next.

    The conversation with the host is kept between declarations, as in a long-lived program.
    """

    host: LabHost
    project: Project = attrs.field(repr=False)
    _declare: list[Declare] = attrs.field(repr=False)

    @classmethod
    @contextmanager
    def open(cls, host: LabHost, *, project: str | None = None) -> "Iterator[Bench]":
        """A bench with a conversation of its own; what is made for a `project` is owned by it."""
        declare: list[Declare] = []

        def everything(_: Host[Any]) -> None:
            declare[-1]()

        configured = configure(Host(host.name))(everything)
        declarations = Declarations(configured=[configured], project=project)
        with Project(declarations, Options(ssh_config=host.ssh_config)) as opened:
            yield cls(host, opened, declare)

    def plan(self, declare: Declare) -> HostPlan:
        """What would be done for these declarations; nothing about them is wrong."""
        return self._plan(declare).hosts[0]

    def apply(self, declare: Declare) -> dict[str, str]:
        """Plan, apply, and check that the plan was right: what was done, by identity.

        Every promised change is made, every possible one made or found unneeded, nothing else; a
        second plan is empty, and its application does nothing.
        """
        plan = self._plan(declare)
        run = self.project.apply(plan)
        assert run.ok, explain(run)
        steps = {step.identity: step for step in plan.hosts[0].steps}
        done = {outcome.step.identity: outcome for outcome in run.outcomes}
        assert done.keys() == steps.keys()
        for identity, step in steps.items():
            allowed = WELL if step.possible else ("changed",)
            assert done[identity].outcome in allowed, (identity, done[identity])
        self.assert_settled(declare)
        changed = {i: s.action for i, s in steps.items() if done[i].outcome == "changed"}
        return {i: "always" if steps[i].always else action for i, action in changed.items()}

    def assert_settled(self, declare: Declare) -> None:
        """Nothing is left to do, and applying that does nothing."""
        plan = self._plan(declare)
        assert plan.is_empty, [(s.identity, s.action, s.reason) for s in plan.hosts[0].steps]
        run = self.project.apply(plan)
        assert run.ok, explain(run)
        assert all(outcome.step.always for outcome in run.outcomes)

    def fails(self, declare: Declare) -> dict[str, tuple[str, dict[str, Any]]]:
        """Plan and apply what does not end well: outcome and detail of each step."""
        run = self.project.apply(self._plan(declare))
        assert not run.ok
        return {o.step.identity: (o.outcome, dict(o.detail)) for o in run.outcomes}

    def refused(self, declare: Declare) -> str:
        """Why there is no plan, with the hints; every reason names the line that it is about."""
        try:
            (plan,) = self.observe(declare).hosts
        except ConfigurationError as error:
            problems = error.diagnostics
        else:
            assert not plan.steps
            problems = plan.problems
        assert problems
        assert all(problem.origins for problem in problems)
        return "\n".join(f"{d.summary}\n{d.detail}\n{d.hint}" for d in problems)

    def _plan(self, declare: Declare) -> Plan:
        plan = self.observe(declare)
        assert not plan.hosts[0].problems, plan.hosts[0].problems
        return plan

    def observe(self, declare: Declare) -> Plan:
        """The plan, whatever is wrong."""
        self._declare.append(declare)
        return self.project.plan()

    def out(self, *argv: str, user: str = "root") -> str:
        """What a command prints on the host, asked without cfgdsl."""
        return self.host.run(argv, user=user).stdout.rstrip("\n")

    def sh(self, script: str) -> str:
        """The same for a shell script; the first command that fails ends it, and the test."""
        return self.out("sh", "-ec", script)

    def stat(self, path: str, form: str = "%a %U %G %F") -> str:
        """Mode, owner, group and kind of a path, links not followed."""
        return self.out("stat", "-c", form, "--", path)

    def exists(self, path: str) -> bool:
        """Whether there is anything at a path, a dangling link too."""
        there = self.host.run(["test", "-e", path, "-o", "-L", path], check=False)
        return there.returncode == 0


def explain(run: Run) -> str:
    """All that one needs to see of a run that failed."""
    lines = [
        f"{o.step.identity} {o.outcome} {o.detail}" for o in run.outcomes if o.outcome not in WELL
    ]
    return "\n".join([*lines, *(str(CfgdslError(*p)) for p in run.failed_hosts.values())])
