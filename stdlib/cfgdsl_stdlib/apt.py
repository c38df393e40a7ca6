"""apt and dpkg, for `Package`: questions, answers and commands; it runs nothing itself."""

import collections
import functools
import posixpath
import re
from collections.abc import Mapping
from typing import Any

import attrs

from cfgdsl import Answers, Probe, Task, keys, ops, probes
from cfgdsl_stdlib._manager import Found, Manager, Wanted

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9][a-z0-9-]*)?\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~-]*\Z")

_ENV = (
    ("APT_LISTBUGS_FRONTEND", "none"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("NEEDRESTART_SUSPEND", "1"),  # what is restarted stands in the plan, or does not happen
    ("UCF_FORCE_CONFFOLD", "1"),
)
_OPTIONS = (
    "-y",
    "-q",
    *("-o", "DPkg::Lock::Timeout=300"),
    *("-o", "Dpkg::Options::=--force-confdef"),
    *("-o", "Dpkg::Options::=--force-confold"),
)
_DONE = ("installed", "triggers-awaited", "triggers-pending")
_LISTS = "/var/lib/apt/lists"

SOURCES = tuple(
    keys.path(path)
    for path in (
        "/etc/apt/sources.list",
        "/etc/apt/sources.list.d",
        "/etc/apt/preferences",
        "/etc/apt/preferences.d",
        "/etc/apt/auth.conf.d",
        "/etc/apt/keyrings",
        "/etc/apt/trusted.gpg.d",
        "/usr/share/keyrings",
    )
)


def check(wanted: Wanted) -> None:
    """Refuse what apt-get would take for a pattern, an action (``name-``) or a release."""
    if not _NAME.match(wanted.name) or wanted.name.endswith((":any", ":native")):
        raise ValueError(f"name is no name of a Debian package: {wanted.name!r}")
    if wanted.version is not None and not _VERSION.match(wanted.version):
        raise ValueError(f"version is no exact version and not 'latest': {wanted.version!r}")


def _installed(wanted: Wanted) -> probes.Query:
    """dpkg-query also lists what is only mentioned by other packages: as not-installed."""
    shown = "${Package}:${Architecture}" if ":" in wanted.name else "${Package}"
    form = f"Package={shown}\\nVersion=${{Version}}\\nStatus=${{db:Status-Status}}\\n\\n"
    return probes.Query(
        ("dpkg-query", "-W", "-f", form, "--"),
        wanted.name,
        split="blocks",
        key="Package",
        fields=("Version", "Status"),
        # What was removed and has left its configuration behind is as gone as was asked for.
        absent="Status=not-installed|config-files" if _is_kept(wanted) else "Status=not-installed",
    )


def _is_kept(wanted: Wanted) -> bool:
    """Whether its configuration may stay when it goes."""
    return wanted.absent and not wanted.purged


def _candidate(wanted: Wanted) -> probes.Query:
    """What apt would install, pins considered; asked for what is not there, and for `latest`."""
    return probes.Query(
        ("apt-cache", "show", "--no-all-versions", "-q", "--"),
        wanted.name.partition(":")[0],
        split="blocks",
        separator=": ",
        key="Package",
        fields=("Version",),
        when=None if wanted.version == "latest" else _installed(wanted),
    )


def _fresh(wanted: Wanted) -> probes.Run:
    """Whether the index was updated lately. The lists themselves keep the server's times, and the
    folder's only moves when a list does: so `update` touches it."""
    age = f"-{wanted.max_index_age} seconds"
    return probes.Run(("find", _LISTS, "-maxdepth", "0", "-newermt", age, "-printf", "fresh"))


_INDEX = probes.Run(
    ("find", _LISTS, "-maxdepth", "1", "-name", "*_Packages*", "-printf", "there", "-quit")
)
_INTERRUPTED = probes.Run(
    ("find", "/var/lib/dpkg/updates", "-type", "f", "-printf", "interrupted", "-quit")
)
"""dpkg's own journal: apt refuses to work while there is something in it."""


_BROUGHT = probes.Run(
    (
        *("grep", "-rHE", "--include=*.list"),
        *("^(/etc|(/usr)?/lib/systemd/system)/[^/]+$", "."),
    ),
    cwd="/var/lib/dpkg/info",
)
"""What every installed package has brought, of what others declare: the top of its configuration,
and its units."""


def questions(wanted: Wanted) -> tuple[Probe, ...]:
    """What is asked of one package; all packages together cost one command, or two."""
    latest = (_candidate(wanted),) if wanted.version == "latest" else ()
    return (_installed(wanted), *latest)


def hints(wanted: Wanted) -> tuple[Probe, ...]:
    """What else is asked; all packages together cost four commands."""
    if wanted.absent:
        return (_INTERRUPTED, _BROUGHT)
    candidate = () if wanted.version == "latest" else (_candidate(wanted),)
    return (*candidate, _fresh(wanted), _INDEX, _INTERRUPTED)


def found(wanted: Wanted, answers: Answers) -> Found:
    """The state of one package, and whether the index is fit to say what there is."""
    row: Mapping[str, str] | None = answers[_installed(wanted)]
    status = row["Status"] if row is not None else "not-installed"
    version = row["Version"] if row is not None and status != "config-files" else None
    state = Found(
        version=version,
        broken=version is not None and status not in _DONE,
        torn=status == "half-installed",
        configuration=status == "config-files",
        interrupted=_printed(_INTERRUPTED, answers) not in {None, ""},
    )
    if wanted.absent:
        alone = _brought_alone(wanted.name, _printed(_BROUGHT, answers) or "")
        return attrs.evolve(state, alone=alone if version is not None else ())
    stale = "" in {_printed(_fresh(wanted), answers), _printed(_INDEX, answers)}
    state = attrs.evolve(state, stale=stale)
    latest = wanted.version == "latest"
    candidate = _candidate(wanted)
    if candidate not in answers:
        return state
    offer: Mapping[str, str] | None = answers[candidate]
    if stale and not latest:
        return attrs.evolve(state, unlisted=offer is None and row is None)
    if offer is not None:
        return attrs.evolve(state, candidate=offer["Version"])
    return attrs.evolve(state, missing=not stale and (row is None or latest))


def _brought_alone(name: str, listed: str) -> tuple[str, ...]:
    """The keys of what came with a package, and with no other one."""
    packages = _brought(listed)
    paths = packages.by_name.get(name, ())
    return tuple(_key(path) for path in paths if packages.count[path] == 1)


@attrs.frozen
class _Packages:
    """What each package has brought."""

    by_name: Mapping[str, list[str]]
    """With and without the architecture."""
    count: Mapping[str, int]
    """How many packages have brought a path."""


@functools.lru_cache(maxsize=4)  # all packages of a host ask of the same text
def _brought(listed: str) -> _Packages:
    found = [line.split(".list:", 1) for line in listed.splitlines() if ".list:" in line]
    by_name: dict[str, list[str]] = {}
    for file, path in found:
        name = posixpath.basename(file)
        for each in {name, name.partition(":")[0]}:
            by_name.setdefault(each, []).append(path)
    return _Packages(by_name, collections.Counter(path for _, path in found))


def _key(path: str) -> str:
    """What others call it."""
    is_unit = "/lib/systemd/system/" in path
    return keys.unit(posixpath.basename(path)) if is_unit else keys.path(path)


def _printed(probe: probes.Run, answers: Answers) -> str | None:
    """What a command printed; None: it was not asked."""
    answer: Mapping[str, str] | None = answers.get(probe)
    return None if answer is None else answer["stdout"]


def install(wanted: Wanted, state: Found) -> ops.Run:
    """Install it, or bring it to another version; those ready together become one transaction."""
    exact = wanted.version if wanted.version != "latest" else None
    version = exact or (None if ":" in wanted.name else state.candidate)
    recommends = {
        None: (),
        True: ("--install-recommends",),
        False: ("--no-install-recommends",),
    }[wanted.recommends]
    downgrades = ("--allow-downgrades",) if exact is not None else ()
    # Killed while it was unpacked, it counts as installed for apt, which then does nothing.
    again = ("--reinstall",) if state.torn else ()
    after = {"Version": version, "Status": "installed"}
    unknown = probes.Unknown("the package index says it then")
    effects: tuple[tuple[Probe, Any], ...] = (
        (_installed(wanted), unknown if version is None else after),
    )
    return ops.Run(
        ("apt-get", "install", *_OPTIONS, *recommends, *downgrades, *again, "--"),
        items=(wanted.name if exact is None else f"{wanted.name}={exact}",),
        env=_ENV,
        effects=effects,
        brings=True,
    )


def remove(wanted: Wanted, _: Found) -> ops.Run:
    """Remove it; its configuration stays unless it is purged."""
    verb = "purge" if wanted.purged else "remove"
    return ops.Run(
        ("apt-get", verb, *_OPTIONS, "--"),
        items=(wanted.name,),
        env=_ENV,
        effects=((_installed(wanted), None),),
    )


def repair(wanted: Wanted) -> Task:
    """Let dpkg end what it was killed in."""
    told = probes.Unknown("dpkg ends what was interrupted")
    argv = ("dpkg", "--configure", "-a", "--force-confdef", "--force-confold")
    effects = ((_INTERRUPTED, {"exit": 0, "stdout": ""}), (_installed(wanted), told))
    return Task(
        name="dpkg-configure",
        ops=(ops.Run(argv, env=_ENV, effects=effects),),
        shared=True,
        first=True,
    )


def update(wanted: Wanted, state: Found) -> Task:
    """Fetch the package lists, and note when that was."""
    told = probes.Unknown("the package index is updated first")
    fetched: tuple[tuple[Probe, Any], ...] = (
        (_fresh(wanted), {"exit": 0, "stdout": "fresh"}),
        (_INDEX, {"exit": 0, "stdout": "there"}),
        (_candidate(wanted), told),
    )
    argv = ("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")
    return Task(
        name="apt-update",
        ops=(ops.Run(argv, env=_ENV), ops.Run(("touch", _LISTS), effects=fetched)),
        cause_keys=() if state.stale else SOURCES,
        shared=True,
        first=True,
    )


APT = Manager(
    lock="dpkg",
    sources=SOURCES,
    check=check,
    questions=questions,
    hints=hints,
    found=found,
    install=install,
    remove=remove,
    repair=repair,
    update=update,
)
"""The package manager of Debian, Ubuntu and their like."""
