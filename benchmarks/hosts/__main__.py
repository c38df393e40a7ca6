"""`python -m benchmarks.hosts`."""

from benchmarks.hosts.main import main

main()
