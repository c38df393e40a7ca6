"""The command line: a thin caller of the library that renders its events and plans."""
