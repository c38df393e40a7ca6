"""What a project remembers of its last plans: enough to execute exactly them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.host import Host
from cfgdsl.core.plan import Plan
from cfgdsl.core.secret import Secret
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.vault import Vault

# What a host needs only once it is connected is imported then: while the network is waited for.
if TYPE_CHECKING:
    from cfgdsl.core.prepared import Prepared
    from cfgdsl.engine.across import Across
    from cfgdsl.engine.observe import Observed
    from cfgdsl.engine.run_links import RunLinks
    from cfgdsl.engine.spool import Spooled, Spooler


@attrs.define
class Known:
    """What the last plan of each host was made from."""

    hosts: Mapping[str, Host[Any]]
    observed: "dict[str, Observed | Spooled]" = attrs.field(factory=dict)
    facts: dict[str, str] = attrs.field(factory=dict)
    """Digests of the facts that the last plan read, by host."""
    across: "Across | None" = None
    spooler: "Spooler | None" = None

    def forget_spooled(self) -> None:
        """Let go of the spool, and of all that refers to it."""
        if self.spooler is not None:
            self.spooler = self.across = None
            self.observed.clear()

    def prepared(self, plan: Plan) -> "Mapping[str, Prepared]":
        """What executing the plan of each host takes, made ready when it is asked for.

        Raises `ConfigurationError` for a plan that is not the last of one of its hosts.
        """
        from cfgdsl.engine.preparing import preparations  # noqa: PLC0415 - see above

        return preparations(plan, self.hosts, self.observed)

    def secrets(self, plan: Plan) -> dict[Secret, Diagnostic]:
        """Every secret that executing `plan` takes, and where it is first needed."""
        needed: dict[Secret, Diagnostic] = {}
        for host in plan.summaries:
            observed = self.observed.get(host.host)
            if observed is not None and not host.problems and not host.bootstrap:
                for secret, about in observed.secrets(self.hosts[host.host]).items():
                    needed.setdefault(secret, about)
        return needed

    def run_links(self, plan: Plan, contents: Contents, vault: Vault) -> "RunLinks":
        """What the hosts of `plan` tell each other while it is executed.

        Raises `ConfigurationError` when hosts wait for others that were planned again since.
        """
        from cfgdsl.engine.across import Across  # noqa: PLC0415 - see above
        from cfgdsl.engine.run_links import run_links  # noqa: PLC0415 - see above

        observed = (self.observed.get(host.host) for host in plan.summaries)
        awaited = frozenset(each for one in observed if one is not None for each in one.awaited)
        if self.across is None:
            self.across = Across(())
        self.across.refuse_outdated(plan.summaries)
        return run_links(plan, awaited, self.across.foreign, contents, vault)
