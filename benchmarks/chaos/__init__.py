"""A soak of kills: runs that are disturbed at random moments on real hosts, each then repaired."""
