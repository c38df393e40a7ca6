"""A hundred resources per host on real hosts, beside the floor: a hand-written script over ssh."""
