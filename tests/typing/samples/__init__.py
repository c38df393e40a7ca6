"""Samples for type checkers."""
