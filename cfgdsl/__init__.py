"""Configure hosts from plain, typed Python."""
