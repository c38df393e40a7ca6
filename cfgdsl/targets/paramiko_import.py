"""Imports paramiko in half its time: without `invoke`, which it loads only for ``Match exec``.

paramiko.config does ``try: import invoke``, which brings yaml, asyncio and unittest.mock: half of
the time. cfgdsl reads ssh_config itself, so nobody here needs it. A user's own paramiko or fabric
in the same process must not notice: what paramiko keeps as `invoke` afterwards is a stand-in that
imports the real one at its first use.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
import types
from collections.abc import Sequence


class _WithoutInvoke(importlib.abc.MetaPathFinder):
    """Says that there is no `invoke`, to the thread that made it and to no other."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol of finders
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """None (ask the next finder), or ModuleNotFoundError."""
        if fullname == "invoke" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError("not needed here", name=fullname)
        return None


class _Later(types.ModuleType):
    """Stands for a module that is imported when one of its names is asked for."""

    def __getattr__(self, name: str) -> object:
        return getattr(importlib.import_module(self.__name__), name)


def _import_paramiko() -> None:
    if "paramiko" in sys.modules or "invoke" in sys.modules:
        return
    finder = _WithoutInvoke()
    sys.meta_path.insert(0, finder)
    try:
        config = importlib.import_module("paramiko.config")
    finally:
        sys.meta_path.remove(finder)
    if vars(config).get("invoke") is None:
        vars(config)["invoke"] = _Later("invoke")


_import_paramiko()

import paramiko as paramiko  # noqa: E402, PLC0414 - after the shortcut; re-exported
