"""The self-ensemble: a picture restored in its eight orientations, by any network, wherever pictures are restored."""

import numpy as np
import pytest
import torch
from small_study import small_plan

from jobs.prepare import Prepare
from jobs.render import Render
from jobs.train import Train
from srcnn.checkpoint import Checkpoint
from srcnn.deprocess import Standardisation
from srcnn.files import read_picture
from srcnn.inference import restore_luma
from srcnn.models import MODELS
from srcnn.models.build import build_model
from srcnn.models.ensemble import SelfEnsemble

SCALE = Standardisation(0.45, 1.0)
SMALL = {"vdsr": {"layers": 4, "channels": 8}, "edsr": {"blocks": 2, "channels": 8}, "fsrcnn": {"m": 2, "d": 16}}
PICTURE = np.random.default_rng(0).uniform(0, 255, (26, 31))


def built(name):
    return build_model(name, residual=True, seed=0, settings=SMALL.get(name), scale=3).eval()


def orientations(picture):
    """The eight of them, by numpy."""
    return [np.rot90(side, quarters) for side in (picture, np.fliplr(picture)) for quarters in range(4)]


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_mean_of_what_the_network_gives_for_the_eight_orientations(name):
    network = built(name)
    turned_back = []
    for number, picture in enumerate(orientations(PICTURE)):
        upright = np.rot90(restore_luma(network, picture, SCALE), -(number % 4))
        turned_back.append(upright if number < 4 else np.fliplr(upright))
    assert np.ptp(turned_back, axis=0).max() > 0.1  # they do differ
    found = restore_luma(SelfEnsemble(network), PICTURE, SCALE)
    assert np.allclose(found, np.mean(turned_back, axis=0), atol=1e-3)


@pytest.mark.parametrize("name", ["9-1-5", "espcn"])
def test_a_turned_picture_is_restored_to_the_turned_result_in_tiles_without_seams(name):
    network = SelfEnsemble(built(name))
    whole = restore_luma(network, PICTURE, SCALE)
    for picture, expected in zip(orientations(PICTURE), orientations(whole), strict=True):
        assert np.allclose(restore_luma(network, picture, SCALE), expected, atol=1e-3)
    assert np.allclose(restore_luma(network, PICTURE, SCALE, tile_pixels=1000), whole, atol=1e-3)


def test_it_is_a_setting_of_a_run_that_changes_what_is_restored_and_what_it_costs_but_no_weight(tmp_path):
    espcn = {"name": "espcn"}
    plans = [
        small_plan(tmp_path / word, model=espcn | {"self_ensemble": chosen}, render={"epochs": [3]})
        for word, chosen in (("plain", False), ("mean", True))
    ]
    plain, mean = (plan.runs[0] for plan in plans)
    assert plain.run_id == small_plan(tmp_path / "plain", model=espcn, render={"epochs": [3]}).runs[0].run_id
    assert plain.run_id != mean.run_id
    assert plain.weights == mean.weights
    assert 8 * plain.multiplications == mean.multiplications
    checkpoints, pictures, monitored = [], [], []
    for plan in plans:
        for task in plan.tasks:
            if isinstance(task.job, Prepare | Train | Render):
                task.job()
        paths = plan.paths.run(plan.runs[0].run_id)
        checkpoints.append(Checkpoint.load(paths.checkpoint(3)))
        pictures.append(read_picture(next(paths.rendered_epoch("eval", 3).rglob("*.png"))))
        monitored.append(checkpoints[-1].history[-1]["sets"]["held"]["psnr"])
    assert all(torch.equal(value, checkpoints[1].model[name]) for name, value in checkpoints[0].model.items())
    assert (pictures[0] != pictures[1]).any()
    assert monitored[0] != monitored[1]
    assert checkpoints[0].build().training is checkpoints[1].build().training is False
