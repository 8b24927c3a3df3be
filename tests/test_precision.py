"""Products in bfloat16: where they are taken, and that a network learns as well with them."""

import logging
from threading import Event, Thread

import numpy as np
import pandas as pd
import pytest
import torch
from pictures import SRCNNS
from small_study import train

from analysis.sections.epochs import precision_note
from jobs.checkpoint import Checkpoint
from jobs.training import progress_note
from srcnn import precision as rule
from srcnn.batches import Patches
from srcnn.deprocess import Standardisation
from srcnn.experiment import TrainingConfig
from srcnn.models.build import build_model
from srcnn.precision import possible, precision_for, products_in, tf32_is_taken
from srcnn.training import holdout_loss, train_epoch

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def on_a_gpu(monkeypatch, with_units=True):
    monkeypatch.setattr(rule, "_has_matrix_units", lambda device: with_units)


def on_a_processor(monkeypatch, speedup):
    monkeypatch.setattr(rule, "bfloat16_speedup", lambda: speedup)


@pytest.mark.parametrize(("speedup", "expected"), [(7.0, "bfloat16"), (2.0, "float32"), (0.1, "float32")])
def test_auto_takes_bfloat16_only_where_it_is_much_faster(monkeypatch, speedup, expected):
    on_a_processor(monkeypatch, speedup)
    assert precision_for(True, CPU, "auto") == expected


def test_auto_leaves_a_users_network_in_float32(monkeypatch):
    on_a_processor(monkeypatch, 7.0)
    on_a_gpu(monkeypatch)
    for device in (CPU, GPU):
        assert precision_for(False, device, "auto") == "float32"


