"""Every try at a task is on record, with how it ended and why."""

import pytest

from jobs.attempt import attempt_files, last_attempt, run_attempt, seconds_left
from jobs.device import task_device


class _Job:
    def __init__(self, error=None):
        self.error = error

    def is_done(self):
        return False

    def __call__(self, progress):
        progress(1, 2, "half")
        if self.error:
            raise self.error
        progress(2, 2, "whole")


def test_a_finished_attempt_says_how_far_it_came(tmp_path):
    run_attempt(_Job(), tmp_path, "train", "r1")
    attempt = last_attempt(tmp_path, "train", "r1")
    assert (attempt.outcome, attempt.done, attempt.total, attempt.note) == ("done", 2, 2, "whole")
    assert attempt.end >= attempt.start


@pytest.mark.parametrize(
    ("error", "outcome"), [(ValueError("no such thing"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_an_error_is_recorded_and_passes_on(tmp_path, error, outcome):
    with pytest.raises(type(error)):
        run_attempt(_Job(error), tmp_path, "train", "r1")
    attempt = last_attempt(tmp_path, "train", "r1")
    assert (attempt.outcome, attempt.cause, attempt.message) == (outcome, type(error).__name__, str(error))
    assert (attempt.done, attempt.total) == (1, 2)


def test_an_attempt_names_the_device_that_its_task_took(tmp_path):
    run_attempt(_Job(), tmp_path, "evaluate", "r1")
    assert last_attempt(tmp_path, "evaluate", "r1").device is None
    run_attempt(lambda progress: task_device("cpu"), tmp_path, "train", "r1")
    assert last_attempt(tmp_path, "train", "r1").device == "cpu"
    task_device("cpu")  # outside of any attempt nobody hears of it


def test_attempts_are_numbered_and_tasks_with_similar_names_kept_apart(tmp_path):
    for _ in range(11):
        run_attempt(_Job(), tmp_path, "evaluate", "r1.0")
    run_attempt(_Job(), tmp_path, "evaluate", "r1.01")
    assert last_attempt(tmp_path, "evaluate", "r1.0").number == 11
    assert len(attempt_files(tmp_path, "evaluate", "r1.01")) == 1
    assert last_attempt(tmp_path, "evaluate", "r1") is None


class _Resumed:
    """A training that goes on from epoch 90 of 100, then makes a lost early one again."""

    def __init__(self, folder):
        self.folder, self.seen = folder, []

    def __call__(self, progress):
        self.folder.mkdir(exist_ok=True)
        for done, total in ((90, 100), (91, 100), (100, 100), (2, 4), (4, 4)):
            progress(done, total, "")
            if done in (90, 100, 4):  # of the others not all may be written
                self.seen.append(last_attempt(self.folder, "train", "r1"))

    def is_done(self):
        return False


def test_the_time_left_is_of_the_steps_that_this_attempt_made(tmp_path):
    """What an earlier attempt made says nothing of this one's pace."""
    job = _Resumed(tmp_path)
    run_attempt(job, tmp_path, "train", "r1")
    begun, ended, again = job.seen
    assert (begun.first, begun.done, begun.seconds_left) == (90, 90, None)  # no step yet, no pace
    assert (ended.first, ended.done, ended.seconds_left) == (90, 100, 0.0)
    assert (again.first, again.done) == (2, 4)
    assert seconds_left(elapsed=30, steps=3, more=7) == 70
    assert seconds_left(elapsed=30, steps=0, more=7) is None
