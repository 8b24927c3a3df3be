"""Doing a plan on a cluster that SLURM schedules."""
