"""What a rendering depends on besides what it shows."""

import os
import shutil

import attrs

from cfgdsl.core.origin import Origin


@attrs.frozen(kw_only=True)
class View:
    """For whom one renders: how wide, how much, seen from which folder."""

    width: int = 80
    verbose: bool = False
    folder: str = "/"
    """Files inside it are named relative to it."""

    @classmethod
    def here(cls, *, verbose: bool = False, terminal: bool = True) -> "View":
        """The view of the caller's own terminal; 100 columns where there is none."""
        columns = shutil.get_terminal_size((100, 24)).columns if terminal else 100
        return cls(width=max(40, columns), verbose=verbose, folder=os.getcwd())  # noqa: PTH109

    def where(self, origin: Origin) -> str:
        """``infra.py:14``."""
        near = origin.relative_to(self.folder)
        return f"{near.file}:{near.line}"
