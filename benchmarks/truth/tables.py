"""What was found, as Markdown."""

from collections.abc import Mapping, Sequence

from benchmarks.measure import table
from benchmarks.truth.rounds import Round
from benchmarks.truth.steps import STEPS, Said, Verdict

_TITLE = """# Dry runs against what then happened

The same chain of steps (package, accounts, files, edits, services, commands) with each tool, from
a pristine host: first the dry run, then the run, and each step's prediction is compared with what
the tool then did. Only whether a step changes something is compared, not what. *Could not say*: the
dry run failed at the step, ended before it, or left it open (a conditional operation, a possible
change). Whether the host was as wanted afterwards is found by a script that uses none of the tools.
The second run comes right after the first.

"""

_LATER = """
## Later runs

Once more with nothing changed, and with a changed template, after which one service must restart.

"""

_STEPS = """
## Step by step, from a pristine host

Predicted → happened. ✓ rightly, ✗ wrongly, ? could not say. What happened is what the
tool reports, but for `home`, where the host shows whether the command ran. Ansible and pyinfra
report as a change what the task itself did: nothing, where the package has started its service
already; cfgdsl what differs between before and after, whoever made it. The two edits are one step
of cfgdsl's, which stands for both. Steps in brackets are a tool's own; where it has none for a
restart (cfgdsl does not restart what it starts), none is predicted and none happens.

"""

_MARKS = {Verdict.RIGHT: "✓", Verdict.WRONG: "✗", Verdict.UNSAID: "?"}


def text(rounds: Sequence[Round], missing: Mapping[str, str]) -> str:
    """All tables."""
    first = [each for each in rounds if each.name == "pristine"]
    later = [each for each in rounds if each.name != "pristine"]
    second = {each.tool: each.changed for each in rounds if each.name == "again"}
    parts = (_TITLE, summary(first, second, missing), _LATER, runs(later), _STEPS, steps(first))
    return "".join(parts) + reasons(first) + "\n"


def summary(rounds: Sequence[Round], second: Mapping[str, int], missing: Mapping[str, str]) -> str:
    """The table that this benchmark is for."""
    header = [
        *("tool", "steps", "predicted rightly", "predicted wrongly", "could not say"),
        *("exit code of the dry run", "the run", "changes of the second run"),
    ]
    rows = [
        [f"{each.tool} `{way}`", *_figures(each, way), _ending(each), str(second[each.tool])]
        for each in rounds
        for way in each.dry
    ]
    rows += [[name, f"skipped: {why}", *[""] * 6] for name, why in missing.items()]
    return table(header, rows)


def runs(rounds: Sequence[Round]) -> str:
    """The rounds after the first."""
    header = [
        *("tool", "run", "steps", "predicted rightly", "predicted wrongly", "could not say"),
        *("exit code of the dry run", "the run", "changes"),
    ]
    rows = [
        [f"{each.tool} `{way}`", each.name, *_figures(each, way), _ending(each), str(each.changed)]
        for each in rounds
        for way in each.dry
    ]
    return table(header, rows)


def steps(rounds: Sequence[Round]) -> str:
    """Each step, in each tool's words."""
    ways = [(each, way) for each in rounds for way in each.dry]
    own = {step: "" for each, way in ways for step in each.verdicts(way) if step not in STEPS}
    rows = [
        [
            f"{step}: {what}" if what else f"({step})",
            *(_cell(each, way, step) for each, way in ways),
        ]
        for step, what in {**STEPS, **own}.items()
    ]
    return table(["step", *(f"{each.tool} `{way}`" for each, way in ways)], rows)


def reasons(rounds: Sequence[Round]) -> str:
    """Why dry runs failed, in their own words, and what is wrong on hosts."""
    lines = [
        f"- {each.tool} `{way}`, {step or 'all'}: {' '.join(why.split())}"
        for each in rounds
        for way, report in each.dry.items()
        for step, why in report.messages.items()
    ]
    lines += [
        f"- {each.tool}, the run, {step}: {why}"
        for each in rounds
        for step, why in each.happened.messages.items()
    ]
    lines += [
        f"- {each.tool}, the host afterwards: {what}" for each in rounds for what in each.wrong
    ]
    return "\n" + "".join(f"{line}\n" for line in lines) if lines else ""


def _figures(each: Round, way: str) -> list[str]:
    counts = each.counts(way)
    verdicts = (Verdict.RIGHT, Verdict.WRONG, Verdict.UNSAID)
    return [
        str(counts.total()),
        *(str(counts[verdict]) for verdict in verdicts),
        str(each.dry[way].exit_code),
    ]


def _ending(each: Round) -> str:
    if each.happened.exit_code != 0:
        return f"failed ({each.happened.exit_code})"
    return "host not as wanted" if each.wrong else "host as wanted"


def _cell(each: Round, way: str, step: str) -> str:
    verdicts = each.verdicts(way)
    if step not in verdicts:
        return ""
    said = [report.steps.get(step, Said.NONE) for report in (each.dry[way], each.happened)]
    return f"{_MARKS[verdicts[step]]} {said[0]} → {said[1]}"
