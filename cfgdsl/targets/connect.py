"""Chooses how a host is reached, by what its declaration says."""

from typing import Any

from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Connector
from cfgdsl.targets.options import Options
from cfgdsl.targets.process import ExecConnector, LocalConnector


def connector_for(host: Host[Any], options: Options) -> Connector:
    """What opens channels to `host`: this machine, a command prefix, or SSH. Connects nothing."""
    if host.root is not None:
        return LocalConnector(host.name)
    if host.exec is not None:
        return ExecConnector(host.name, host.exec)
    from cfgdsl.targets.ssh import SshConnector  # noqa: PLC0415 - paramiko costs 80 ms

    return SshConnector(host, options)
