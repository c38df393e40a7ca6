"""Renderings: pure functions from plans, events and results to lines of text."""