@pytest.mark.parametrize(("with_units", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_on_a_gpu_that_has_matrix_units(monkeypatch, with_units, expected):
    on_a_gpu(monkeypatch, with_units)
    assert precision_for(True, GPU, "auto") == expected
    assert precision_for(True, GPU, "auto", [{"precision": "bfloat16"}]) == expected
    assert precision_for(True, GPU, "auto", [{"precision": "tf32"}]) == ("tf32" if with_units else "float32")
    assert precision_for(True, GPU, "auto", [{"precision": "float32"}]) == "float32"


def test_a_cpu_refuses_tf32_and_goes_on_in_float32_where_a_gpu_began(monkeypatch):
    on_a_processor(monkeypatch, 0.1)
    with pytest.raises(ValueError, match="tf32, which a CPU does not have; auto or float32 trains on any device"):
        precision_for(True, CPU, "tf32")
    assert precision_for(True, CPU, "auto", [{"precision": "tf32"}]) == "float32"
    assert [possible("tf32", device) for device in (CPU, GPU)] == ["float32", "tf32"]


def test_products_are_as_said_in_the_block_and_as_before_after_it():
    before = tf32_is_taken()
    with products_in("tf32"):
        assert tf32_is_taken()
        with products_in("float32"):
            assert not tf32_is_taken()
        assert tf32_is_taken()
    assert tf32_is_taken() == before


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
@pytest.mark.parametrize("speedup", [0.1, 7.0])
def test_what_the_study_says_is_done_anywhere(monkeypatch, wanted, speedup):
    on_a_processor(monkeypatch, speedup)
    assert precision_for(False, CPU, wanted) == wanted


def test_a_training_goes_on_as_it_began_where_it_can(monkeypatch):
    on_a_processor(monkeypatch, 7.0)
    assert precision_for(True, CPU, "auto", [{"epoch": 1, "precision": "float32"}]) == "float32"
    assert precision_for(True, CPU, "auto", [{"epoch": 1, "precision": "bfloat16"}]) == "bfloat16"
    on_a_processor(monkeypatch, 0.1)
    assert precision_for(True, CPU, "auto", [{"epoch": 1, "precision": "bfloat16"}]) == "float32"


def test_the_speedup_is_measured_with_what_torch_does_here():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        rule.bfloat16_speedup.cache_clear()
        assert 0 < rule.bfloat16_speedup() < 100
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def gradient(model, luma, target, enabled):
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        restored = model(luma)
    (restored.float() - target).square().mean().backward()
    return torch.cat([value.grad.ravel() for value in model.parameters()])


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("name", SRCNNS)
def test_gradients_in_bfloat16_are_those_in_float32_to_its_three_digits(name, residual):
    model = build_model(name, residual=residual, seed=0).train()
    generator = torch.Generator().manual_seed(0)
    luma = torch.rand(4, 1, 21, 21, generator=generator) - 0.45
    inside = 21 - 2 * model.border
    target = torch.rand(4, 1, inside, inside, generator=generator)
    wanted, found = (gradient(model, luma, target, enabled) for enabled in (False, True))
    assert found.dtype == torch.float32
    assert not torch.equal(wanted, found)
    assert (found - wanted).norm() < 0.02 * wanted.norm()


def faded(seed):
    """Pictures of half their contrast, easily undone."""
    targets = np.random.default_rng(seed).uniform(0, 255, (64, 17, 17)).astype(np.float32)
    return Patches.of(64 + targets / 2, targets, Standardisation(0.45, 1.0), CPU)


@pytest.mark.parametrize("name", ["9-1-5", "9-5-5"])
def test_a_network_learns_as_well_in_bfloat16(name):
    settings = TrainingConfig(epochs=12, batch_size=16, warmup_steps=2)
    before = holdout_loss(build_model(name, residual=True, seed=1), faded(1), settings)
    losses = {}
    for precision in ("float32", "bfloat16"):
        model = build_model(name, residual=True, seed=1)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for epoch in range(1, 13):
            train_epoch(model, optimiser, faded(0), settings, epoch=epoch, seed=1, precision=precision)
        assert {value.dtype for value in model.parameters()} == {torch.float32}
        assert not torch.is_autocast_enabled("cpu")
        losses[precision] = holdout_loss(model, faded(1), settings)
    assert losses["float32"] < 0.25 * before
    assert losses["bfloat16"] < 1.2 * losses["float32"]


def test_every_epoch_says_what_it_was_trained_in(tmp_path, monkeypatch):
    for wanted in ("float32", "bfloat16"):
        ((_, history),) = train(tmp_path / wanted, training={"precision": wanted})
        assert [record["precision"] for record in history] == [wanted] * 3
    on_a_processor(monkeypatch, 7.0)
    ((_, history),) = train(tmp_path / "auto")
    assert [record["precision"] for record in history] == ["bfloat16"] * 3
    assert "patches/s in bfloat16" in progress_note(history[-1])


def test_the_report_says_what_the_epochs_were_trained_in():
    def note(*precisions):
        return precision_note(pd.DataFrame({"epoch": range(len(precisions)), "precision": precisions}))

    assert precision_note(pd.DataFrame({"epoch": [1, 2]})) == note("float32", None) == ""
    assert note("bfloat16", "bfloat16") == " Trained with products in bfloat16."
    assert note("tf32") == " Trained with products in tf32."
    mixed = " Products were taken: 1 of 3 epochs in bfloat16, the others in float32."
    assert note("bfloat16", "float32", None) == mixed
    assert note("tf32", "bfloat16") == " Products were taken: 1 of 2 epochs in bfloat16 and 1 of 2 epochs in tf32."


def test_a_run_resumed_on_a_slower_processor_says_so_and_goes_on(tmp_path, monkeypatch, caplog):
    on_a_processor(monkeypatch, 7.0)
    ((paths, _),) = train(tmp_path)
    for file in paths.checkpoints.glob("*.pt"):
        if file.name != "epoch_0002.pt":
            file.unlink()
    on_a_processor(monkeypatch, 0.1)
    with caplog.at_level(logging.WARNING):
        ((_, history),) = train(tmp_path)
    assert [record["precision"] for record in history] == ["bfloat16", "bfloat16", "float32"]
    assert "goes on in float32" in caplog.text


def test_a_thread_keeps_its_numbers_when_another_is_done_with_others():
    begun, first_is_done, found = Event(), Event(), []

    def restore():
        with products_in("tf32"):
            begun.set()
            first_is_done.wait()
            found.append(tf32_is_taken())

    thread = Thread(target=restore)
    with products_in("float32"):
        thread.start()
        begun.wait(0.5)  # it begins meanwhile, or not before this is done
        assert not tf32_is_taken()
    first_is_done.set()
    thread.join()
    assert found == [True]


def test_no_checkpoint_is_of_another_training_than_the_history(tmp_path, monkeypatch):
    # Killed after the state of epoch 2 was kept, before ``last`` was written; then started on a slower processor.
    on_a_processor(monkeypatch, 7.0)
    ((paths, _),) = train(tmp_path)
    first, second = (Checkpoint.load(paths.checkpoint(epoch)) for epoch in (1, 2))
    for file in (*paths.checkpoints.glob("*.pt"), paths.history):
        file.unlink()
    first.save(paths.last)
    first.save(paths.checkpoint(1))
    second.save(paths.checkpoint(2))
    on_a_processor(monkeypatch, 0.1)
    ((_, history),) = train(tmp_path)
    assert [record["precision"] for record in history] == ["bfloat16", "bfloat16", "float32"]
    for epoch in (1, 2, 3):
        of_checkpoint = Checkpoint.load(paths.checkpoint(epoch)).history
        assert [record["train_loss"] for record in of_checkpoint] == [r["train_loss"] for r in history[:epoch]]


def test_a_lost_checkpoint_is_made_again_in_what_it_was_made_in(tmp_path, monkeypatch, caplog):
    on_a_processor(monkeypatch, 7.0)
    ((paths, _),) = train(tmp_path)
    before = Checkpoint.load(paths.checkpoint(1)).model
    paths.checkpoint(1).unlink()
    on_a_processor(monkeypatch, 0.1)
    with caplog.at_level(logging.WARNING):
        train(tmp_path)
    state = Checkpoint.load(paths.checkpoint(1))
    assert state.history[0]["precision"] == "bfloat16"
    assert all(torch.equal(state.model[name], value) for name, value in before.items())
    assert "goes on" not in caplog.text


def test_a_training_that_only_lacks_its_last_state_is_done_with_it(tmp_path):
    ((paths, _),) = train(tmp_path)
    Checkpoint.load(paths.checkpoint(2)).save(paths.last)
    paths.history.unlink()
    ((_, history),) = train(tmp_path)
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert Checkpoint.load(paths.last).epoch == 3
