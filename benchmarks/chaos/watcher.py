"""Watches a host during a disturbed run: every file there must be a whole version, old or new."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos import workload
from tests.lab import LabHost

_SCRIPT = """
import grp, hashlib, json, os, pwd, select, sys
known, passes, looks, bad, seen = json.loads(sys.stdin.readline()), 0, 0, set(), {}
def names(st):
    try:
        return pwd.getpwuid(st.st_uid).pw_name, grp.getgrgid(st.st_gid).gr_name
    except KeyError:
        return st.st_uid, st.st_gid
def look(path, versions, attributes, lasting):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        try:
            return None if os.readlink(path) in versions else "leads to " + os.readlink(path)
        except OSError:
            return repr(error) if lasting else None
    try:
        st = os.fstat(fd)
        state = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
        if seen.get(path) == state:
            return None
        mode, owners = st.st_mode & 0o7777, names(st)
        if [mode, *owners] not in attributes:
            return "mode %o, owner and group %s" % (mode, owners)
        hasher = hashlib.sha256()
        while True:
            piece = os.read(fd, 1 << 20)
            if not piece:
                break
            hasher.update(piece)
        if hasher.hexdigest() not in versions:
            return "a content of %d bytes that no version has" % st.st_size
        seen[path] = state
    finally:
        os.close(fd)
print("watching", flush=True)
while not select.select([0], [], [], 0.001)[0]:
    for path, versions, attributes, lasting in known:
        wrong = look(path, versions, attributes, lasting)
        looks += 1
        if wrong and path not in bad:
            bad.add(path)
            print(path + ": " + wrong, flush=True)
    passes += 1
    if passes % 50 == 0:
        print("#", passes, looks, flush=True)
print("#", passes, looks, flush=True)
"""


@dataclass
class Seen:
    """What a watcher has found."""

    problems: list[str] = field(default_factory=list)
    passes: int = 0
    looks: int = 0


@contextmanager
def watching(host: LabHost, old: int, new: int) -> Iterator[Seen]:
    """Watch a host in the block, in which it goes from one version to another."""
    seen = Seen()
    state = host.machine.state()
    if state is None:
        raise RuntimeError(f"{host.name} does not run")
    enter = ["nsenter", f"--target={state.leader.number}", "--mount", "--pid", "--root", "--wd"]
    argv = [*enter, "nice", "python3", "-c", _SCRIPT]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        try:
            process.stdin.write(json.dumps(known(old, new)).encode() + b"\n")
            process.stdin.flush()
            if process.stdout.readline() != b"watching\n":
                raise RuntimeError(f"the watcher does not run on {host.name}")
            yield seen
        finally:
            said, _ = process.communicate()  # its end of file ends it; a restart has ended it
            for line in said.decode().splitlines():
                if line.startswith("# "):
                    seen.passes, seen.looks = map(int, line.split()[1:])
                else:
                    seen.problems.append(line)


def known(old: int, new: int) -> list[tuple[str, list[str], Any, bool]]:
    """By path: the whole versions that it may have, its attributes, and whether both have it."""
    found = []
    before = {spec.path: spec for spec in workload.files(old)}
    after = {spec.path: spec for spec in workload.files(new)}
    for path in before | after:
        specs = [each[path] for each in (before, after) if path in each]
        attributes = [(spec.mode, spec.owner, spec.group) for spec in specs]
        found.append((path, [spec.sha256 for spec in specs], attributes, len(specs) == 2))
    links = (workload.links(old), workload.links(new))
    for path in links[1]:
        targets = [each[path] for each in links if path in each]
        found.append((path, targets, [], len(targets) == 2))
    return found
