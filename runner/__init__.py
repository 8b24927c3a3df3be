"""Decisions: which jobs of a study to start, where, and when."""
