"""Every try at a task is on record, with how it ended and why."""

import pytest

from jobs.attempt import attempt_files, last_attempt, run_attempt


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


def test_attempts_are_numbered_and_tasks_with_similar_names_kept_apart(tmp_path):
    for _ in range(11):
        run_attempt(_Job(), tmp_path, "evaluate", "r1.0")
    run_attempt(_Job(), tmp_path, "evaluate", "r1.01")
    assert last_attempt(tmp_path, "evaluate", "r1.0").number == 11
    assert len(attempt_files(tmp_path, "evaluate", "r1.01")) == 1
    assert last_attempt(tmp_path, "evaluate", "r1") is None
