"""The arguments and options that commands share, and what they accept."""

import re
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_FILE = Path("infra.py")


def _budget(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d+%?", text, re.ASCII):
        raise typer.BadParameter("write a number of hosts, or a share like 10%")
    return text


ConfigFile = Annotated[Path, typer.Argument(metavar="FILE", help="The configuration module.")]
Limit = Annotated[
    str | None,
    typer.Option("--limit", "-l", metavar="EXPR", help="Hosts: 'web*', '@tag', 'web*,!web3'."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tags", "-t", metavar="TAG[,TAG]", help="Only resources with such a tag."),
]
AllowDrops = Annotated[
    int,
    typer.Option(
        "--allow-drops",
        metavar="N",
        min=0,
        help="So many resources of a host may be dropped at once; default: 20, or a fifth.",
    ),
]
Parallel = Annotated[
    int, typer.Option("--parallel", metavar="N", min=1, help="How many hosts at once.")
]
SshConfig = Annotated[
    Path | None,
    typer.Option("--ssh-config", metavar="FILE", help="Read instead of ~/.ssh/config."),
]
AcceptNewHostKeys = Annotated[
    bool,
    typer.Option(
        "--accept-new-host-keys", help="Record the keys of hosts never seen before; say which."
    ),
]
ConnectTimeout = Annotated[
    float | None,
    typer.Option("--connect-timeout", metavar="SECONDS", min=0.1, help="To connect; default 10."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show operations, whole diffs and command output.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; as NO_COLOR=1 does.")]
DetailedExitcode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 3 when changes are pending.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before applying.")]
First = Annotated[
    int | None,
    typer.Option("--first", metavar="N", min=1, help="Apply to N hosts first, then to the rest."),
]
MaxFailures = Annotated[
    str | None,
    typer.Option(
        "--max-failures",
        metavar="N|N%",
        callback=_budget,
        help="Start no new host when more failed; default: over 25%, and at least 3.",
    ),
]

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Save the plan, for `apply FILE` to execute."),
]
Sign = Annotated[
    Path | None,
    typer.Option("--sign", metavar="KEY", help="Sign it with an ed25519 key of OpenSSH's."),
]
Trust = Annotated[
    str | None,
    typer.Option(
        "--trust", metavar="PUBKEY", help="Only plans signed by this key: a file, or ssh-ed25519..."
    ),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run: see history.")]
ConfigOrPlan = Annotated[
    Path, typer.Argument(metavar="FILE", help="The configuration module, or a saved plan.")
]


def split_tags(tags: list[str] | None) -> tuple[str, ...]:
    """``--tags a,b --tags c`` as names.

    >>> split_tags(["a,b", "c"])
    ('a', 'b', 'c')
    """
    return tuple(tag.strip() for each in tags or () for tag in each.split(",") if tag.strip())
