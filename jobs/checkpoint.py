"""Checkpoints of a run on disk: the format is srcnn's, which ones are kept is decided here."""

from srcnn.checkpoint import Checkpoint, CheckpointError

__all__ = ["Checkpoint", "CheckpointError"]
