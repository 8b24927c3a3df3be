"""Which states of a training are kept: a pure choice, and the files that appear."""

import pytest

from jobs.keeping import Kept, StateWriter, best_epoch, kept_as
from srcnn.experiment import KeepConfig
from srcnn.history import Epoch, read_history
from srcnn.paths import StudyPaths


def epochs(*losses: float, held_out: bool = True) -> list[Epoch]:
    return [
        {
            "epoch": number,
            "train_loss": loss,
            "holdout_loss": loss if held_out else None,
            "learning_rate": 1e-3,
            "precision": "float32",
            "steps": number,
            "seconds": 1.0,
            "cpu_seconds": 1.0,
            "patches_per_second": 1.0,
            "peak_memory_mb": 1.0,
            "sets": {},
        }
        for number, loss in enumerate(losses, 1)
    ]


@pytest.mark.parametrize(
    ("epoch", "losses", "expected"),
    [
        (3, (3.0, 2.0, 1.0), Kept(checkpoint=False, best=True, newest=True)),
        (3, (3.0, 1.0, 2.0), Kept(checkpoint=False, best=False, newest=True)),
        (2, (3.0, 1.0, 2.0), Kept(checkpoint=True, best=True, newest=False)),  # trained again
        (1, (3.0, 1.0, 2.0), Kept(checkpoint=False, best=False, newest=False)),
        (1, (1.0, 1.0), Kept(checkpoint=False, best=True, newest=False)),  # of equal ones the first
        (0, (), Kept(checkpoint=False, best=True, newest=True)),  # given weights, used as they are
    ],
)
@pytest.mark.parametrize("held_out", [True, False])
def test_a_state_is_kept_where_the_study_wants_it(epoch, losses, expected, held_out):
    assert kept_as(epoch, epochs(*losses, held_out=held_out), wanted={2}, best=True) == expected


def test_no_best_state_is_kept_where_none_is_wanted():
    assert kept_as(1, epochs(1.0), wanted=(), best=False) == Kept(checkpoint=False, best=False, newest=True)
    assert best_epoch([]) == 0


def test_a_state_that_is_kept_nowhere_is_not_even_made(tmp_path):
    def content() -> bytes:
        raise AssertionError

    writer = StateWriter(StudyPaths(tmp_path).run("r1"), KeepConfig())
    writer.keep_state(1, Kept(checkpoint=False, best=False, newest=False), content, epochs(1.0, 2.0))


def test_a_checkpoint_is_written_at_once_and_the_others_when_they_are_due(tmp_path):
    paths = StudyPaths(tmp_path).run("r1")
    writer = StateWriter(paths, KeepConfig(last=2, every_s=3600))
    for epoch in (1, 2):
        history = epochs(*range(epoch, 0, -1))
        kept = kept_as(epoch, history, wanted={1}, best=True)
        writer.keep_state(epoch, kept, str(epoch).encode, history)
        assert not writer.is_due()
        assert [file.name for file in paths.checkpoints.iterdir()] == [paths.checkpoint(1).name]
    writer.flush()
    assert (paths.checkpoint(1).read_bytes(), paths.best.read_bytes(), paths.last.read_bytes()) == (b"1", b"2", b"2")
    assert read_history(paths.history) == epochs(2, 1)


def test_every_state_is_due_where_nothing_may_wait(tmp_path):
    assert StateWriter(StudyPaths(tmp_path).run("r1"), KeepConfig(every_s=0)).is_due()
