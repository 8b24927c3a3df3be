"""One seed decides a training; seeds swept over give a mean and a spread."""

import torch
from small_study import train

from jobs.checkpoint import Checkpoint
from srcnn.history import TIMINGS


def _weights(paths):
    return torch.cat([value.flatten() for value in Checkpoint.load(paths.last).model.values()])


def _said(history):
    return [{key: value for key, value in record.items() if key not in TIMINGS} for record in history]


def test_two_trainings_of_one_seed_are_identical(tmp_path):
    ((one, first),) = train(tmp_path / "one", seed=3)
    ((two, second),) = train(tmp_path / "two", seed=3)
    assert torch.equal(_weights(one), _weights(two))
    assert _said(first) == _said(second)


def test_the_seed_governs_start_order_and_augmentation(tmp_path):
    ((one, first),) = train(tmp_path / "one", seed=3)
    ((two, second),) = train(tmp_path / "two", seed=4)
    assert not torch.equal(_weights(one), _weights(two))
    assert first[0]["train_loss"] != second[0]["train_loss"]


def test_a_sweep_of_seeds_gives_mean_and_spread(tmp_path):
    from small_study import small_plan

    plan = small_plan(tmp_path, sweep={"grid": {"seed": [0, 1, 2], "model.residual": [True, False]}})
    plan.save()
    contents = plan._contents()
    assert {run["variant"] for run in contents["runs"]} == {"residual=true", "residual=false"}
