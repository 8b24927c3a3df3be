"""SLURM keeps the contract of all executors."""

import os

import pytest
from conftest import REPOSITORY
from executor_contract import (
    Place,
    test_a_task_that_fails_stops_only_what_needs_it,  # noqa: F401 - the contract
    test_what_runs_is_shown_and_cancelled_and_a_second_submission_goes_on,  # noqa: F401
)

from .studies import LITTLE


@pytest.fixture
def place(slurm, held, stubs, monkeypatch, capsys) -> Place:
    monkeypatch.setenv("SLURM_CONF", slurm.env["SLURM_CONF"])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY / "tests"), str(REPOSITORY)]))
    return Place("slurm", held, stubs, capsys, cluster=LITTLE)
