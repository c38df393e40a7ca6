"""Brings the runner onto a host, at the start of a conversation."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfgdsl.core.errors import Diagnostic, NoPythonError
from cfgdsl.core.host import Host
from cfgdsl.runner import loader
from cfgdsl.targets import inbound
from cfgdsl.targets.dialogue import Dialogue
from cfgdsl.targets.traffic import Traffic


def command_of(host: Host[Any]) -> Callable[[str], list[str]]:
    """What starts the loader on `host`, given the marker that its answer begins with."""
    root = "/" if host.root is None else str(Path(host.root).absolute())
    python = host.python
    if host.root is not None and host.become is None:
        python = python or sys.executable or None  # it is good enough, and no search is faster
    return lambda marker: loader.command(marker, python=python, root=root)


def load(dialogue: Dialogue, traffic: Traffic) -> None:
    """Have the runner loaded: see `cfgdsl.runner.loader` for what it says when.

    Raises `NoPythonError` when none there can run it.
    """
    said = dialogue.line()
    traffic.from_host("loader", len(said))
    if said == "send":
        bundle = loader.framed_bundle()
        dialogue.channel.write(bundle)
        traffic.to_host("runner", len(bundle))
        said = dialogue.next_line()
        traffic.from_host("loader", len(said))
    if said == "run":
        return
    word, _, why = said.partition(" ")
    host = dialogue.host.name
    if word != "error":
        raise inbound.nonsense(host, "not a word of the loader", said.encode())
    raise NoPythonError(
        Diagnostic(
            summary=f"no Python to run on: {why}",
            detail="cfgdsl needs Python 3.8 or newer there, with its whole standard library.",
            hint=f"Name one, Host({host!r}, python=...), or install it: Host(bootstrap=[...]).",
            address=host,
        )
    )
