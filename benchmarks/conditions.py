"""Under which conditions a table was measured: without them its numbers say nothing."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

PACKAGES = ("attrs", "jinja2", "paramiko", "typer")


def conditions() -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "load average before": load_average(),
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
    }


def load_average() -> str:
    """Of the last 1, 5 and 15 minutes: what else the machine had to do."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def sentence(found: dict[str, str]) -> str:
    """The conditions below a table, as it is written; the load by then is added to them."""
    found["load average after"] = load_average()
    return "Conditions: " + "; ".join(f"{name} {value}" for name, value in found.items()) + ".\n"


def _commit() -> str:
    argv = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
