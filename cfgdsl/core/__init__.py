"""Pure core: values and functions without I/O, clocks, randomness or threads."""
