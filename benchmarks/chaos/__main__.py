"""`python -m benchmarks.chaos`."""

from benchmarks.chaos.main import main

main()
