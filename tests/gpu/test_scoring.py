"""Scoring in batches on a GPU, and the pictures for it: the contracts that every device keeps."""

import warnings
from contextlib import contextmanager

import numpy as np
import torch
from batched_contract import *  # noqa: F403
from batched_pictures_contract import *  # noqa: F403
from pictures import noisy, photograph

from srcnn.metrics.batched import BATCHED, score
from srcnn.upsample_batches import enlarge


@contextmanager
def waiting_is_an_error():
    """Operations that wait for the GPU raise."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_only_edges_wait_for_the_gpu(cuda):
    x = torch.from_numpy(photograph()[None]).to(cuda)
    y = torch.from_numpy(np.stack([noisy(photograph(), seed=seed) for seed in range(4)])).to(cuda)
    names = [name for name in BATCHED if name != "issm"]

    def compare():
        return score(x, enlarge(y[:, ::2, ::2], 48, 64), of=[0, 0, 0, 0], metrics=names)

    first = compare()  # weights and filters are made
    with waiting_is_an_error():
        second = compare()
    for name in names:  # MS-SSIM has no value for pictures that are so small
        torch.testing.assert_close(second[name], first[name], rtol=0, atol=0, equal_nan=True)
