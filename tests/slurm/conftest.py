"""The cluster that all tests here share, idle at the start of each."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cluster import Cluster, missing, started


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """The cluster in $SRCNN_SLURM, else one that lives as long as the tests; skips without SLURM's programs."""
    if reason := missing():
        pytest.skip(reason)
    if folder := os.environ.get("SRCNN_SLURM"):
        cluster = Cluster(Path(folder).resolve())
        cluster.call("reset")
        yield cluster
        return
    with started() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _idle_again(slurm: Cluster) -> Iterator[None]:
    """Whatever a test did to the cluster, the next one finds it whole and idle."""
    yield
    slurm.call("reset")
