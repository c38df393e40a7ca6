"""The standard library of resource types: one pure class in each module.

Every type is importable from here, and loaded when it is first used.
"""

import importlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfgdsl_stdlib.block import Block
    from cfgdsl_stdlib.command import Command
    from cfgdsl_stdlib.directory import Directory
    from cfgdsl_stdlib.file import File
    from cfgdsl_stdlib.group import Group
    from cfgdsl_stdlib.line import Line
    from cfgdsl_stdlib.package import Package
    from cfgdsl_stdlib.random_password import RandomPassword
    from cfgdsl_stdlib.service import Service
    from cfgdsl_stdlib.ssh_key import SshKey
    from cfgdsl_stdlib.symlink import Symlink
    from cfgdsl_stdlib.user import User

__all__ = [
    "Block",
    "Command",
    "Directory",
    "File",
    "Group",
    "Line",
    "Package",
    "RandomPassword",
    "Service",
    "SshKey",
    "Symlink",
    "User",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'cfgdsl_stdlib' has no attribute {name!r}")
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    value = getattr(importlib.import_module(f"cfgdsl_stdlib.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
