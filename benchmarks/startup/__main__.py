"""`python -m benchmarks.startup`."""

from benchmarks.startup.main import main

main()
