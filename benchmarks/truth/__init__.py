"""Dry runs against what the runs then did: cfgdsl beside its peers, on real hosts."""
