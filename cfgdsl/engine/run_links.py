"""What the hosts of one run share: gates, values of outputs, and the order that these ask for."""

from collections.abc import Iterable

import attrs

from cfgdsl.core.exchange import Foreign
from cfgdsl.core.plan import Plan
from cfgdsl.engine.across import order_of
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.gates import Gates
from cfgdsl.engine.values import Awaited, Values
from cfgdsl.engine.vault import Vault


@attrs.frozen(kw_only=True)
class RunLinks:
    """What goes from host to host during a run."""

    gates: Gates
    values: Values
    knots: tuple[tuple[str, ...], ...]
    """The hosts, each after those that it waits for; those that wait for each other together."""

    @property
    def order(self) -> list[str]:
        """The hosts in the order of their start."""
        return [name for knot in self.knots for name in knot]

    def first(self, count: int | None) -> int | None:
        """How many hosts to begin with, so that none of them waits for one of the rest: at least
        `count`."""
        if count is None:
            return None
        total = 0
        for knot in self.knots:
            if total >= count:
                break
            total += len(knot)
        return total


def run_links(
    plan: Plan, awaited: Iterable[Awaited], foreign: Foreign, contents: Contents, vault: Vault
) -> RunLinks:
    """What a run of `plan` needs; `awaited`: whose outputs its steps wait for."""
    return RunLinks(
        gates=Gates(plan.summaries, foreign),
        values=Values(awaited, foreign, contents, vault),
        knots=tuple(order_of(plan.summaries)),
    )
