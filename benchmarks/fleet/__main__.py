"""Measure no-op and cold applies of the workload on lab hosts, beside the floor.

python -m benchmarks.fleet [--hosts 1,20] [--times 5]
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.fleet import floor, workload
from benchmarks.measure import Cost, middle, run, table, timed
from tests.lab import Lab

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
CURVE = ("-o", "KexAlgorithms=curve25519-sha256")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", default="1,20")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    sizes = [int(n) for n in options.hosts.split(",")]
    results: dict[str, dict[str, float]] = {}
    with Lab.open() as lab:
        for size in sizes:
            hosts = lab.hosts(size)
            names = [host.name for host in hosts]
            results.update(measure(names, hosts[0].ssh_config, options.times))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fleet.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "fleet.md").write_text(report(results))
    print(report(results))


def measure(names: list[str], ssh_config: Path, times: int) -> dict[str, dict[str, float]]:
    """Cold once, then no-op and both floors, interleaved."""
    size = len(names)

    def apply() -> str:
        return run(
            [
                *(sys.executable, "-m", "cfgdsl", "apply", str(HERE / "infra.py"), "--yes"),
                *("--ssh-config", str(ssh_config)),
            ],
            {"BENCH_HOSTS": ",".join(names), "COLUMNS": "100"},
        )

    cold, _ = timed(apply)
    verify(names, ssh_config)
    costs: dict[str, list[Cost]] = {"no-op": [], "floor": [], "floor, curve25519": []}
    for _ in range(times):
        cost, output = timed(apply)
        if "nothing to do" not in output:
            raise RuntimeError(f"the second apply was not empty:\n{output}")
        costs["no-op"].append(cost)
        costs["floor"].append(timed(lambda: floor.run(names, ssh_config))[0])
        curve = timed(lambda: floor.run(names, ssh_config, options=CURVE))[0]
        costs["floor, curve25519"].append(curve)
    found = {f"cold, {size} hosts": _figures([cold])}
    found.update({f"{what}, {size} hosts": _figures(cs) for what, cs in costs.items()})
    return found


def verify(names: list[str], ssh_config: Path) -> None:
    """The hand-written script, which knows nothing of cfgdsl, finds nothing wrong."""
    for name, said in floor.run(names, ssh_config).items():
        if said != "0":
            raise RuntimeError(f"{name} is not as wanted: {said}")


def _figures(costs: list[Cost]) -> dict[str, float]:
    return {
        "wall": middle([c.wall for c in costs]),
        "cpu": middle([c.cpu for c in costs]),
        "memory_mib": max(c.memory_mib for c in costs),
    }


def report(results: dict[str, dict[str, float]]) -> str:
    """The table, and the conditions."""
    rows = [
        [name, f"{r['wall']:.2f}", f"{r['cpu']:.2f}", f"{r['memory_mib']:.0f}"]
        for name, r in results.items()
    ]
    return (
        f"# Fleet: {workload.count('lab1')} resources per host\n\n"
        "Real Debian hosts with systemd under systemd-nspawn on loopback, controller and hosts on"
        " the same cores. Median wall and controller CPU seconds of runs interleaved with the"
        " floor: one OpenSSH connection per host that runs a hand-written script doing the same"
        " checks."
        "\n\n" + table(["", "wall s", "controller CPU s", "peak MiB of one process"], rows)
    )


if __name__ == "__main__":
    main()
