"""What systemd answers, and what its commands make of that."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import attrs

from cfgdsl import Answers, Probe, keys, ops, probes

FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where unit files are, the administrator's first (systemd.unit(5))."""

_SUFFIX = re.compile(
    r"\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)\Z"
)
_FIELDS = ("Id", "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")
_SHOW = ("systemctl", "show", "--no-pager")
_INSTALL = re.compile(r"^\s*(WantedBy|RequiredBy|UpheldBy|Alias)\s*=\s*\S", re.MULTILINE)
_ALSO = re.compile(r"^\s*(Also|DefaultInstance)\s*=\s*\S", re.MULTILINE)
STARTED = "ExecMainStartTimestampMonotonic"
"""When the main process was started, in microseconds of the monotonic clock; 0: it never was."""
BOOTED = probes.Stat("/run/systemd/system", follow=True)
"""Whether systemd is what the host was booted with, as sd_booted(3) finds out."""
_MASK = {"kind": "link", "target": "/dev/null", "owner": "root", "group": "root"}


def full_name(name: str) -> str:
    """The name of a unit with its suffix, as systemctl completes it.

    >>> full_name("nginx")
    'nginx.service'
    """
    whole = name if _SUFFIX.search(name) else f"{name}.service"
    if "@." in whole:
        example = whole.replace("@.", "@example.")
        raise ValueError(f"name is that of a template; name an instance, like {example!r}")
    return whole


def _file_name(name: str) -> str:
    """The file of a unit; of an instance, its template's."""
    return re.sub(r"@.*(\.\w+)\Z", r"@\1", name)


@functools.lru_cache(maxsize=4096)  # asked again and again for each service
def unit_files(name: str) -> tuple[str, ...]:
    """The keys of the files that define a unit."""
    names = dict.fromkeys((_file_name(name), name))
    return tuple(keys.path(f"{folder}/{file}") for folder in FOLDERS for file in names)


@functools.lru_cache(maxsize=4096)
def drop_in_folders(name: str) -> tuple[str, ...]:
    """The keys of the folders whose files add to a unit."""
    return tuple(f"{file}.d" for file in unit_files(name))


def state(name: str) -> probes.Query:
    """The question how a unit is; None: there is none."""
    show = (*_SHOW, f"--property={','.join(_FIELDS)}", "--")
    return probes.Query(show, name, split="blocks", fields=_FIELDS, absent="LoadState=not-found")


def invocation(name: str) -> probes.Query:
    """The question which start of the unit this is: another answer proves a restart."""
    fields = ("Id", "InvocationID", STARTED)
    show = (*_SHOW, f"--property={','.join(fields)}", "--")
    return probes.Query(show, name, split="blocks", fields=fields)


def _file(name: str) -> probes.Stat:
    return probes.Stat(f"{FOLDERS[0]}/{_file_name(name)}")


def _text(name: str) -> probes.Read:
    return probes.Read(f"{FOLDERS[0]}/{_file_name(name)}")


def questions(name: str) -> tuple[Probe, ...]:
    """What is asked about a unit: an earlier step may write its file, which makes it known."""
    return (state(name), _file(name), _text(name))


