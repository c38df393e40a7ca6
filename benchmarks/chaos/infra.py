"""The workload as a cfgdsl configuration; CHAOS_HOST and CHAOS_VERSION say where and which."""

import os
import sys
from pathlib import Path

from cfgdsl import Host, configure, project
from cfgdsl_stdlib import Command, Directory, File, Group, Package, Service, Symlink, User

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.chaos import workload

project("chaos")

version = int(os.environ["CHAOS_VERSION"])


@configure(Host(os.environ["CHAOS_HOST"], user="root"))
def chaos(_: Host) -> None:
    Group(workload.GROUP)
    User(workload.USER)
    for path in workload.folders(version):
        Directory(path, mode=0o755)
    for path, to in workload.links(version).items():
        Symlink(path, to=to)
    files = {
        spec.path: File(
            spec.path, content=spec.data, mode=spec.mode, owner=spec.owner, group=spec.group
        )
        for spec in workload.files(version)
    }
    for name, exact in workload.packages(version).items():
        Package(name, version=exact, absent=exact is None)
    for name in workload.DAEMONS:
        causes = [files[workload.settings(name)], files[workload.unit(name)]]
        Service(name, running=True, enabled=True, restart_on=causes)
    see = f"sha256sum < {workload.HOOK} > {workload.HOOKED}"
    Command(shell=see, id="hook", on_change=[files[workload.HOOK]])
