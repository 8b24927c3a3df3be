"""Comparisons against closed forms: intervals, pairing, rank correlation."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.statistics import (
    FEWEST,
    bootstrap_interval,
    bootstrap_intervals,
    paired_differences,
    rank_correlation,
    seed_spread,
    summarise,
)


def test_a_bootstrap_interval_of_many_pictures_is_the_textbook_one():
    values = np.random.default_rng(3).normal(2.0, 0.5, 400)
    interval = bootstrap_interval(values)
    half = 1.96 * values.std(ddof=1) / math.sqrt(400)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


@pytest.mark.parametrize("pictures", [5, 8, 20])
def test_an_interval_covers_the_truth_about_as_often_as_it_says(pictures):
    """1000 samples each: a plain percentile bootstrap of five covers 0 in 83%, ours in 88% or more."""
    samples = np.random.default_rng(pictures).normal(size=(pictures, 1000))
    intervals = bootstrap_intervals(samples)
    covered = np.mean([each.low <= 0 <= each.high for each in intervals])
    assert (0.88 if pictures == 5 else 0.92) < covered < 0.98


def test_too_few_pictures_have_a_mean_but_no_interval():
    interval = bootstrap_interval(np.arange(FEWEST - 1, dtype=float))
    assert interval.mean == 1.5
    assert not interval.known
    assert interval.sign() == 0


def test_pictures_without_a_value_are_left_out_of_the_interval():
    values = np.array([1.0, 1.1, 0.9, 1.2, 0.8, np.nan, np.nan])
    interval = bootstrap_interval(values)
    assert interval.pictures == 5
    assert interval.mean == pytest.approx(1.0)
    assert interval.low < 1.0 < interval.high


def rows(image: str, values: list[float], **changes: object) -> pd.DataFrame:
    frame = pd.DataFrame({"psnr": values, "x": [160 * i for i in range(len(values))]})
    fixed = {"set": "s", "image": image, "protocol": "region", "upsampler": None, "zoom": 1, "definition": "paper"}
    return frame.assign(**(fixed | {"y": 0, "width": 160, "height": 160} | changes))


def test_differences_are_paired_by_patch_and_averaged_by_picture():
    a = pd.concat([rows("one", [30.0, 20.0]), rows("two", [25.0])])
    b = pd.concat([rows("one", [19.0, 28.0]).iloc[::-1].assign(x=[0, 160]), rows("two", [24.0])])
    table = paired_differences(a, b, ["psnr"]).set_index("image")
    assert table.loc["one", "psnr"] == pytest.approx(((30 - 28) + (20 - 19)) / 2)
    assert table.loc["one", "patches"] == 2
    # Each picture counts once, however many patches it has.
    assert summarise(table.reset_index(), ["set"], ["psnr"])["psnr"].iloc[0] == pytest.approx((1.5 + 1.0) / 2)


def test_a_patch_that_only_one_method_scored_is_no_pair():
    table = paired_differences(rows("one", [30.0, 20.0]), rows("one", [29.0]), ["psnr"])
    assert table["patches"].tolist() == [1]
    assert table["psnr"].tolist() == [1.0]


@pytest.mark.parametrize("odd", [math.inf, math.nan, None])
def test_infinite_and_null_pairs_are_counted_not_averaged(odd):
    table = paired_differences(rows("one", [30.0, odd]), rows("one", [29.0, 20.0]), ["psnr"])
    assert table["psnr"].tolist() == [1.0]
    assert table["left_out"].tolist() == [1]


def test_seeds_of_a_picture_are_averaged_before_pictures_are():
    seeds = pd.DataFrame(
        {"set": "s", "image": ["one", "one", "two"], "label": ["a", "b", "a"], "psnr": [1.0, 3.0, 5.0]}
    )
    assert summarise(seeds, ["set"], ["psnr"])["psnr"].iloc[0] == pytest.approx((2.0 + 5.0) / 2)


def test_the_spread_over_seeds_is_their_standard_deviation():
    assert seed_spread([1.0, 2.0, 3.0]) == pytest.approx(1.0)
    assert math.isnan(seed_spread([1.0]))


def test_rank_correlation_is_one_for_any_monotone_pair_and_knows_directions():
    values = np.linspace(0.01, 0.2, 40)
    psnr, ssim = -20 * np.log10(values), 1 - values**2
    matrix = rank_correlation(np.column_stack([psnr, values, ssim]), ["psnr", "rmse", "ssim"])
    assert matrix == pytest.approx(np.ones((3, 3)))


def test_rank_correlation_without_ties_is_the_textbook_sum_of_squared_rank_differences():
    a, b = np.array([3.0, 1.0, 4.0, 1.5, 9.0]), np.array([2.0, 7.0, 1.0, 8.0, 2.8])
    d = pd.Series(a).rank() - pd.Series(b).rank()
    expected = 1 - 6 * (d**2).sum() / (5 * (25 - 1))
    assert rank_correlation(np.column_stack([a, b]), ["psnr", "ssim"])[0, 1] == pytest.approx(expected)


def test_infinite_values_take_part_in_ranks():
    psnr, ssim = np.array([30.0, 31.0, math.inf]), np.array([0.8, 0.9, 1.0])
    assert rank_correlation(np.column_stack([psnr, ssim]), ["psnr", "ssim"])[0, 1] == pytest.approx(1.0)
