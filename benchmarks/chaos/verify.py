"""Looks at a host without cfgdsl: whether it has exactly what a version says.

Only the record is read with cfgdsl's own reader of journals, from outside of the host.
"""

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.chaos import workload
from cfgdsl.runner import journal
from cfgdsl.runner.record import Record
from tests.lab import LabHost

RECORD = "/var/lib/cfgdsl/chaos"

_NEVER_MADE = ("service:", "command:")
"""Kinds of which the record does not say that cfgdsl has created them."""

_SCRIPT = """
import fcntl, grp, hashlib, json, os, pwd, subprocess, time
bad = []
def check(ok, *what):
    if not ok:
        bad.append(" ".join(map(str, what)))
def out(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode()
def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return str(error)
for path, sha256, mode, owner, group in W["files"]:
    try:
        st = os.lstat(path)
        with open(path, "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
        check(found == sha256, path, "has another content")
        check(st.st_mode == 0o100000 | mode, path, "has mode", oct(st.st_mode))
        names = pwd.getpwuid(st.st_uid).pw_name, grp.getgrgid(st.st_gid).gr_name
        check(names == (owner, group), path, "belongs to", names)
    except (OSError, KeyError) as error:
        bad.append(repr(error))
for path in W["folders"]:
    check(os.path.isdir(path) and os.lstat(path).st_mode == 0o40755, path, "is no such folder")
for path, to in W["links"].items():
    check(os.path.islink(path) and os.readlink(path) == to, path, "leads elsewhere")
for path in W["gone"]:
    check(not os.path.lexists(path), path, "is still there")
form = "${Package} ${Version} ${db:Status-Status}\\n"
shown = out("dpkg-query", "-W", "-f", form, *W["packages"])
rows = dict(line.split(" ", 1) for line in shown.splitlines())
for name, version in W["packages"].items():
    found = rows.get(name, "")
    want = f"{version} installed" if version else ""
    check(found == want or (not version and not found.endswith(" installed")), name, "is", found)
check(out("dpkg", "--audit") == "", "dpkg is not content")
entry = [n for n in (u.pw_name for u in pwd.getpwall()) if n == W["user"]]
check(len(entry) == 1 and os.path.isdir("/home/" + W["user"]), "the user")
check([g.gr_name for g in grp.getgrall()].count(W["group"]) == 1, "the group")
spoilt = out("pwck", "-r", "-q") + out("grpck", "-r")
check(spoilt == "", "the account files are spoilt:", spoilt)
for name, want in W["read"].items():
    shown = out("systemctl", "show", "-p", "ActiveState,UnitFileState,NeedDaemonReload", name)
    check(set(shown.split()) == {"ActiveState=active", "UnitFileState=enabled",
          "NeedDaemonReload=no"}, name, "is", shown.split())
    for _ in range(100):  # it may just have been started
        if text(f"/run/{name}.read").strip() == want:
            break
        time.sleep(0.05)
    check(text(f"/run/{name}.read").strip() == want, name, "runs with", text(f"/run/{name}.read"))
path, want = W["hooked"]
check(text(path).split()[:1] == [want], "the command has not seen the newest", path)
for start in (W["folders"][0], "/etc", "/home", "/root", "/usr/local", "/var/lib/cfgdsl", "/run"):
    for folder, folders, files in os.walk(start):
        for name in folders + files:
            ours = name.startswith((".cfgdsl-", ".spool-"))
            hidden = folder.startswith("/var/lib/cfgdsl") and name.startswith(".")
            check(not ours and not hidden, "left over:", os.path.join(folder, name))
try:
    with open("/run/lock/cfgdsl") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError as error:
    bad.append("the lock: " + str(error))
print(json.dumps(bad))
"""


def problems(host: LabHost, version: int) -> list[str]:
    """What is not as it should be; nothing else may be said of it."""
    script = f"W = {workload.wanted(version)!r}\n{_SCRIPT}"
    done = host.run(["python3", "-"], stdin=script, check=False)
    if done.returncode != 0:
        return [done.stderr[-2000:]]
    found: list[str] = json.loads(done.stdout)
    return found + record_problems(host.path(RECORD), version)


def record(folder: Path) -> tuple[Record, int]:
    """The record of the project, and how many lines of its journal are spoilt."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:  # no run has come so far
        return Record(), 0
    try:
        entries, spoilt, _ = journal.read(opened)
    finally:
        os.close(opened)
    return Record(entries), spoilt


def record_problems(folder: Path, version: int) -> list[str]:
    """Whether the record knows of each resource, owes nothing, and has nothing half done."""
    found, spoilt = record(folder)
    said = [f"{spoilt} spoilt lines in the journal"] if spoilt else []
    if (folder / "journal.damaged").exists():
        said.append("a damaged journal was put aside")
    if found.debts or found.pending:
        said.append(f"debts {sorted(found.debts)}, pending {sorted(found.pending)}")
    # What is only to be absent may be owned, or not any more.
    absent = {f"package:{n}" for n, exact in workload.packages(version).items() if exact is None}
    owned, expected = set(found.owned) - absent, identities(version) - absent
    if owned != expected:
        said.append(f"owned too much {sorted(owned - expected)}, too little "
                    f"{sorted(expected - owned)}")  # fmt: skip
    made = {name for name in owned & expected if not name.startswith(_NEVER_MADE)}
    adopted = [name for name in made if not found.owned[name]["created"]]
    if adopted:
        said.append(f"made by cfgdsl, and forgotten that it was: {sorted(adopted)}")
    return said


def share_done(host: LabHost, old: int, new: int) -> float:
    """How much of what differs between two versions is as the new one has it: files and links."""
    before, after = ({spec.path: spec.data for spec in workload.files(v)} for v in (old, new))
    changed = [path for path in before | after if before.get(path) != after.get(path)]
    done = sum(_data(host.path(path)) == after.get(path) for path in changed)
    links = workload.links(new)
    done += sum(_target(host.path(path)) == to for path, to in links.items())
    return done / (len(changed) + len(links))


def _data(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _target(link: Path) -> str | None:
    return str(link.readlink()) if link.is_symlink() else None


def identities(version: int) -> set[str]:
    """What the record must own: all that is declared."""
    wanted: dict[str, Any] = workload.wanted(version)
    return {
        *(f"file:{path}" for path, *_ in wanted["files"]),
        *(f"directory:{path}" for path in wanted["folders"]),
        *(f"symlink:{path}" for path in wanted["links"]),
        *(f"package:{name}" for name in wanted["packages"]),
        *(f"service:{name}.service" for name in wanted["read"]),
        f"user:{wanted['user']}",
        f"group:{wanted['group']}",
        "command:hook",
    }
