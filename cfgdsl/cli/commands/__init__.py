"""The commands, one module each; what is costly to import they import when they run."""
