"""`python -m benchmarks.passes`."""

from benchmarks.passes.main import main

main()
