"""What the caller of a run decides, as opposed to what the configuration says."""

from collections.abc import Callable
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Options:
    """How hosts are connected to, and how many at once.

    >>> Options(parallel=10).accept_new_host_keys
    False
    """

    parallel: int = attrs.field(default=50, validator=attrs.validators.ge(1))
    """How many hosts are worked on at once."""
    ssh_config: Path | None = None
    """Read instead of `~/.ssh/config`, as ``ssh -F`` does."""
    accept_new_host_keys: bool = False
    """Record the keys of hosts that no known_hosts file knows, instead of refusing them."""
    connect_timeout: float | None = None
    """Seconds until a connection must stand; None: ssh's configuration, else 10."""
    ask: Callable[[str], str | None] | None = None
    """Asks the user for a secret without echo; None: nobody can be asked."""
