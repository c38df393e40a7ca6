"""What useradd(8) makes by itself: where the homes of new users are, and how they look."""

import re
from collections.abc import Mapping
from typing import Any

import attrs

from cfgdsl import Answers, Probe, probes

_SKELETON = "/etc/skel"
_SETTINGS = probes.Run(
    (
        *("grep", "-shE", "^[[:space:]]*((HOME_MODE|UMASK)[[:space:]]|(HOME|SKEL)=)"),
        *("/etc/login.defs", "/etc/default/useradd"),
    )
)
"""The lines of both files that say it; where there are none, useradd has its own defaults."""
_UMASK = "022"  # GETDEF_DEFAULT_UMASK in shadow's source


@attrs.frozen
class Homes:
    """How a host sets up new homes."""

    folder: str
    """What they are in."""
    mode: int
    holds: tuple[str, ...]
    """The names that are in a new one."""


def questions(home: str) -> tuple[Probe, ...]:
    """What says how a new home will be; all users together cost one command."""
    return (_SETTINGS, probes.List(_SKELETON), probes.Stat(home))


def found(answers: Answers) -> Homes | None:
    """How the host sets up homes; None: that is not known."""
    settings, skeleton = answers.get(_SETTINGS), answers.get(probes.List(_SKELETON), {})
    if settings is None or (skeleton is not None and skeleton.get("more", True)):
        return None
    said = dict(re.findall(r"^\s*(\w+)(?:=|\s+)(\S*)", settings["stdout"], re.MULTILINE))
    mode = _number(said["HOME_MODE"]) if "HOME_MODE" in said else _unmasked(said)
    if mode is None or said.get("SKEL", _SKELETON) != _SKELETON:
        return None
    names = () if skeleton is None else tuple(skeleton["names"])
    return Homes(said.get("HOME", "/home"), mode, names)


def _unmasked(said: Mapping[str, str]) -> int | None:
    mask = _number(said.get("UMASK", _UMASK))
    return None if mask is None else 0o777 & ~mask


def _number(text: str) -> int | None:
    """A number as strtol(3) reads it in login.defs: octal with a zero in front."""
    try:
        return int(text, 8 if re.match(r"0[0-7]*\Z", text) else 0)
    except ValueError:
        return None


def made(path: str, owner: str, group: str, homes: Homes | None) -> dict[Probe, Any]:
    """What a new home makes of the answers. The files in it come from the skeleton, which may hold
    anything."""
    if homes is None:
        return {probes.Stat(path): probes.Unknown("useradd makes it as the host is set up")}
    stat = {"kind": "dir", "mode": homes.mode, "owner": owner, "group": group}
    copied = probes.Unknown("useradd copies it from the skeleton")
    return {
        probes.Stat(path): stat,
        probes.List(path): {"names": sorted(homes.holds), "more": False},
        **{probes.Stat(f"{path}/{name}"): copied for name in homes.holds},
    }
