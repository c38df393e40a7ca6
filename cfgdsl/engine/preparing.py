"""Makes ready what executing a plan takes, a host at a time: of many, most wait in the spool."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.host import Host
from cfgdsl.core.plan import HostPlan, Plan
from cfgdsl.core.prepared import Prepared
from cfgdsl.engine.observe import Observed

if TYPE_CHECKING:  # those with few hosts do without the spool
    from cfgdsl.engine.spool import Spooled


@attrs.frozen
class Preparations(Mapping[str, Prepared]):
    """By host what executing its plan takes; made ready each time it is asked for, and not kept."""

    ways: Mapping[str, Callable[[], Prepared]]

    def __getitem__(self, host: str) -> Prepared:
        return self.ways[host]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.ways)

    def __len__(self) -> int:
        return len(self.ways)


def preparations(
    plan: Plan,
    hosts: Mapping[str, Host[Any]],
    observed: "Mapping[str, Observed | Spooled]",
) -> Preparations:
    """What executing `plan` takes, of `hosts` by name that were `observed` last.

    Raises `ConfigurationError` for the plan of a host that was observed again since.
    """
    parts = getattr(plan.hosts, "parts", plan.hosts)
    return Preparations(
        {part.host: _way(part, hosts[part.host], observed.get(part.host)) for part in parts}
    )


def _way(
    part: "HostPlan | Spooled", host: Host[Any], last: "Observed | Spooled | None"
) -> Callable[[], Prepared]:
    if part.problems or part.bootstrap:
        return lambda: Prepared.bare(host, part if isinstance(part, HostPlan) else part.plan())
    if last is None or not (last is part or (isinstance(part, HostPlan) and last.is_of(part))):
        raise ConfigurationError(
            Diagnostic(
                summary="not the last plan that this project made for the host",
                hint="Plan again; plans from files are read by cfgdsl.load_plan.",
                address=part.host,
            )
        )
    return partial(last.prepared, host)
