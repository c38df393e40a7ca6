"""Opens a configuration for a command, with what the command line says of connections."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

import cfgdsl
from cfgdsl.cli.interrupt import ending
from cfgdsl.cli.progress import Progress
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.engine.events import Event, HostReady, Listener
from cfgdsl.engine.inventory import select
from cfgdsl.engine.options import Options
from cfgdsl.engine.project import Project

if TYPE_CHECKING:
    from cfgdsl.engine.saved import SavedPlan


@attrs.frozen
class Connections:
    """How hosts are connected to, as the command line has it."""

    parallel: int = 50
    ssh_config: Path | None = None
    accept_new_host_keys: bool = False
    connect_timeout: float | None = None


@contextmanager
def opened(file: Path, terminal: Terminal, connections: Connections) -> Iterator[Project]:
    """The loaded configuration; its connections are closed afterwards."""
    options = _options(terminal, connections)
    with (
        terminal.running_code(),
        cfgdsl.load(file, options=options) as project,
        ending(project.stop),
    ):
        yield project


@contextmanager
def opened_plan(
    file: Path, trust: str | None, terminal: Terminal, connections: Connections
) -> "Iterator[SavedPlan]":
    """The plan in a file; its connections are closed afterwards."""
    options = _options(terminal, connections)
    with cfgdsl.load_plan(file, trust=trust, options=options) as saved, ending(saved.stop):
        yield saved


def _options(terminal: Terminal, connections: Connections) -> Options:
    return Options(
        parallel=connections.parallel,
        ssh_config=connections.ssh_config,
        accept_new_host_keys=connections.accept_new_host_keys,
        connect_timeout=connections.connect_timeout,
        ask=terminal.ask_secret if terminal.is_interactive else None,
    )


STANDARD = "cfgdsl_stdlib"
"""The package of the standard resource types."""


def standard_types() -> None:
    """Load every type of the standard library: they register themselves."""
    standard = importlib.import_module(STANDARD)
    for name in standard.__all__:
        getattr(standard, name)


def watching(progress: Progress, terminal: Terminal) -> Listener:
    """Feeds `progress`, and shows what the user should know of each connection."""

    def listen(event: Event) -> None:
        progress(event)
        if isinstance(event, HostReady) and event.notices:
            terminal.complain(words("\n".join(f"{event.host}: {n}" for n in event.notices)))

    return listen


def progress_of(what: str, project: Project, limit: str | None) -> Progress:
    """Progress over the hosts that `limit` names."""
    return Progress(what, {host.name: 0 for host in select(project.hosts, limit)})