@attrs.frozen
class Unit:
    """A unit as systemd sees it, in the words of systemd."""

    name: str
    """Its own name; not what was asked for, when that is an alias."""
    load: str
    active: str
    file: str | None
    """As ``systemctl is-enabled`` has it; None: not known before the run."""
    needs_reload: bool = False
    has_own_file: bool = False
    """Whether a real file in /etc stands where a mask would be."""

    @property
    def is_active(self) -> bool:
        """Whether it runs."""
        return self.active in {"active", "reloading", "refreshing"}

    def is_running(self, wanted: bool | None) -> bool:
        """Whether it runs; on its way up or down it is not as wanted, whatever is wanted."""
        if self.active in {"activating", "deactivating"} and wanted is not None:
            return not wanted
        return self.is_active

    def is_enabled(self, wanted: bool | None) -> bool:
        """Whether it starts at boot; until the next boot only, or by a generator, is never as
        wanted."""
        if self.file in {"enabled-runtime", "generated"} and wanted is not None:
            return not wanted
        return self.file == "enabled"

    @property
    def is_masked(self) -> bool:
        """Whether nothing can start it."""
        return self.file in {"masked", "masked-runtime"}

    def after(self, verb: str) -> "Unit":
        """As it will be after a command of systemctl."""
        match verb:
            case "start" | "restart":
                return attrs.evolve(self, active="active")
            case "stop":
                return attrs.evolve(self, active="inactive")
            case "enable" | "disable":
                plain = self.file in {"enabled", "disabled", None}
                return attrs.evolve(self, file=f"{verb}d" if plain else None, needs_reload=False)
            case "mask":
                return attrs.evolve(self, load="masked", file="masked", needs_reload=False)
            case "unmask":
                return attrs.evolve(self, load="loaded", file=None, needs_reload=False)
        return attrs.evolve(self, needs_reload=False)

    def answer(self) -> Any:
        """The answer to `state` that stands for this unit."""
        if self.file is None:
            return probes.Unknown("systemd decides it from the unit's files")
        reload = "yes" if self.needs_reload else "no"
        return dict(
            zip(_FIELDS, (self.name, self.load, self.active, self.file, reload), strict=True)
        )

    def refusal(self, name: str, verbs: list[str]) -> tuple[str, str] | None:
        """Why these commands cannot work on the unit called `name`, and what to do about it."""
        if self.load == "masked" and "unmask" not in verbs and {"start", "enable"} & {*verbs}:
            return f"{name} is masked", "Say masked=False as well."
        if {"enable", "disable"} & {*verbs}:
            if self.name != name:
                return f"{name} is another name of {self.name}", f'Declare Service("{self.name}").'
            if self.file in {"generated", "static", "transient", ""}:
                what = self.file or "without a unit file"
                return (
                    f"{name} is {what}: it cannot be enabled or disabled",
                    "Leave enabled= out; whatever wants the unit starts it.",
                )
        if "mask" in verbs and self.has_own_file:
            return (
                f"{name} has a file of its own in {FOLDERS[0]}, where its mask would be",
                "Remove that file, or say running=False, enabled=False.",
            )
        return None


def found(name: str, answers: Answers) -> Unit | None:
    """The unit as answered; one whose file has just been written is loaded and does not run."""
    answer: Mapping[str, str | None] | None = answers[state(name)]
    file: Mapping[str, Any] | None = answers[_file(name)]
    own = file is not None and file["kind"] == "file"
    if answer is not None:
        unit, load, active, enabled, reload = (answer.get(field) or "" for field in _FIELDS)
        return Unit(unit, load, active, enabled, needs_reload=reload == "yes", has_own_file=own)
    if not own:
        return None
    return Unit(name, "loaded", "inactive", _state_of_file(answers[_text(name)]), has_own_file=True)


def _state_of_file(read: Mapping[str, Any] | None) -> str | None:
    text = read["text"] if read is not None else None
    if text is None:
        return None
    if _INSTALL.search(text):
        return "disabled"
    return "indirect" if _ALSO.search(text) else "static"


def systemctl(verb: str, name: str, unit: Unit | None = None) -> ops.Run:
    """A command of systemctl; `unit` is as it will be afterwards."""
    effects: list[tuple[Probe, Any]] = []
    if unit is not None:
        effects.append((state(name), unit.answer()))
    if verb in {"mask", "unmask"}:
        mask = _MASK if verb == "mask" else None
        effects.append((probes.Stat(f"{FOLDERS[0]}/{name}"), mask))
    return ops.Run(("systemctl", verb, "--"), (name,), effects=tuple(effects))


def daemon_reload(name: str, unit: Unit | None) -> ops.Run:
    """Makes systemd read all unit files again; `unit` is as found before."""
    known = unit is not None and unit.load != "not-found"
    effects = ((state(name), unit.after("daemon-reload").answer()),) if unit and known else ()
    return ops.Run(("systemctl", "daemon-reload"), effects=effects)
