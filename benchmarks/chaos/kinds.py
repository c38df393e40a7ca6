"""The kinds of disturbance. Each begins a run, disturbs it at a moment, and sees it to its end.

Each returns the run that was hit, or None when that came too late to hit anything. What it says of
a run that has not ended as it must goes to `stage.problems`.
"""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from benchmarks.chaos import verify, victims, workload
from benchmarks.chaos.apply import PATIENCE, Apply, Moment
from tests.lab import Lab, LabHost
from tests.lab.processes import ProcessId

LOCK = "/run/lock/cfgdsl"
HELD = "another run changes this host"
APT = ("apt-get", "dpkg", "dpkg-deb")


@dataclass
class Stage:
    """Where one disturbance takes place: a host that is at version `version - 1`; 0: pristine."""

    lab: Lab
    host: LabHost
    version: int
    rng: random.Random
    problems: list[str] = field(default_factory=list)

    def begin(self) -> Apply:
        """Begin the run to be disturbed."""
        return Apply(self.host, self.version)

    def begin_and_reach(self) -> Apply | None:
        """Begin it, and wait for a random moment in it; None when it ended before."""
        moment = Moment.at_random(self.rng)
        apply = self.begin()
        if apply.reaches(moment):
            return apply
        apply.exit_code()
        return None

    def must_fail(self, apply: Apply) -> None:
        """Wait for the end of a run that cannot have ended well, and has to say so."""
        code = apply.exit_code()
        if code != 1 or "Traceback" in apply.said:
            self.problems.append(f"the disturbed run exited with {code}:\n{apply.said[-3000:]}")


Kind: TypeAlias = Callable[[Stage], Apply | None]


def controller(stage: Stage) -> Apply | None:
    """SIGKILL of cfgdsl itself."""
    apply = stage.begin_and_reach()
    if apply is not None:
        apply.kill()
        if apply.exit_code() != -9:
            return None
    return apply


def runner(stage: Stage) -> Apply | None:
    """SIGKILL of the runner on the host."""
    return _kill(stage, lambda process: process)


def sshd(stage: Stage) -> Apply | None:
    """SIGKILL of sshd's process for the connection."""
    return _kill(stage, victims.sshd_of)


def _kill(stage: Stage, chosen: Callable[[ProcessId], ProcessId | None]) -> Apply | None:
    """The victim is found before the moment, so that it is met to the millisecond."""
    moment = Moment.at_random(stage.rng)
    apply = stage.begin()
    while apply.runs and not victims.runners(stage.host):
        time.sleep(0.005)
    victim = next(map(chosen, victims.runners(stage.host)), None)
    if not apply.reaches(moment) or victim is None or not victim.is_running():
        apply.exit_code()
        return None
    victim.kill()
    return _ended_badly(stage, apply)


def _ended_badly(stage: Stage, apply: Apply) -> Apply | None:
    """Whether it was hit; it had already done all when it ends well nevertheless."""
    code = apply.exit_code()
    if code == 0 and apply.done == apply.steps:
        return None
    if code != 1 or "Traceback" in apply.said:
        stage.problems.append(f"the disturbed run exited with {code}:\n{apply.said[-3000:]}")
    return apply


def package_manager(stage: Stage) -> Apply | None:
    """SIGKILL of apt-get or of dpkg below it, or of all of them, while they work."""
    delay, everything = stage.rng.uniform(0.0, 0.4), stage.rng.random() < 0.3
    choice = stage.rng.random()
    apply = stage.begin()
    while apply.runs and not victims.named(stage.host, *APT):
        time.sleep(0.003)
    time.sleep(delay)
    found = victims.named(stage.host, *APT)
    chosen = found if everything else found[int(choice * len(found)) :][:1]
    for process in chosen:
        process.kill()
    code = apply.exit_code()
    if code not in (0, 1) or "Traceback" in apply.said:
        stage.problems.append(f"the disturbed run exited with {code}:\n{apply.said[-3000:]}")
    return apply if chosen else None


