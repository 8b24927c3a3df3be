"""Scoring in batches on a GPU, and the pictures for it: the contracts that every device keeps."""

from batched_contract import *  # noqa: F403
from batched_pictures_contract import *  # noqa: F403
