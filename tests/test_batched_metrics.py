"""Scoring in batches on the CPU: the contract that every device keeps, and what has nothing to do with devices."""

import subprocess
import sys

import pytest
import torch
from batched_contract import *  # noqa: F403 - the contract

from srcnn.metrics.batched import at_once


@pytest.fixture
def device() -> torch.device:
    """The CPU."""
    return torch.device("cpu")


def test_as_many_pairs_are_compared_at_once_as_fit_but_at_least_one():
    assert at_once(160, 160, 3, memory_gb=2.0) == 2 * at_once(160, 320, 3, memory_gb=2.0)
    assert at_once(10_000, 10_000, 3, memory_gb=0.1) == 1


def test_scoring_in_batches_needs_no_compiler():
    code = "import sys, srcnn.metrics.batched; print([name for name in ('numba', 'cv2') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
