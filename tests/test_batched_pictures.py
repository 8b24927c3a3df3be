"""Cutting and enlarging pictures in batches on the CPU: the contract that every device keeps."""

import pytest
import torch
from batched_pictures_contract import *  # noqa: F403 - the contract


@pytest.fixture
def device() -> torch.device:
    """The CPU."""
    return torch.device("cpu")
