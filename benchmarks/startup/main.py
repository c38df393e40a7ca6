"""Measure what starting costs: `import cfgdsl`, `cfgdsl --help`, a plan of a local directory."""

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.conditions import conditions, sentence
from benchmarks.measure import middle, run, save, table, timed

AIMS = {"import cfgdsl": 0.1, "cfgdsl --help": 0.2}
EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    found = conditions()
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(EXAMPLE, Path(folder) / "example")
        results = measure(str(copy / "infra.py"), times)
    rows = [
        [name, f"{r['wall'] * 1000:.0f}", f"{r['cpu'] * 1000:.0f}", _aim(name)]
        for name, r in results.items()
    ]
    text = (
        "# Starting\n\n"
        f"Median of {times} processes each, interleaved, files in the page cache.\n\n"
        + table(["", "wall ms", "CPU ms", "aim ms"], rows)
        + "\n"
        + sentence(found)
    )
    save("startup", text, {"conditions": found, "results": results})


def measure(config: str, times: int) -> dict[str, dict[str, float]]:
    """Median wall and CPU seconds of each."""
    python = sys.executable
    commands = {
        "python, nothing": [python, "-c", "pass"],
        "import cfgdsl": [python, "-c", "import cfgdsl"],
        "cfgdsl --help": [python, "-m", "cfgdsl", "--help"],
        "cfgdsl plan, local directory": [python, "-m", "cfgdsl", "plan", config],
    }
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(times):
        for name, argv in commands.items():
            cost, _ = timed(partial(run, argv))
            costs[name].append((cost.wall, cost.cpu))
    return {
        name: {"wall": middle([w for w, _ in found]), "cpu": middle([c for _, c in found])}
        for name, found in costs.items()
    }


def _aim(name: str) -> str:
    return f"{AIMS[name] * 1000:.0f}" if name in AIMS else ""
