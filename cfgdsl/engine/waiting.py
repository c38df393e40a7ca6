"""A host at the gates of others: each gate is a step without questions or ops in its conversation,
which the controller holds until the gate is decided. What waits for one waits in the runner, as for
any other step, and is compared with the host as it is when the gate has opened.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from cfgdsl.core.errors import TargetError
from cfgdsl.core.plan import HostPlan, Step
from cfgdsl.engine.events import WELL
from cfgdsl.engine.gates import Gates
from cfgdsl.targets.session import Session


def gate_id(address: str) -> str:
    """What the step of a gate is called in a conversation; other steps have numbers.

    >>> gate_id("web1/file:/etc/motd")
    'gate:web1/file:/etc/motd'
    """
    return f"gate:{address}"


class Waiting:
    """The gates of one host's plan, in its conversation."""

    def __init__(self, plan: HostPlan, gates: Gates, session: Session) -> None:
        self._plan = plan
        self._gates = gates
        self._session = session
        self._addresses = {
            gate_id(address): address for step in plan.steps for address in step.gates
        }
        self._causes: dict[str, str] = {}

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The gates, as the runner takes them."""
        return [{"id": i, "name": i, "probes": [], "ops": None} for i in self._addresses]

    def heard(self, message: Mapping[str, Any]) -> bool:
        """Take what the runner says about a gate; whether it was about one."""
        step = message["step"]
        if step not in self._addresses:
            return False
        if message["event"] == "observed":
            self._gates.wait(self._addresses[step], lambda cause: self._decided(step, cause))
        return True

    def _decided(self, step: str, cause: str | None) -> None:
        """Called from the thread of whichever host has decided the gate."""
        decision: dict[str, Any] = {"done": "unneeded"}
        if cause is not None:
            self._causes[step] = cause
            decision = {"done": "skipped", "detail": {"because": cause}}
        with contextlib.suppress(TargetError):  # who drives this session will hear of it
            self._session.resolve({step: decision})

    def cause_of(self, step: Step, detail: Mapping[str, Any], outcome: str) -> str | None:
        """The address of what kept a step from ending well; None: it did end well."""
        if outcome in WELL:
            return None
        because = str(detail.get("because", ""))
        if because in self._addresses:
            return self._causes.get(because, self._addresses[because])
        return self._plan.steps[int(because)].address if because else step.address
