"""The floor: one OpenSSH connection per host that runs a hand-written script doing the same checks.

The script is what a patient expert would write: one process, no framework, one query for all
packages and one for all services, writing nothing where nothing differs.
"""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.fleet import workload

_SCRIPT = """
import grp, hashlib, os, pwd, subprocess, sys
bad = []
def check(ok, what):
    if not ok:
        bad.append(what)
for path, mode, owner, digest in FILES:
    try:
        st = os.lstat(path)
        data = open(path, "rb").read()
        check(hashlib.sha256(data).hexdigest() == digest and st.st_mode & 0o7777 == mode
              and pwd.getpwuid(st.st_uid).pw_name == owner, path)
    except OSError:
        bad.append(path)
for path in DIRECTORIES:
    check(os.path.isdir(path) and os.lstat(path).st_mode & 0o7777 == 0o755, path)
for path, to in LINKS:
    check(os.path.islink(path) and os.readlink(path) == to, path)
for name in USERS:
    try:
        pwd.getpwnam(name)
    except KeyError:
        bad.append(name)
for name in GROUPS:
    try:
        grp.getgrnam(name)
    except KeyError:
        bad.append(name)
out = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}\\\\n", *PACKAGES],
                     stdout=subprocess.PIPE).stdout
check(out.split() == [b"installed"] * len(PACKAGES), "packages")
out = subprocess.run(["systemctl", "show", "-p", "ActiveState,UnitFileState", *SERVICES],
                     stdout=subprocess.PIPE).stdout
check(out.count(b"ActiveState=active") == len(SERVICES)
      and out.count(b"UnitFileState=enabled") == len(SERVICES), "services")
print(len(bad), *bad[:5])
"""


def script(host: str) -> str:
    """The script for one host, with its data in front."""
    files = [(s.path, s.mode, s.owner, s.sha256) for s in workload.files(host)]
    values = {
        "FILES": files,
        "DIRECTORIES": ["/srv/bench", *workload.DIRECTORIES],
        "LINKS": workload.LINKS,
        "USERS": workload.USERS,
        "GROUPS": workload.GROUPS,
        "PACKAGES": workload.PACKAGES,
        "SERVICES": workload.SERVICES,
    }
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + _SCRIPT


def run(hosts: Sequence[str], ssh_config: Path, *, options: Sequence[str] = ()) -> dict[str, str]:
    """Run it on all hosts at once; what each printed."""
    ssh = ["ssh", "-F", str(ssh_config), "-l", "root", "-o", "BatchMode=yes", *options]
    with ThreadPoolExecutor(len(hosts)) as pool:
        said = pool.map(lambda host: _ask([*ssh, host, "python3 -"], script(host)), hosts)
        return dict(zip(hosts, said, strict=True))


def _ask(argv: Sequence[str], given: str) -> str:
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()
