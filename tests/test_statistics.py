"""Comparisons against closed forms: intervals, pairing, rank correlation."""

import math

import numpy as np
import pandas as pd
import pytest
from score_tables import row, write_study

from analysis.evidence import Evidence
from analysis.sections import seeds
from analysis.sections.seeds import seed_table
from analysis.statistics import (
    FEWEST,
    bootstrap_interval,
    bootstrap_intervals,
    paired_differences,
    rank_correlation,
    seed_spread,
    student_interval,
    summarise,
)
from analysis.study import open_study


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
    assert summarise(table.reset_index(), ["set"], ["psnr"], lambda rows: list(rows["image"]))["psnr"].iloc[
        0
    ] == pytest.approx((1.5 + 1.0) / 2)


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
    assert summarise(seeds, ["set"], ["psnr"], lambda rows: list(rows["image"]))["psnr"].iloc[0] == pytest.approx(
        (2.0 + 5.0) / 2
    )


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


# --- over seeds -------------------------------------------------------------------------------
def seeds_study(folder, gains, pictures=8, **others):
    """A study of two losses with a seed each for every gain, whose pictures all gain that."""
    runs = {}
    for loss, sign in (("mse", 0), ("fdpl", 1)):
        for seed, gain in enumerate(gains):
            settings = {"training": {"loss": {"name": "fdpl", "quality": 50} if sign else loss}, "seed": seed}
            shown = [row(f"p{n}", psnr=30 + n + sign * (gain + 0.01 * (n % 3 - 1))) for n in range(pictures)]
            runs[f"{loss} seed={seed}"] = {"settings": settings | others.get(loss, {}), "epochs": {1: shown}}
    return Evidence(
        open_study(write_study(folder, runs, [row(f"p{n}", "bicubic", psnr=29.0) for n in range(pictures)]))
    )


def test_students_interval_is_the_textbook_one():
    interval = student_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert interval.mean == 3
    assert interval.high - 3 == pytest.approx(2.776445 * math.sqrt(2.5 / 5))  # t of 4 degrees of freedom


def test_a_loss_is_known_by_its_name_with_and_without_settings(tmp_path):
    settings = [run.settings for run in seeds_study(tmp_path / "study", [0.1]).study.runs]
    assert [each["training.loss"] for each in settings] == ["mse", "fdpl"]
    assert [each.get("training.loss.quality") for each in settings] == [None, 50]


@pytest.mark.parametrize(
    ("gains", "pictures", "verdict"),
    [
        ([0.1, 0.12, 0.11], 8, "the difference holds."),
        ([0.1, 0.12, 0.11], 3, "the difference holds for other trainings."),
        ([0.5, -0.1, 0.2], 8, "the difference may be chance in these trainings."),
        ([0.01, -0.01, 0.002], 8, "the difference may be chance."),
    ],
)
def test_the_page_says_whether_a_difference_over_seeds_holds(tmp_path, gains, pictures, verdict):
    evidence = seeds_study(tmp_path / "study", gains, pictures)
    (difference,) = seed_table(evidence).to_dict("records")
    assert (difference["variant"], difference["against"], difference["seeds"]) == ("fdpl", "mse", 3)
    assert difference["difference"] == pytest.approx(np.mean(gains), abs=0.005)
    expected = student_interval(np.array(gains))
    assert difference["low_difference"] == pytest.approx(expected.low, abs=0.005)
    sentence = seeds.section(evidence).blocks[0].text
    assert sentence.startswith("On test, over 3 seeds, fdpl is ")
    assert sentence.endswith(verdict)


def test_two_seeds_and_runs_that_differ_in_more_than_a_section_are_not_compared(tmp_path):
    assert seeds.section(seeds_study(tmp_path / "two", [0.1, 0.2])) is None
    other = {"data": {"patch_size": 38}}
    assert seeds.section(seeds_study(tmp_path / "more", [0.1, 0.2, 0.3], fdpl=other)) is None
