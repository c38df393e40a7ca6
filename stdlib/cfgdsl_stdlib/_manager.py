"""What `Package` needs of a package manager: a value of pure functions, one for each manager."""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from cfgdsl import Answers, Probe, Task, ops


@attrs.frozen(kw_only=True)
class Wanted:
    """What is declared of one package."""

    name: str
    version: str | None = None
    """An exact one, or ``latest``."""
    absent: bool = False
    purged: bool = False
    recommends: bool | None = None
    max_index_age: int = 86400


@attrs.frozen(kw_only=True)
class Found:
    """What the host says of it."""

    version: str | None = None
    """The installed one."""
    broken: bool = False
    """Whether its installation was begun and not ended."""
    torn: bool = False
    """Whether even its files are there in part only."""
    configuration: bool = False
    """Whether its configuration is there, and the package is not."""
    candidate: str | None = None
    """What would be installed; None: there is none, or it was not asked."""
    missing: bool = False
    """Whether the index knows no such package."""
    unlisted: bool = False
    """Whether the index knows no such package, but is not fit to say so."""
    stale: bool = False
    """Whether the index is not there, or too old to say."""
    alone: tuple[str, ...] = ()
    """Keys of folders and units that came with it, and with no other package."""
    interrupted: bool = False
    """Whether the manager itself was killed in its work, and must be put right first."""


Run: TypeAlias = ops.Run


@attrs.frozen(kw_only=True)
class Manager:
    """One package manager."""

    lock: str
    """The name of what only one step at a time can use."""
    sources: tuple[str, ...]
    """Keys of the files and folders that say where packages come from."""
    check: Callable[[Wanted], None]
    """Refuses names and versions that it would take for something else."""
    questions: Callable[[Wanted], tuple[Probe, ...]]
    """What says how the package is."""
    hints: Callable[[Wanted], tuple[Probe, ...]]
    """What says how it could be, and how fit the manager is."""
    found: Callable[[Wanted, Answers], Found]
    install: Callable[[Wanted, Found], Run]
    remove: Callable[[Wanted, Found], Run]
    repair: Callable[[Wanted], Task]
    """Ends what was interrupted."""
    update: Callable[[Wanted, Found], Task]
    """Brings the index up to date: at once when it is stale, else when its sources change."""
