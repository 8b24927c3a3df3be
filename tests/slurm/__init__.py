"""Tests on a real SLURM. A package, so that `from conftest import tiny_study` still finds the conftest.py above."""
