"""Run every benchmark, one after the other: `python -m benchmarks [NAME ...]`."""

import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.conditions import conditions, sentence
from benchmarks.measure import RESULTS, run, save


def main() -> None:
    """Each in a process of its own, so that none warms up or slows down another."""
    names = sys.argv[1:] or ["startup", "passes", "hosts", "fleet"]
    failed = [name for name in names if not measured(name)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def measured(name: str) -> bool:
    """Run one; whether it ended well."""
    print(f"== {name}", file=sys.stderr, flush=True)
    argv = [sys.executable, "-m", f"benchmarks.{name}"]
    if name == "passes":
        return passes(argv)
    return subprocess.run(argv, check=False).returncode == 0


def passes(argv: Sequence[str]) -> bool:
    """The pure passes print a table; here it becomes a result with its conditions."""
    found = conditions()
    numbers = RESULTS / "passes.json"
    RESULTS.mkdir(exist_ok=True)
    try:
        text = run([*argv, "--json", str(numbers)])
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return False
    results = json.loads(numbers.read_text())
    head = "# Pure passes\n\nSeconds; aim: 10,000 resources within 1 s and 300 MiB in all.\n\n"
    save("passes", f"{head}{text}\n{sentence(found)}", {"conditions": found, "results": results})
    return True


if __name__ == "__main__":
    main()
