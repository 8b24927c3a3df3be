"""Scoring in batches on a GPU: the contract that every device keeps."""

from batched_contract import *  # noqa: F403
