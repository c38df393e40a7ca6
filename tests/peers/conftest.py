"""The command line over a folder of each test's own."""

from tests.badinput.fixtures import work

__all__ = ["work"]
