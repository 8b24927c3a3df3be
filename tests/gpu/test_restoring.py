"""Restoring pictures on a GPU gives what it gives on a CPU, to one grey level."""

import numpy as np
import pytest
import torch
from conftest import photograph
from small_study import small_plan

from jobs.prepare import Prepare
from jobs.render import Render
from jobs.train import Train
from srcnn.color import to_uint8
from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig
from srcnn.files import read_picture
from srcnn.inference import restore_luma
from srcnn.models import MODELS
from srcnn.models.build import build_model
from srcnn.monitor import MonitoredPicture, mean_scores

from .conftest import SMALL

SCALE = Standardisation(0.45, 1.0)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_a_device_restores_what_the_cpu_does(device, name, residual, note):
    luma = photograph(1, 321, 481)[..., 0]
    model = (
        build_model(name, residual=residual, seed=0, settings=SMALL.get(name))
        .to(memory_format=torch.channels_last)
        .eval()
    )
    here = restore_luma(model, luma, SCALE)
    there = restore_luma(model.to(device), luma, SCALE)
    pixels = to_uint8(here).astype(int) - to_uint8(there)
    note(
        f"{name}, residual {residual}, {device.type}: {np.abs(here - there).max():.1e} grey levels apart at most; "
        f"{np.count_nonzero(pixels)} of {pixels.size} rounded pixels differ, by {np.abs(pixels).max()}"
    )
    assert np.abs(here - there).max() < 0.01
    assert np.abs(pixels).max() <= 1
    assert np.count_nonzero(pixels) < 1e-4 * pixels.size


@pytest.mark.parametrize("name", ["9-5-5", "espcn", "fsrcnn", "vdsr", "edsr"])
def test_strips_give_what_the_whole_picture_gives(device, name):
    model = build_model(name, residual=True, seed=0, settings=SMALL.get(name)).to(device).eval()
    luma = photograph(2, 90, 130)[..., 1]
    whole = restore_luma(model, luma, SCALE)
    pixels = 130 * 7 * model.scale**2
    assert np.allclose(restore_luma(model, luma, SCALE, tile_pixels=pixels), whole, rtol=0, atol=1e-3)


def test_pictures_that_are_watched_score_as_on_the_cpu(device):
    data = DataConfig(train=("x",), scale=3, crop_to_scale=True)
    pictures = [MonitoredPicture("set", photograph(seed, 90, 99), data) for seed in (1, 2)]
    model = build_model("9-1-5", residual=True, seed=0).eval()
    here = mean_scores(model, pictures, SCALE)
    there = mean_scores(model.to(device), pictures, SCALE)
    assert there["set"] == pytest.approx(here["set"], abs=1e-3)


def test_the_render_stage_writes_the_cpus_pictures_to_one_grey_level(tmp_path, device, monkeypatch):
    folders = []
    for gpus, kind in (("0", "cpu"), ("1", device.type)):
        monkeypatch.setenv("RUNNER_GPUS", "0" if kind == "cpu" else gpus)
        plan = small_plan(tmp_path, training={"device": "cpu"})
        for task in plan.tasks:
            if isinstance(task.job, Prepare | Train | Render):
                task.job()
        folder = plan.paths.run(plan.runs[0].run_id).folder
        pictures = {file.relative_to(folder): read_picture(file) for file in folder.glob("*_SRCNN_Output/**/*.png")}
        folders.append(pictures)
        for name in pictures:
            (folder / name).unlink()
    here, there = folders
    assert here.keys() == there.keys() != set()
    for name in here:
        assert np.abs(here[name].astype(int) - there[name]).max() <= 1
