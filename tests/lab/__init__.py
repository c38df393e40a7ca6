"""The lab: real Debian hosts with systemd on this one machine, for tests that must not simulate.

`python -m tests.lab up 3` starts three hosts; the pytest fixture `lab` leases hosts to a session.
How it works is in `machine.py` (a host), `base.py` (what all hosts share) and `lab.py` (who may
use which host).
"""

from tests.lab.host import OPS_PASSWORD, LabHost
from tests.lab.lab import Lab
from tests.lab.requirements import LabUnavailableError, missing_requirements

__all__ = ["OPS_PASSWORD", "Lab", "LabHost", "LabUnavailableError", "missing_requirements"]