def full_disk(stage: Stage) -> Apply | None:
    """No space left, from a random moment on, or after so many bytes."""
    disk = stage.host.machine.disk
    if stage.rng.random() < 0.6:
        # The large files need 7 MiB in the spool and 7 MiB more in their places.
        megabytes = stage.rng.uniform(*stage.rng.choice(((0.0, 7.0), (7.0, 15.0), (7.0, 15.0))))
        with _filled(disk, leave=int(megabytes * 1024 * 1024)):
            return _ended_badly(stage, stage.begin())
    apply = stage.begin_and_reach()
    if apply is None:
        return None
    with _filled(disk, leave=0):
        return _ended_badly(stage, apply)


@contextmanager
def _filled(disk: Path, *, leave: int) -> Iterator[None]:
    """A disk with only so many bytes free. A run may write meanwhile, so that it takes several
    attempts to get the last ones."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        size, piece = 0, 1 << 26
        while piece >= 4096:
            free = os.statvfs(disk).f_bavail * 4096 - leave
            try:
                os.posix_fallocate(file.fileno(), size, max(4096, min(piece, free)))
            except OSError:
                piece //= 4
                continue
            size = os.fstat(file.fileno()).st_size
            if free <= 4096 and leave:
                break
    try:
        yield
    finally:
        filler.unlink()


def lock_held(stage: Stage) -> Apply | None:
    """Somebody else holds the lock: the run is refused, and nothing is changed."""
    hold = ["nsenter", f"--target={_leader(stage.host)}", "--mount", "--root", "--wd"]
    argv = [*hold, "flock", "--nonblock", LOCK, "sh", "-c", "echo held; exec cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != b"held\n":
            raise RuntimeError("the lock is not free")
        apply = stage.begin()
        stage.must_fail(apply)
        process.communicate()
    if HELD not in apply.said or apply.done:
        stage.problems.append(f"not refused clearly ({apply.done} steps done):\n{apply.said}")
    if stage.version > 1:
        changed = verify.problems(stage.host, stage.version - 1)
    else:
        changed = [path for path in workload.folders(1) if stage.host.path(path).exists()]
    stage.problems += [f"changed in spite of the lock: {what}" for what in changed]
    return apply


def second_run(stage: Stage) -> Apply | None:
    """Another run of the same begins meanwhile: one goes on, the other is refused."""
    first = stage.begin_and_reach()
    if first is None:
        return None
    second = stage.begin()
    codes = (first.exit_code(), second.exit_code())
    # The one that got the lock ends well. The other is refused, or has planned before the first
    # one's changes and finds them made, or stale: it never makes them undone.
    if 0 not in codes or not {*codes} <= {0, 1} or "Traceback" in first.said + second.said:
        said = f"{first.said[-2000:]}\n--\n{second.said[-2000:]}"
        stage.problems.append(f"two runs exited with {codes}:\n{said}")
    return first


def reboot(stage: Stage) -> Apply | None:
    """The power of the host is cut, and it boots from the same disk."""
    apply = stage.begin_and_reach()
    if apply is None:
        return None
    stage.lab.restart(stage.host)
    return _ended_badly(stage, apply)


KINDS: dict[str, tuple[Kind, int]] = {
    "controller killed": (controller, 17),
    "runner killed": (runner, 20),
    "sshd's session killed": (sshd, 15),
    "apt-get or dpkg killed": (package_manager, 15),
    "disk full": (full_disk, 12),
    "lock held": (lock_held, 5),
    "second run": (second_run, 5),
    "host restarted": (reboot, 11),
}
"""What each does, and its share of a hundred."""


def runner_gone(host: LabHost) -> float:
    """Wait until nothing executes on a host any more; how many seconds that took."""
    begun = time.monotonic()
    while victims.runners(host):
        if time.monotonic() > begun + PATIENCE:
            raise TimeoutError(f"the runner on {host.name} does not end")
        time.sleep(0.02)
    return time.monotonic() - begun


def _leader(host: LabHost) -> int:
    state = host.machine.state()
    if state is None:
        raise RuntimeError(f"{host.name} does not run")
    return state.leader.number
