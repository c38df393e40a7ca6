"""The steps of the scenario, and the words in which every tool's predictions are compared.

`scenario/` has them as each tool writes them: a task, an operation or a resource of each name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tests.lab import LabHost

SCENARIO = Path(__file__).parent / "scenario"

STEPS = {
    "package": "nginx is installed",
    "group": "a group",
    "user": "a user in it, with a home",
    "home": "a command whose `creates` the step before has made: not to be run",
    "directory": "a directory that both own",
    "config": "a file in it that both own, from a template",
    "ssh directory": "`.ssh` in the home",
    "authorized keys": "a file in that",
    "ssh key": "a command with `creates`, run as the user",
    "site": "a file in a directory that comes with the package",
    "default site": "a link that comes with the package is removed",
    "first edit": "a line of a file that comes with the package",
    "second edit": "another line of it",
    "unit": "a unit file",
    "app service": "its service is started and enabled",
    "app restart": "and restarted when `config` or `unit` changed",
    "nginx service": "the service of the package is started and enabled",
    "nginx reload": "and reloaded when the site, the default site or an edit changed",
}


class Said(StrEnum):
    """What a tool says of one step: in a dry run that it will, in a run that it did."""

    CHANGE = "change"
    NONE = "no change"
    POSSIBLE = "possible"
    FAILED = "failed"
    NOT_REACHED = "not reached"


class Verdict(StrEnum):
    """A prediction beside what happened."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSAID = "could not say"


@dataclass(frozen=True)
class Report:
    """What one run of a tool said, dry or not."""

    exit_code: int
    steps: Mapping[str, Said]
    messages: Mapping[str, str] = field(default_factory=dict)
    """Of what failed, why."""


def judge(predicted: Said, happened: Said) -> Verdict:
    """Whether a dry run was right about a step. One that ended in an error has said nothing."""
    if predicted in {Said.CHANGE, Said.NONE} or predicted == happened:
        return Verdict.RIGHT if predicted == happened else Verdict.WRONG
    return Verdict.UNSAID


@dataclass(frozen=True)
class Situation:
    """A host, and what shall be on it."""

    host: LabHost
    greeting: str
    folder: Path
    """For what a tool needs beside the scenario: inventories, events."""


class Tool(Protocol):
    """A tool under test."""

    @property
    def name(self) -> str:
        """With its version."""

    def prepare(self, host: LabHost) -> None:
        """Give a pristine host what the tool itself needs there."""

    def dry_runs(self, situation: Situation) -> Mapping[str, Report]:
        """One dry run, or one for each documented way to make one."""

    def apply(self, situation: Situation) -> Report:
        """The real run."""
