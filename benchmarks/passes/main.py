"""Times of the pure passes, from constructors to the plan's JSON, at 1k, 10k and 100k resources.

    python benchmarks/passes/main.py [--sizes 1000,10000] [--shapes mixed,chain] [--json FILE]

Each case runs in a process of its own, so that peak memory is its own. Times are the best of three
(of one at 100k), in seconds; memory is the growth of the peak
resident size over the whole case.
"""

import argparse
import gc
import json
import resource as limits
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "stdlib")]

from benchmarks.passes.shapes import SHAPES, bare, components_of, converged  # noqa: E402
from cfgdsl import Plan, Resource  # noqa: E402 - the path above comes first
from cfgdsl.core.graph import build  # noqa: E402
from cfgdsl.core.planner import plan_host  # noqa: E402
from cfgdsl.core.request import Request, questions  # noqa: E402

T = TypeVar("T")

PASSES = ("construct", "graph", "questions", "plan, no change", "plan, all change", "JSON")
QUIET = ("construct", "graph", "questions", "plan, no change")
BUSY = ("construct", "graph", "questions", "plan, all change", "JSON")


def timed(times: dict[str, float], name: str, function: Callable[[], T]) -> T:
    """Run `function`; its time in seconds goes to `times`, the least of several."""
    gc.collect()
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    times[name] = min(times.get(name, seconds), seconds)
    return result


def measure(shape: str, size: int) -> dict[str, Any]:
    """One case, in this process."""
    gc.set_threshold(50_000, 20, 100)  # as the command line does
    start = _peak_mib()
    times: dict[str, float] = {}
    steps = 0
    for _ in range(1 if size >= 100_000 else 3):
        resources = timed(times, "construct", lambda: SHAPES[shape](size))
        steps = _passes(resources, times)
    return {
        "shape": shape,
        "size": size,
        "seconds": {name: round(times[name], 4) for name in PASSES},
        "no change": round(sum(times[name] for name in QUIET), 3),
        "all change": round(sum(times[name] for name in BUSY), 3),
        "peak_mib": round(_peak_mib() - start),
        "steps": steps,
    }


def _passes(resources: list[Resource], times: dict[str, float]) -> int:
    components = components_of(resources)
    graph = timed(times, "graph", lambda: build(resources, components))
    asked = timed(times, "questions", lambda: questions(graph.resources))
    request = Request(host="host", graph=graph)
    answers = bare(asked)
    changes = timed(times, "plan, all change", lambda: plan_host(request, answers)).plan
    timed(times, "JSON", lambda: Plan(project=None, hosts=(changes,)).to_json())
    answers = converged(asked, resources)
    nothing = timed(times, "plan, no change", lambda: plan_host(request, answers)).plan
    if changes.problems or not changes.steps or nothing.problems or nothing.steps:
        raise SystemExit(f"not the plans that are to be measured: {changes.problems[:1]}")
    return len(changes.steps)


def _peak_mib() -> float:
    return limits.getrusage(limits.RUSAGE_SELF).ru_maxrss / 1024


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    head = ["shape", "resources", *PASSES, "total, no change", "total, all change", "peak MiB"]
    rows = [
        [
            r["shape"],
            f"{r['size']:,}",
            *(f"{r['seconds'][name]:.3f}" for name in PASSES),
            f"{r['no change']:.2f}",
            f"{r['all change']:.2f}",
            str(r["peak_mib"]),
        ]
        for r in results
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure every case, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        shape, size = options.case.split(":")
        print(json.dumps(measure(shape, int(size))))
        return
    results = []
    for shape in options.shapes.split(","):
        for size in options.sizes.split(","):
            command = [sys.executable, __file__, "--case", f"{shape}:{size}"]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results.append(json.loads(done.stdout))
            print(table(results[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
