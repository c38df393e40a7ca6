"""What the exit code says to the script that started cfgdsl."""

DONE = 0
"""Done, or nothing to do."""
FAILED = 1
"""Anything failed: a step, an unreachable host; or the user declined."""
USAGE = 2
"""The command line, the configuration or a plan file is wrong; nothing was run anywhere."""
PENDING = 3
"""Changes are pending (`plan --detailed-exitcode`)."""
INTERRUPTED = 130
"""Ctrl-C."""
