"""Memory of the controller by number of hosts: planning and applying 50 files on each, all new.

    python -m benchmarks.hosts [--hosts 20,200,2000] [--parallel 20]

The hosts are directories, each with a runner of its own: all of the engine is in it but SSH. Each
case runs in a process of its own; memory is its peak resident size, time includes all the runners.
"""

import argparse
import gc
import json
import resource as limits
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cfgdsl
from benchmarks.conditions import conditions, sentence
from benchmarks.measure import save, table

RESOURCES = 50
CONFIG = """
from cfgdsl import Host, configure
from cfgdsl_stdlib import Directory, File

hosts = [Host.local({root!r} + f"/{{n}}", name=f"host{{n}}") for n in range({hosts})]


@configure(hosts)
def files(host):
    folder = Directory("/srv", mode=0o755)
    for number in range({resources} - 1):
        text = f"{{host.name}} {{number}} " + "some words " * 40
        File(f"/srv/{{number}}", content=text, mode=0o644, after=folder)
"""


def measure(hosts: int, parallel: int) -> dict[str, Any]:
    """One case, in this process."""
    gc.set_threshold(50_000, 20, 100)  # as the command line does
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "infra.py"
        config.write_text(CONFIG.format(root=name, hosts=hosts, resources=RESOURCES))
        for number in range(hosts):
            (Path(name) / str(number)).mkdir()
        found: dict[str, Any] = {"hosts": hosts, "parallel": parallel}
        with cfgdsl.load(config, options=cfgdsl.Options(parallel=parallel)) as project:
            found["loaded_mib"] = peak_mib()
            start = time.perf_counter()
            plan = project.plan()
            found |= {"plan_s": seconds_since(start), "planned_mib": peak_mib()}
            start = time.perf_counter()
            for _ in plan.to_json_parts():
                continue
            found |= {"read_s": seconds_since(start), "read_mib": peak_mib()}
            start = time.perf_counter()
            run = project.apply(plan)
            found |= {"apply_s": seconds_since(start), "applied_mib": peak_mib()}
        if not run.ok or run.counts() != {"create": hosts * RESOURCES}:
            raise SystemExit(f"not what is to be measured: {run.counts()}")
    return found


def seconds_since(start: float) -> float:
    """Wall time."""
    return round(time.perf_counter() - start, 2)


def peak_mib() -> int:
    """The most that this process had in memory so far."""
    return round(limits.getrusage(limits.RUSAGE_SELF).ru_maxrss / 1024)


def shown(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    head = ["hosts", "steps", "at once", "loaded", "planned", "plan read", "applied"]
    sizes = ("loaded_mib", "planned_mib", "read_mib", "applied_mib")
    times = ("plan_s", "read_s", "apply_s")
    rows = [
        [f"{r['hosts']:,}", f"{r['hosts'] * RESOURCES:,}", str(r["parallel"])]
        + [str(r[name]) for name in sizes]
        + [f"{r[name]:.1f}" for name in times]
        for r in results
    ]
    return table([*head, "plan, s", "read, s", "apply, s"], rows)


def main() -> None:
    """Measure every case, save the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", default="20,200,2000")
    parser.add_argument("--parallel", default="20")
    parser.add_argument("--case", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(int(options.hosts), int(options.parallel))))
        return
    found, results = conditions(), []
    for hosts in options.hosts.split(","):
        command = [sys.executable, "-m", "benchmarks.hosts", "--case"]
        command += ["--hosts", hosts, "--parallel", options.parallel]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results.append(json.loads(done.stdout))
        print(shown(results[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    head = f"# Many hosts\n\nPeak memory in MiB, {RESOURCES} new files on each host.\n\n"
    text = f"{head}{shown(results)}\n{sentence(found)}"
    save("hosts", text, {"conditions": found, "results": results})


if __name__ == "__main__":
    main()
