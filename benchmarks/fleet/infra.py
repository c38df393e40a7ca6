"""The workload as a cfgdsl configuration; BENCH_HOSTS names the lab's hosts."""

import os
import sys
from pathlib import Path

from cfgdsl import Host, configure, project, template
from cfgdsl_stdlib import Directory, File, Group, Package, Service, Symlink, User

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.fleet import workload

project("bench")

hosts = [Host(name, user="root") for name in os.environ["BENCH_HOSTS"].split(",")]


@configure(hosts)
def bench(host: Host) -> None:
    Directory("/srv/bench")
    for path in workload.DIRECTORIES:
        Directory(path, mode=0o755)
    for name in workload.USERS:
        User(name)
    for name in workload.GROUPS:
        Group(name)
    for name in workload.PACKAGES:
        Package(name)
    for name in workload.SERVICES:
        Service(name, running=True, enabled=True)
    for path, to in workload.LINKS:
        Symlink(path, to=to)
    for spec in workload.files(host.name):
        rendered = spec.path.endswith(".conf")
        number = int(spec.path[-7:-5]) if rendered else 0
        content = template("template.conf.j2", host=host.name, number=number)
        File(
            spec.path,
            content=content if rendered else spec.data,
            mode=spec.mode,
            owner=spec.owner,
        )
