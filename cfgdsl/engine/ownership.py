"""Whose files are trusted: those that no other user of this machine can have written."""

import os
import stat
from pathlib import Path

from cfgdsl.core.errors import ConfigurationError, Diagnostic


def refuse_writable_by_others(
    path: Path,
    *,
    why: str = "Whoever writes there would run code as you.",
    hint: str = "Copy the configuration into a folder of your own.",
) -> None:
    """Raise `ConfigurationError` when others may write the file, or put one into its folder."""
    for each in (path, path.parent) if path.exists() else (path.parent,):
        status = each.stat()
        sticky = each == path.parent and bool(status.st_mode & stat.S_ISVTX)
        if status.st_mode & stat.S_IWOTH and not sticky:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"{each} can be written by every user of this machine",
                    detail=why,
                    hint=f"chmod o-w {each}",
                )
            )
        if status.st_uid not in {0, os.getuid()} and os.getuid() != 0:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"{each} belongs to another user (uid {status.st_uid})", hint=hint
                )
            )
