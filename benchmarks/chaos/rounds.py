"""One round: a run that is disturbed, one plain run that repairs all of it, and the proof."""

import random
import time
from dataclasses import dataclass, field

from benchmarks.chaos import verify
from benchmarks.chaos.apply import plain
from benchmarks.chaos.kinds import KINDS, Stage, runner_gone
from benchmarks.chaos.watcher import watching
from tests.lab import Lab, LabHost

DISK = "256m"


@dataclass(frozen=True)
class Task:
    """What is to be done in one round, whenever and on whichever host: its number is its seed."""

    number: int
    kind: str
    seed: int

    @property
    def from_nothing(self) -> bool:
        """Whether it begins with a pristine host, on which everything is yet to be made."""
        return self.number % 6 == 0


@dataclass
class Outcome:
    """What came of one round."""

    task: Task
    host: str
    version: int
    hit: bool = False
    steps: int = 0
    """Steps of its plan; 0: it was hit before it had one."""
    share: float = 0.0
    """How much of the files and links was as wanted when it was over."""
    pending: int = 0
    """Steps that were begun and have no outcome in the record."""
    leftovers: int = 0
    """Temporary files that were left behind."""
    lingered: float = 0.0
    """Seconds until the runner had ended."""
    repair: float = 0.0
    """Seconds that the plain run took."""
    passes: int = 0
    """How often the watcher has looked at all files."""
    problems: list[str] = field(default_factory=list)


@dataclass
class Ring:
    """A host that goes from version to version."""

    lab: Lab
    host: LabHost
    version: int = 0

    def reset(self, version: int) -> None:
        """A pristine host, brought to a version by an undisturbed run; 0: left as it is."""
        self.lab.reset(self.host, disk_size=DISK)
        self.version = version
        if not version:
            return
        problems: list[str] = []
        self._repair(problems)
        if problems:
            raise RuntimeError(f"not even undisturbed: {problems}")

    def round(self, task: Task) -> Outcome:
        """Disturb, repair, prove."""
        if task.from_nothing:
            self.reset(0)
        self.version += 1
        outcome = Outcome(task, self.host.name, self.version)
        rng = random.Random(f"{task.seed}-{task.number}")  # noqa: S311 - to be replayed
        stage = Stage(self.lab, self.host, self.version, rng, outcome.problems)
        with watching(self.host, self.version - 1, self.version) as seen:
            apply = KINDS[task.kind][0](stage)
            outcome.lingered = runner_gone(self.host)
            if apply is not None:
                outcome.hit, outcome.steps = True, apply.steps
            outcome.share = verify.share_done(self.host, self.version - 1, self.version)
            record, _ = verify.record(self.host.path(verify.RECORD))
            outcome.pending = len(record.pending)
            outcome.leftovers = sum(1 for _ in self.host.path("/srv/chaos").rglob(".cfgdsl-*"))
            outcome.repair = self._repair(outcome.problems)
        outcome.passes = seen.passes
        outcome.problems += [f"the watcher saw {what}" for what in seen.problems]
        return outcome

    def _repair(self, problems: list[str]) -> float:
        """One plain run; then nothing is left to do, and all is as it should be. The seconds that
        the run took."""
        begun = time.monotonic()
        code, said = plain(self.host, self.version, "apply", "--yes")
        seconds = time.monotonic() - begun
        if code != 0:
            problems.append(f"the plain apply exited with {code}:\n{said[-6000:]}")
        code, said = plain(self.host, self.version, "plan", "--detailed-exitcode")
        if code != 0:
            problems.append(f"the plan after it exited with {code}:\n{said[-3000:]}")
        problems += verify.problems(self.host, self.version)
        return seconds
