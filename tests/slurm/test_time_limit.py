"""SLURM counts time limits in minutes, so that all that are reached here pass at the same time."""

from pathlib import Path

import pytest

from .studies import Submitted, hold, let_go, stub_study
from .test_status import failure, never_put_back


@pytest.fixture(scope="module")
def late(slurm, tmp_path_factory):
    """Two trainings that do not end within their minute, which pass at the same time: only the second is put back."""
    never, _ = never_put_back(slurm, tmp_path_factory.mktemp("never"), timeout_min=1)
    cluster = {"train": {"gpus": 0, "timeout_min": 1}}
    again = Submitted(slurm, hold(stub_study(tmp_path_factory.mktemp("again"), epochs=6, cluster=cluster)))
    again.wait_for_epoch(1, attempt=2)
    let_go(again.file)
    again.wait_until_done()
    return never, again


def test_a_time_limit(late):
    assert failure(late[0]) == "time limit"


def test_a_job_that_reaches_its_time_limit_is_put_back_and_goes_on(late):
    first, *_, last = late[1].attempts()
    assert (first["outcome"], first["cause"]) == ("interrupted", "SystemExit")
    assert (last["outcome"], last["first"]) == ("done", 1)
    assert "Calling checkpoint method" in Path(first["log"]).read_text()
