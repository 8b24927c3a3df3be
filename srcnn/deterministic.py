"""The same bits from the same work on a GPU, if wanted: some of its fastest kernels add up in any order."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# cuBLAS reads it when it is first used, and then for as long as the process lives.
_WORKSPACE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Let torch take only kernels that give the same bits every time within this block, if that is ``wanted``.

    torch then raises RuntimeError for what it has no such kernel for, and names it.
    """
    if not wanted:
        yield
        return
    os.environ.update(_WORKSPACE)
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
