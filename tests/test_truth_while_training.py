"""What a training says of itself: every epoch's figures, and what went wrong with what to change."""

import logging
import math

import numpy as np
import pytest
import torch
from small_study import small_plan, train

from jobs.checkpoint import Checkpoint
from jobs.events import has_tensorboard
from jobs.training import progress_note
from runner.study.config import ConfigError
from runner.study.space import size, space_needed, space_text
from srcnn.batches import Patches
from srcnn.deprocess import Standardisation
from srcnn.experiment import TrainingConfig
from srcnn.models import MODELS
from srcnn.models.build import build_model
from srcnn.steps import TrainingDiverged
from srcnn.symptoms import CONSTANT_OUTPUT, UNCHANGED_INPUT, symptom
from srcnn.training import new_optimiser


def test_history_and_progress_tell_every_epoch_whole(tmp_path):
    said = []
    ((_, history),) = train(tmp_path, lambda done, total, note: said.append((done, total, note)))
    assert [record["epoch"] for record in history] == [1, 2, 3]
    for record in history:
        assert set(record["sets"]["held"]) == {"psnr", "ssim", "bicubic_psnr", "bicubic_ssim"}
        for key in ("train_loss", "holdout_loss", "learning_rate", "patches_per_second", "seconds", "peak_memory_mb"):
            assert record[key] > 0
    assert [done for done, total, _ in said if total == 3] == [0, 1, 2, 3]  # the first says where it begins
    notes = [note for done, total, note in said if total == 3]
    for part in ("loss ", "rate ", "patches/s", "held ", " dB ", "(bicubic ", "peak "):
        assert part in notes[-1]


@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_divergence_stops_the_run_with_the_last_good_state(tmp_path, rate):
    plan = {"training": {"learning_rate": rate, "optimiser": "sgd", "warmup_steps": 0, "epochs": 50}}
    with pytest.raises(TrainingDiverged, match=r"loss|weights") as caught:
        train(tmp_path, **plan)
    assert "lower training.learning_rate" in str(caught.value)


def test_divergence_keeps_what_was_good(tmp_path, monkeypatch):
    import jobs.training

    original = jobs.training.train_epoch

    def diverges(*arguments, epoch, **named):
        loss = original(*arguments, epoch=epoch, **named)
        if epoch == 3:
            raise TrainingDiverged("training diverged: the loss is nan")
        return loss

    monkeypatch.setattr(jobs.training, "train_epoch", diverges)
    plan = {"keep": {"every_s": 1000}, "render": {"epochs": [3]}}
    with pytest.raises(TrainingDiverged, match=r"loss is nan \(the state of epoch 2 is in .*last\.pt\)"):
        train(tmp_path, **plan)
    (run,) = (tmp_path / "small" / "runs").iterdir()
    state = Checkpoint.load(run / "checkpoints" / "last.pt")
    assert state.epoch == 2
    assert all(bool(value.isfinite().all()) for value in state.model.values())


def test_the_reports_silent_failure_is_recognised_and_named(tmp_path, caplog):
    # The report's recipe: tiny weights, rates meant for a summed loss, no residual.
    recipe = {
        "model": {"init": "gaussian", "residual": False},
        "training": {"optimiser": "sgd", "learning_rate": 1e-4, "last_layer_rate": 0.1, "standardise": "dataset"},
    }
    with caplog.at_level(logging.WARNING):
        ((_, history),) = train(tmp_path, **recipe)
    assert history[-1]["warning"] == CONSTANT_OUTPUT
    for word in ("13.33 dB", "model.init=default", "learning_rate=2e-3"):
        assert word in caplog.text
    assert "WARNING: the network returns one grey" in progress_note(history[-1])


def test_a_network_that_returns_its_input_is_named():
    tensors = _tensors()
    model = build_model("9-1-5", residual=True, seed=0, init="gaussian")
    assert symptom(model, tensors) == UNCHANGED_INPUT


def test_a_network_that_learns_has_no_symptom(tmp_path):
    ((_, history),) = train(tmp_path)
    assert not any("warning" in record for record in history)


def test_flat_pictures_accuse_nobody():
    flat = np.full((4, 17, 17), 9, np.uint8)
    tensors = Patches.of(flat, flat, Standardisation(0.45, 1.0), torch.device("cpu"))
    assert symptom(build_model("9-1-5", residual=False, seed=0), tensors) is None


def _tensors():
    targets = np.random.default_rng(0).integers(0, 256, (8, 17, 17), np.uint8)
    return Patches.of(targets // 2 + 60, targets, Standardisation(0.45, 1.0), torch.device("cpu"))


def test_the_last_layer_may_have_its_own_rate():
    model = build_model("9-1-5", residual=True, seed=0)
    groups = new_optimiser(model, TrainingConfig(last_layer_rate=0.1)).param_groups
    assert [group["factor"] for group in groups] == [1.0, 0.1]
    assert groups[1]["params"][0] is model.reconstruct.weight


# --- space ------------------------------------------------------------------------------------
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", MODELS)
def test_weights_are_counted_without_torch(name, scale):
    spec = MODELS[name]
    model = build_model(name, residual=True, seed=0, scale=scale)
    assert spec.weights(spec.settings(), scale) == sum(parameter.numel() for parameter in model.parameters())


def test_the_space_that_is_said_is_about_what_checkpoints_take(tmp_path):
    plan = small_plan(tmp_path, keep={"every_s": 0})
    need = space_needed(plan.tasks)
    ((paths, _),) = train(tmp_path, keep={"every_s": 0})
    there = sum(file.stat().st_size for file in paths.checkpoints.iterdir())
    assert there == pytest.approx(need["checkpoints"], rel=0.1)
    assert space_needed([]).total() == 0


def test_nine_thousand_epochs_do_not_fill_a_disk(tmp_path):
    plan = small_plan(tmp_path, training={"epochs": 9000}, render={"epochs": {"log_spaced": 10}})
    assert space_needed(plan.tasks)["checkpoints"] < 30e6


def test_a_study_that_does_not_fit_says_so(tmp_path, monkeypatch):
    import shutil

    plan = small_plan(tmp_path, keep={"every_s": 0})
    assert "WARNING" not in space_text(plan.paths.folder, plan.tasks)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
    assert "10 B are free" in space_text(plan.paths.folder, plan.tasks)
    assert "WARNING: that does not fit" in space_text(plan.paths.folder, plan.tasks)
    assert [size(n) for n in (5, 5e3, 5e6, 5e9, 5e12)] == ["5 B", "5 kB", "5 MB", "5.0 GB", "5000.0 GB"]


# --- TensorBoard ------------------------------------------------------------------------------
@pytest.mark.skipif(not has_tensorboard(), reason="the extra 'tensorboard' is not installed")
def test_tensorboard_shows_the_history(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    ((paths, history),) = train(tmp_path, training={"tensorboard": True})
    events = EventAccumulator(str(paths.events)).Reload()
    shown = [event.value for event in events.Scalars("psnr/held")]
    assert shown == pytest.approx([record["sets"]["held"]["psnr"] for record in history], rel=1e-6)
    assert not math.isnan(events.Scalars("loss/holdout")[0].value)


def test_without_tensorboard_a_study_that_asks_for_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("runner.study.model.has_tensorboard", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'srcnn-runner\[tensorboard\]'"):
        small_plan(tmp_path, training={"tensorboard": True})
