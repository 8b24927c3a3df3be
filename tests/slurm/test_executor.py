"""SLURM keeps the contract of all executors."""

import os

import pytest
from conftest import REPOSITORY
from executor_contract import (
    Place,
    test_a_task_that_fails_stops_only_what_needs_it,  # noqa: F401 - the contract
    test_what_runs_is_shown_and_cancelled_and_a_second_submission_goes_on,  # noqa: F401
)

from jobs.processes import is_alive

from .studies import LITTLE


@pytest.fixture(params=["jobs of their own", "shared jobs"])
def place(request, slurm, held, stubs, monkeypatch, capsys) -> Place:
    monkeypatch.setenv("SLURM_CONF", slurm.env["SLURM_CONF"])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY / "tests"), str(REPOSITORY)]))
    shared = {"pack": 3} if request.param == "shared jobs" else {}
    return Place("slurm", held, stubs, capsys, cluster=LITTLE | shared)


def test_a_task_that_slurm_is_about_to_kill_is_not_called_cancelled_while_it_lives(slurm, place):
    """Accounting tells the end when it is decided, half a minute before the last process has to be gone."""
    place.submit(place.held.study(cluster=place.cluster)).communicate(timeout=300)
    attempt = place.held.attempt()
    slurm.run("scancel", attempt.job, check=True)
    while (task := place.tasks()["train", "tiny"]).state == "running":
        pass
    assert is_alive(attempt.host, attempt.pid, attempt.born) is False
    assert (task.state, task.cause) == ("failed", "cancelled")
