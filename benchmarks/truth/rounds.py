"""One round: what a tool predicted, what it then did, and what the host says."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.truth.steps import Report, Said, Verdict, judge


@dataclass(frozen=True)
class Round:
    """A dry run, in each documented way to make one, and the run after it."""

    tool: str
    name: str
    dry: Mapping[str, Report]
    happened: Report
    wrong: tuple[str, ...]
    """What is not as wanted on the host afterwards."""

    def verdicts(self, way: str) -> dict[str, Verdict]:
        """For each step that was predicted or happened. What only one side names did not change."""
        predicted, happened = self.dry[way].steps, self.happened.steps
        return {
            step: judge(predicted.get(step, Said.NONE), happened.get(step, Said.NONE))
            for step in {**predicted, **happened}
        }

    def counts(self, way: str) -> Counter[Verdict]:
        """How many predictions were how."""
        return Counter(self.verdicts(way).values())

    @property
    def changed(self) -> int:
        """How many steps changed something."""
        return sum(said is Said.CHANGE for said in self.happened.steps.values())
