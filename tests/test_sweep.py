"""A sweep is every combination of grid points, zip rows and cases, each labelled by what varies."""

import pytest

from runner.study.sweep import SweepConfig


def test_without_a_sweep_there_is_one_unlabelled_run():
    assert list(SweepConfig().points()) == [("", {})]


def test_a_grid_gives_every_combination():
    points = list(SweepConfig(grid={"seed": [1, 2], "model.residual": [True, False]}).points())
    assert [label for label, _ in points] == [
        "seed=1 residual=true",
        "seed=1 residual=false",
        "seed=2 residual=true",
        "seed=2 residual=false",
    ]
    assert points[1][1] == {"seed": 1, "model.residual": False}


def test_zipped_keys_vary_together():
    points = list(SweepConfig(zip={"data.scale": [2, 3], "seed": [5, 6]}).points())
    assert [overrides for _, overrides in points] == [{"data.scale": 2, "seed": 5}, {"data.scale": 3, "seed": 6}]


def test_cases_are_labelled_by_their_names_and_combine_with_the_grid():
    sweep = SweepConfig(cases={"plain": {}, "wide": {"training.batch_size": 64}}, grid={"seed": [1, 2]})
    points = dict(sweep.points())
    assert list(points) == ["plain seed=1", "plain seed=2", "wide seed=1", "wide seed=2"]
    assert points["wide seed=2"] == {"training.batch_size": 64, "seed": 2}


def test_a_key_may_be_varied_in_one_place_only():
    with pytest.raises(ValueError, match="seed is varied twice"):
        SweepConfig(grid={"seed": [1]}, cases={"a": {"seed": 2}})


def test_a_key_in_several_cases_is_varied_once():
    assert len(list(SweepConfig(cases={"a": {"seed": 1}, "b": {"seed": 2}}).points())) == 2
