"""`python -m benchmarks.truth`."""

from benchmarks.truth.main import main

main()
