"""The standard library of resource types."""
