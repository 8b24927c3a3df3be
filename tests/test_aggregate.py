"""Means over pictures, checked against numbers that were published."""

import math

import numpy as np
import pytest
from score_tables import row, write_rows, write_study

import analysis
from analysis.aggregate import by_picture, last_epochs, mean_over_pictures, scanned_columns
from analysis.scores import scan

METRICS = ["psnr", "ssim"]
# PSNR of bicubic and of SRCNN 9-1-5, picture by picture, Set5 x3, whose means the paper gives as
# 30.39 and 32.39 dB (Dong et al. 2014, doi:10.1007/978-3-319-10593-2_13, table 1).
SET5 = {
    "baby": (33.91, 35.01),
    "bird": (32.57, 34.91),
    "butterfly": (24.04, 27.58),
    "head": (32.88, 33.55),
    "woman": (28.56, 30.92),
}


def aggregated(study, **where):
    return by_picture(scan(study, scanned_columns(METRICS), **where), METRICS)


@pytest.fixture
def set5(tmp_path):
    luma = {"protocol": "luma", "set": "set5"}
    restored = [row(name, psnr=after, ssim=0.9, **luma) for name, (_, after) in SET5.items()]
    bicubic = [row(name, "bicubic", psnr=before, ssim=0.87, **luma) for name, (before, _) in SET5.items()]
    return write_study(tmp_path / "set5", {"9-1-5": {"epochs": {1: restored}}}, bicubic)


def test_the_published_means_of_set5_come_out(set5):
    means = mean_over_pictures(aggregated(set5), ["method"], METRICS).set_index("method")
    assert round(means.loc["bicubic", "psnr"], 2) == 30.39
    assert round(means.loc["srcnn", "psnr"], 2) == 32.39
    assert means["pictures"].tolist() == [5, 5]


def test_a_picture_counts_once_however_many_patches_it_has(tmp_path):
    rows = [row("large", psnr=20.0, x=160 * i) for i in range(9)] + [row("small", psnr=30.0)]
    study = write_study(tmp_path / "s", {"run": {"epochs": {1: rows}}}, [])
    means = mean_over_pictures(aggregated(study), ["label"], METRICS)
    assert means["psnr"].tolist() == [25.0]
    assert means[["pictures", "comparisons"]].to_numpy().tolist() == [[2, 10]]


def test_infinite_and_null_values_are_counted_and_the_rest_averaged(tmp_path):
    rows = [row("a", psnr=math.inf, ssim=1.0), row("a", psnr=30.0, ssim=None, x=160), row("b", psnr=20.0, ssim=0.5)]
    frame = aggregated(write_study(tmp_path / "s", {"run": {"epochs": {1: rows}}}, []))
    assert frame["inf_psnr"].sum() == 1
    assert frame["null_ssim"].sum() == 1
    means = mean_over_pictures(frame, ["label"], METRICS).iloc[0]
    assert means["psnr"] == 25.0
    assert means["ssim"] == pytest.approx(0.75)
    assert (means["infinite"], means["null"]) == (1, 1)


def test_a_picture_whose_values_are_all_infinite_has_no_mean_and_does_not_spoil_the_others(tmp_path):
    rows = [row("same", psnr=math.inf, ssim=1.0), row("other", psnr=20.0, ssim=0.5)]
    means = mean_over_pictures(
        aggregated(write_study(tmp_path / "s", {"run": {"epochs": {1: rows}}}, [])), ["image"], METRICS
    ).set_index("image")
    assert math.isnan(means.loc["same", "psnr"])
    assert means.loc["other", "psnr"] == 20.0


def test_patches_pooled_over_crop_sizes_weigh_alike(tmp_path):
    rows = [row("a", psnr=10.0), row("a", psnr=10.0, x=160), row("a", psnr=40.0, width=80, height=80)]
    frame = aggregated(write_study(tmp_path / "s", {"run": {"epochs": {1: rows}}}, []))
    assert sorted(frame["crop"].astype(str)) == ["160x160", "80x80"]
    assert mean_over_pictures(frame, ["label"], METRICS)["psnr"].tolist() == [20.0]


