"""Speed of the pure passes."""
