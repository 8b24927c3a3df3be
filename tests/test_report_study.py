"""The report's study, scaled down: its settings, its leak, its six metrics by both definitions."""

import numpy as np
import pytest

from analysis.scores import load
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from srcnn.files import write_picture
from srcnn.paths import RootPaths

SIX = ["psnr", "ssim", "rmse", "sre", "sam", "cos"]


def _scaled_down(tmp_path, *overrides):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        coarse = rng.integers(0, 256, (14, 16, 3), dtype=np.uint8)
        write_picture(tmp_path / "train" / f"{name}.png", np.kron(coarse, np.ones((6, 6, 1), np.uint8)))
    folder = tmp_path / "train"
    small = [f"data.train={folder}", f"data.test={{BSDS200: {folder}}}", "data.eval={}"]
    small += ["training.epochs=2", "render.epochs=[2]", "evaluate.crops=[[40, 40]]", "evaluate.workers=1"]
    return load_study("report", [*small, *overrides])[0]


def test_the_packaged_study_is_the_reports(tmp_path):
    study, _ = load_study("report")
    data = study.data
    assert (data.scale, data.blur_sigma, data.patch_size, data.stride, data.luma) == (3, 1.0, 32, 13, "jpeg")
    assert (study.model.name, study.training.standardise) == ("9-1-7", "dataset")
    assert list(study.evaluate.metrics) == SIX
    assert study.evaluate.definitions == ("paper", "package")


def test_its_leak_is_refused_unless_declared(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.allow_leak=true if that is meant"):
        make_plan(_scaled_down(tmp_path, "data.allow_leak=false"), RootPaths(tmp_path / "results"))


@pytest.mark.filterwarnings("ignore::UserWarning:phasepack")
def test_it_gives_its_six_metrics_in_its_own_protocol_by_both_definitions(tmp_path):
    plan = make_plan(_scaled_down(tmp_path), RootPaths(tmp_path / "results"))
    plan.save()
    for task in plan.tasks:
        if task.stage != "report":
            task.job()
    frame = load(plan.paths.folder)
    whole = frame[(frame["protocol"] == "whole") & (frame["method"] == "srcnn")]
    assert set(whole["definition"]) == {"paper", "package"}
    assert whole[SIX].notna().all().all()
    means = whole.groupby("definition")[SIX].mean()
    # The package takes 8-bit pictures for 12-bit ones: 20 log10(4095 / 255) too many decibels.
    difference = means.loc["package", "psnr"] - means.loc["paper", "psnr"]
    assert difference == pytest.approx(20 * np.log10(4095 / 255), abs=1e-3)
    assert means.loc["package", "cos"] < 1e-3 < means.loc["paper", "cos"]