def test_the_spread_is_that_over_pictures(tmp_path):
    rows = [row(name, psnr=value) for name, value in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    frame = aggregated(write_study(tmp_path / "s", {"run": {"epochs": {1: rows}}}, []))
    assert mean_over_pictures(frame, ["label"], METRICS, spread=True)["sd_psnr"].tolist() == [1.0]


def test_each_run_counts_with_its_own_last_epoch(tmp_path):
    runs = {
        "long": {"epochs": {1: [row("a", psnr=1.0)], 2: [row("a", psnr=2.0)]}},
        "short": {"epochs": {1: [row("a", psnr=5.0)]}},
    }
    frame = last_epochs(aggregated(write_study(tmp_path / "s", runs, [row("a", "bicubic", psnr=0.0)])))
    means = mean_over_pictures(frame, ["label"], METRICS).set_index("label")["psnr"]
    assert means[means.index.notna()].to_dict() == {"long": 2.0, "short": 5.0}
    assert means[means.index.isna()].tolist() == [0.0]  # baselines


def test_rows_are_summed_alike_however_many_are_read_at_once(tmp_path, monkeypatch):
    epochs = {epoch: [row(f"p{n}", psnr=epoch + n, ssim=0.5, x=n) for n in range(epoch)] for epoch in range(1, 7)}
    study = write_study(tmp_path / "s", {"run": {"epochs": epochs}}, [row("p0", "bicubic", psnr=0.0)])
    together = aggregated(study)
    monkeypatch.setattr("analysis.aggregate.BATCH", 2)
    assert together.equals(aggregated(study))

    def broken():
        yield from scan(study, scanned_columns(METRICS))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        by_picture(broken(), METRICS)


def test_loading_reads_only_what_is_asked_for(set5):
    frame = analysis.load(set5, ["image", "psnr"], run="9-1-5", protocol="luma", image=["bird", "head"])
    runs = frame[frame["label"] == "9-1-5"]
    assert sorted(runs["psnr"]) == [33.55, 34.91]
    assert list(frame.columns) == ["image", "psnr", "label", "degradation_id"]
    assert len(frame) == 4  # baselines belong to every run
    alone = analysis.load(
        set5, ["image", "psnr"], baselines=False, run="9-1-5", protocol="luma", image=["bird", "head"]
    )
    assert alone.equals(runs.reset_index(drop=True))


def test_a_file_of_a_run_and_its_baseline_can_be_loaded_without_the_baseline(tmp_path):
    rows = [row("a", psnr=2.0, run_id="r", epoch=1), row("a", "bicubic", psnr=1.0), row("a", "direct", psnr=0.0)]
    file = write_rows(tmp_path / "rows.parquet", rows)
    assert analysis.load(file, ["psnr"], baselines=False)["psnr"].tolist() == [2.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"columns": ["psrn"]}, "unknown column 'psrn'"),
        ({"run": "nobody"}, "unknown run 'nobody'; known: 9-1-5"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(set5, arguments, words):
    with pytest.raises(ValueError, match=words):
        analysis.load(set5, **arguments)


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no study"):
        analysis.load(tmp_path)


def test_a_single_parquet_file_can_be_loaded(set5):
    file = next(set5.glob("scores/r*/*.parquet"))
    assert np.isclose(analysis.load(file)["psnr"].mean(), 32.394)


def test_bicubic_of_the_real_set5_has_the_published_mean(tmp_path, data_root):
    """The same 30.39 dB from the pictures themselves, scored by the package's own protocol."""
    from srcnn.degrade import crop_to_multiple, degrade
    from srcnn.files import read_picture
    from srcnn.metrics import score
    from srcnn.views import measured_luma

    rows = []
    for file in sorted((data_root / "set5").glob("*.png")):
        hr = measured_luma(crop_to_multiple(read_picture(file), 3))
        degraded = np.clip(np.rint(degrade(hr, scale=3, resampling="matlab")), 0, 255).astype(np.uint8)
        values = score(hr[3:-3, 3:-3], degraded[3:-3, 3:-3], ["psnr"])
        rows.append(row(file.stem, "bicubic", protocol="luma", set="set5", **values))
    assert {each["image"]: each["psnr"] for each in rows} == pytest.approx(
        {name: before for name, (before, _) in SET5.items()}, abs=0.02
    )
    study = write_study(tmp_path / "set5", {"none": {"epochs": {}}}, rows)
    means = mean_over_pictures(aggregated(study), ["set"], METRICS)
    assert means["pictures"].tolist() == [5]
    assert means["psnr"].iloc[0] == pytest.approx(30.39, abs=0.01)


def test_groups_come_in_the_order_of_the_study(tmp_path):
    """Also where many small pieces are reduced at once, which threads would finish in any order."""
    names = [f"p{number}" for number in (7, 3, 9, 1, 5, 8, 2, 6, 4, 0)]
    runs = {f"run{n}": {"epochs": {1: [row(name, psnr=20.0 + n) for name in names]}} for n in range(59, -1, -1)}
    study = write_study(tmp_path / "order", runs, [])
    for _ in range(10):
        found = aggregated(study)
        assert found["label"].astype(str).drop_duplicates().tolist() == list(runs)
        assert found["image"].astype(str).tolist() == names * 60
