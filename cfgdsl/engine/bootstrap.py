"""Hosts without a Python: plan only the commands that bring one, then start over."""

import shlex
from typing import Any

from cfgdsl.core.errors import TargetError
from cfgdsl.core.host import Host
from cfgdsl.core.ops import Run
from cfgdsl.core.plan import HostPlan, Step
from cfgdsl.engine.events import HostDone, Listener, StepDone, StepStarted
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options
from cfgdsl.targets.plain import run_plain


def bootstrap_plan(host: Host[Any], error: TargetError) -> HostPlan:
    """The plan of a host that has no Python yet: its `bootstrap` commands, one after the other."""
    steps = tuple(
        Step(
            id=index,
            host=host.name,
            identity=f"bootstrap:{shlex.join(argv)}",
            action="run",
            reason=error.diagnostics[0].summary,
            ops=(Run(argv),),
            after=(index - 1,) if index else (),
            origin=host.origin,
        )
        for index, argv in enumerate(host.bootstrap)
    )
    return HostPlan(host=host.name, steps=steps, bootstrap=True)


def run_bootstrap(host: Host[Any], plan: HostPlan, options: Options, emit: Listener) -> bool:
    """Run the commands until one fails; raises `TargetError` when the host cannot be reached.

    They are proven by the next plan, which needs the Python that they bring.
    """
    connector = connector_for(host, options)
    ok = True
    try:
        for step, argv in zip(plan.steps, host.bootstrap, strict=True):
            if not ok:
                emit(StepDone(host=host.name, step=step, outcome="skipped"))
                continue
            emit(StepStarted(host=host.name, step=step))
            done = run_plain(connector, host, argv, options)
            ok = done.exit == 0
            detail = {
                "argv": list(argv),
                "exit": done.exit,
                "stdout": done.stdout,
                "stderr": done.stderr,
            }
            outcome = "changed" if ok else "failed"
            emit(StepDone(host=host.name, step=step, outcome=outcome, detail={} if ok else detail))
    finally:
        connector.close()
    emit(HostDone(host=host.name, ok=ok))
    return ok
