"""What executing one host's plan takes, whether it was just made or comes from a file."""

from typing import Any

import attrs

from cfgdsl.core.host import Host
from cfgdsl.core.plan import HostPlan
from cfgdsl.core.predict import Identity
from cfgdsl.core.request import Planned, Request


@attrs.frozen
class Prepared:
    """A host, what is to be done there, and as whom it was looked at."""

    host: Host[Any]
    planned: Planned
    identity: Identity = attrs.field(factory=Identity)
    request: Request | None = None
    """What the plan was made from; None for one from a file."""

    @classmethod
    def bare(cls, host: Host[Any], plan: HostPlan) -> "Prepared":
        """Of a plan that decides nothing during the run: problems, or a bootstrap."""
        return cls(host, Planned(plan, {}))
