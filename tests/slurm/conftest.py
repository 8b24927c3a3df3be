"""The cluster that all tests of a process share, idle at the start of each."""

from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import Cluster, missing, started

# Modules whose tests look at one study, which takes long and so begins first.
ONE_STUDY = ("test_results.py", "test_time_limit.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A scheduler that gives each test to whichever process is free, and those of a study to one."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if module.endswith(ONE_STUDY) else nodeid

    return Together(config, log)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A cluster that lives as long as the tests; skips without SLURM's programs."""
    if reason := missing():
        pytest.skip(reason)
    with started() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _idle_again(slurm: Cluster) -> Iterator[None]:
    """Whatever a test did to the cluster, the next one finds it whole and idle."""
    yield
    slurm.call("reset")
