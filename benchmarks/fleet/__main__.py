"""`python -m benchmarks.fleet`."""

from benchmarks.fleet.main import main

main()
