"""From a loaded project to a finished run: load, collect, observe, execute, roll out."""
