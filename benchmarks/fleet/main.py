"""Measure no-op and cold applies of the workload on lab hosts, interleaved with the floor."""

import argparse
import sys
from functools import partial
from pathlib import Path

from benchmarks.conditions import conditions, sentence
from benchmarks.fleet import floor, workload
from benchmarks.measure import Cost, middle, run, save, table, timed
from tests.lab import Lab, LabHost

HERE = Path(__file__).parent
CURVE = ("-o", "KexAlgorithms=curve25519-sha256")
PEAK = """
import sys
from pathlib import Path
from cfgdsl.cli.main import run
code = run(sys.argv[1:])
lines = Path("/proc/self/status").read_text().splitlines()
print("peak", next(line.split()[1] for line in lines if "VmHWM" in line))
sys.exit(code)
"""
"""cfgdsl, and the most that it took; getrusage would count what its parent had before exec."""

NOTES = """Real Debian hosts with systemd under systemd-nspawn on loopback, controller and hosts
on the same cores: what the hosts compute is in the wall time too. The floor is one OpenSSH
connection per host that runs a hand-written script doing the same checks, all hosts at once; it
checks only, so a cold apply has no floor here. Medians, runs interleaved; `of floor` compares wall
times with the floor of the same hosts under OpenSSH's default key exchange.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", default="1,20")
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    found = conditions()
    results: dict[str, dict[str, float]] = {}
    with Lab.open() as lab:
        for size in (int(n) for n in options.hosts.split(",")):
            results.update(measure(lab.hosts(size), options.times))
    rows = [
        [
            name,
            f"{r['wall']:.2f}",
            f"{r['least']:.2f}",
            f"{r['cpu']:.2f}",
            f"{r['peak_mib']:.0f}" if "peak_mib" in r else "",
            f"{r['of_floor']:.2f}" if "of_floor" in r else "",
        ]
        for name, r in results.items()
    ]
    header = ["", "wall s", "least wall s", "controller CPU s", "peak MiB", "of floor"]
    title = f"# Fleet: {workload.count('lab1')} resources per host\n\n"
    text = title + NOTES + "\n" + table(header, rows) + "\n" + sentence(found)
    save("fleet", text, {"conditions": found, "results": results})


def measure(hosts: list[LabHost], times: int) -> dict[str, dict[str, float]]:
    """Cold once, then no-op and both floors, interleaved."""
    names, ssh_config = [host.name for host in hosts], hosts[0].ssh_config
    arguments = ["apply", str(HERE / "infra.py"), "--yes", "--ssh-config", str(ssh_config)]
    argv = [sys.executable, "-c", PEAK, *arguments]
    apply = partial(run, argv, {"BENCH_HOSTS": ",".join(names)})
    work = {
        "floor, OpenSSH default": partial(floor.run, names, ssh_config),
        "floor, curve25519": partial(floor.run, names, ssh_config, options=CURVE),
    }
    cold, _ = timed(apply)
    verify(names, ssh_config)
    costs: dict[str, list[Cost]] = {what: [] for what in ("no-op", *work)}
    peaks = []
    for _ in range(times):
        cost, output = timed(apply)
        if "nothing to do" not in output:
            raise RuntimeError(f"the second apply was not empty:\n{output}")
        costs["no-op"].append(cost)
        peaks.append(int(output.split()[-1]) / 1024)
        for what, check in work.items():
            costs[what].append(timed(check)[0])
    size = f"{len(names)} host{'s' * (len(names) > 1)}"
    found = {f"{what}, {size}": figures(each) for what, each in costs.items()}
    no_op = found[f"no-op, {size}"]
    no_op["of_floor"] = no_op["wall"] / found[f"floor, OpenSSH default, {size}"]["wall"]
    no_op["peak_mib"] = max(peaks)
    return {f"cold (one run), {size}": figures([cold]), **found}


def verify(names: list[str], ssh_config: Path) -> None:
    """The hand-written script, which knows nothing of cfgdsl, finds nothing wrong."""
    for name, said in floor.run(names, ssh_config).items():
        if said != "0":
            raise RuntimeError(f"{name} is not as wanted: {said}")


def figures(costs: list[Cost]) -> dict[str, float]:
    """Medians, and the least wall time: the one least disturbed."""
    return {
        "wall": middle([c.wall for c in costs]),
        "least": min(c.wall for c in costs),
        "cpu": middle([c.cpu for c in costs]),
    }
