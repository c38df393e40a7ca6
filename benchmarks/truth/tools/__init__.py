"""How each tool is run, and how what it says is read."""

from benchmarks.truth.tools.ansible import Ansible
from benchmarks.truth.tools.cfgdsl import Cfgdsl
from benchmarks.truth.tools.pyinfra import Pyinfra

__all__ = ["Ansible", "Cfgdsl", "Pyinfra"]
