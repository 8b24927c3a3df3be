"""Faults without end on a real SLURM and on this machine; the results must be those of a quiet day."""
