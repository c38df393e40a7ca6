"""Measurements: each writes a table in Markdown and JSON to benchmarks/results/."""
