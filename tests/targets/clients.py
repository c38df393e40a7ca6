"""What tests of SSH do with a host: run a command there, or be refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Connector
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options
from tests.targets.conftest import Sshd, public

Start = Callable[..., Sshd]


def output(connector: Connector, argv: Sequence[str]) -> bytes:
    channel = connector.open(argv)
    data = b""
    while piece := channel.read(65536, 10):
        data += piece
    channel.close()
    return data


def says(host: Host[object], options: Options, *argv: str) -> str:
    connector = connector_for(host, options)
    try:
        return output(connector, argv or ("echo", "hello")).decode()
    finally:
        connector.close()


def refusal(host: Host[object], options: Options) -> Diagnostic:
    with pytest.raises(TargetError) as error:
        says(host, options)
    (problem,) = error.value
    assert problem.address == host.name
    return problem


def authorize(sshd: Sshd, key: Path) -> None:
    with (sshd.folder / "authorized_keys").open("a") as file:
        file.write(public(key) + "\n")
