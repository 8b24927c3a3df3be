import math
import os
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from pictures import SRCNNS

from srcnn.batches import Patches, augmented
from srcnn.captured import host_state
from srcnn.deprocess import Standardisation
from srcnn.deterministic import deterministic
from srcnn.experiment import TrainingConfig
from srcnn.inference import restore_luma
from srcnn.losses import LOSSES
from srcnn.models import MODELS
from srcnn.models.build import build_model
from srcnn.steps import TrainingDiverged, inner, loss_for
from srcnn.training import (
    holdout_loss,
    learning_rate,
    load_optimiser,
    new_optimiser,
    new_steps,
    steps_per_epoch,
    train_epoch,
)

SCALE = Standardisation(0.45, 1.0)
CPU = torch.device("cpu")


def tensors(count=40, size=17, seed=0, blur=True):
    """Noise to be restored from the mean with its neighbours."""
    targets = np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.float32)
    inputs = (targets + np.roll(targets, 1, axis=-1)) / 2 if blur else targets
    return Patches.of(inputs, targets, SCALE, CPU)


def config(**changes):
    return TrainingConfig(**{"epochs": 3, "batch_size": 16, "warmup_steps": 2, **changes})


def trained(epochs, *, seed=0, settings=None, data=None, model=None, optimiser=None, first=1, precision="float32"):
    settings, data = settings or config(), data or tensors()
    model = model or build_model("9-1-5", residual=True, seed=seed)
    optimiser = optimiser or torch.optim.Adam(model.parameters())
    losses = [
        train_epoch(model, optimiser, data, settings, epoch=epoch, seed=seed, precision=precision)
        for epoch in range(first, epochs + 1)
    ]
    return model, optimiser, losses


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def zeroed(name="9-1-5", residual=True):
    """A network whose last layer computes nothing."""
    model = build_model(name, residual=residual, seed=0)
    last = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return model


# --- models -----------------------------------------------------------------------------------
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("name", SRCNNS)
def test_every_model_loses_exactly_the_border_it_states(name, residual):
    model = build_model(name, residual=residual, seed=0)
    b = model.border
    for height, width in ((2 * b + 1, 2 * b + 1), (33, 40)):
        found = model(torch.zeros(2, 1, height, width))
        assert found.shape == (2, 1, height - 2 * b, width - 2 * b)
    kernels = [int(kernel) for kernel in name.split("-")]
    assert b == MODELS[name].border == sum(kernel // 2 for kernel in kernels)


# Dong et al. (2016), section 4.3: 8,032, 24,416 and 57,184 weights, without the 97 biases.
@pytest.mark.parametrize(("name", "count"), [("9-1-5", 8_032), ("9-3-5", 24_416), ("9-5-5", 57_184)])
def test_models_have_the_published_number_of_weights(name, count):
    model = build_model(name, residual=True, seed=0)
    assert sum(p.numel() for p in model.parameters() if p.ndim > 1) == count


@pytest.mark.parametrize("name", SRCNNS)
def test_with_a_silent_last_layer_the_residual_network_is_the_identity(name):
    luma = np.random.default_rng(0).uniform(0, 255, (23, 31))
    assert np.allclose(restore_luma(zeroed(name), luma, SCALE), luma, rtol=0, atol=1e-3)
    mean = restore_luma(zeroed(name, residual=False), luma, SCALE)
    assert np.allclose(mean, 255 * SCALE.mean, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", SRCNNS)
def test_a_seed_gives_the_same_model_and_leaves_other_randomness_alone(name):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = build_model(name, residual=True, seed=3)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(8)
    assert same(weights(first), weights(build_model(name, residual=True, seed=3)))
    assert not same(weights(first), weights(build_model(name, residual=True, seed=4)))


# --- schedule ---------------------------------------------------------------------------------
def test_the_learning_rate_warms_up_and_then_falls_to_its_final_share():
    settings = config(learning_rate=0.4, warmup_steps=100, final_rate=0.01)
    rates = [learning_rate(step, 1000, settings) for step in range(1000)]
    assert rates[0] == pytest.approx(0.004)
    assert rates[49] == pytest.approx(0.2)
    assert max(rates) == rates[99] == pytest.approx(0.4)
    assert all(a < b for a, b in pairwise(rates[:100]))
    assert all(a > b for a, b in pairwise(rates[100:]))
    assert rates[550] == pytest.approx(0.4 * 0.505)  # half way down the cosine
    assert learning_rate(1000, 1000, settings) == pytest.approx(0.004)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 150])
def test_a_training_shorter_than_its_warm_up_still_reaches_the_full_rate(steps):
    settings = config(learning_rate=0.4, warmup_steps=100)
    rates = [learning_rate(step, steps, settings) for step in range(steps)]
    assert max(rates) == pytest.approx(0.4)
    assert min(rates) > 0


def test_a_final_rate_of_one_is_a_constant_rate():
    settings = config(learning_rate=0.4, warmup_steps=0, final_rate=1)
    assert {learning_rate(step, 50, settings) for step in range(50)} == {0.4}


@pytest.mark.parametrize(("patches", "steps"), [(1, 1), (16, 1), (17, 2), (160, 10)])
def test_the_last_batch_may_be_short(patches, steps):
    assert steps_per_epoch(patches, config()) == steps


# --- batches ----------------------------------------------------------------------------------
@pytest.mark.parametrize("scale", [SCALE, Standardisation(0.43, 0.23)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_batches_are_on_the_scale_of_inference(scale, dtype):
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 9)).astype(dtype)
    inputs, targets = Patches.of(images, images[::-1].copy(), scale, CPU).batch(torch.tensor([3, 1]))
    assert inputs.dtype == targets.dtype == torch.float32
    assert inputs.shape == (2, 1, 9, 9)
    assert np.allclose(inputs[:, 0], scale.apply(images[[3, 1]]), rtol=0, atol=1e-5)
    assert np.allclose(targets[:, 0], scale.apply(images[[1, 3]]), rtol=0, atol=1e-5)


def test_the_eight_augmentations_are_the_symmetries_of_the_square():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = [augmented(image, flip) for flip in range(8)]
    assert len({tuple(each.flatten().tolist()) for each in found}) == 8
    expected = [np.rot90(side, k) for side in (image[0, 0].numpy(), image[0, 0].numpy().T) for k in range(4)]
    assert {each.tobytes() for each in map(np.ascontiguousarray, expected)} == {
        np.ascontiguousarray(each[0, 0].numpy()).tobytes() for each in found
    }


@pytest.mark.parametrize("augment", [True, False])
def test_inputs_and_targets_are_flipped_alike(augment):
    # Where inputs equal targets a silent residual network has no loss, unless one was flipped.
    model = zeroed()
    optimiser = torch.optim.SGD(model.parameters(), lr=0)
    loss = train_epoch(model, optimiser, tensors(blur=False), config(augment=augment), epoch=1, seed=0)
    assert loss == pytest.approx(0, abs=1e-12)


def test_the_inner_pixels_are_those_that_valid_convolutions_predict():
    images = torch.arange(49.0).reshape(1, 1, 7, 7)
    assert torch.equal(inner(images, 2), images[..., 2:5, 2:5])
    assert torch.equal(inner(images, 0), images)


# --- epochs -----------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", LOSSES)
def test_training_lowers_the_loss_on_patches_it_never_saw(loss):
    def faded(seed):  # half the contrast, easily undone
        targets = np.random.default_rng(seed).uniform(0, 255, (40, 20, 20)).astype(np.float32)
        return Patches.of(64 + targets / 2, targets, SCALE, CPU)

    settings = config(epochs=8, loss=loss)
    before = holdout_loss(build_model("9-1-5", residual=True, seed=0), faded(1), settings)
    model, _, losses = trained(8, settings=settings, data=faded(0))
    assert losses[-1] < losses[0]
    assert holdout_loss(model, faded(1), settings) < 0.8 * before


def plain_epoch(model, optimiser, data, settings, *, epoch, seed, precision):
    """An epoch as plainly as it can be written."""
    model.train()
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(data), generator=generator)
    per_epoch = steps_per_epoch(len(data), settings)
    flips = torch.randint(8, (per_epoch,), generator=generator).tolist()
    total = torch.zeros(())
    for number, index in enumerate(order.split(settings.batch_size)):
        for group in optimiser.param_groups:
            rate = learning_rate((epoch - 1) * per_epoch + number, settings.epochs * per_epoch, settings)
            group["lr"] = rate * group["factor"]
        inputs, targets = data.batch(index)
        if settings.augment:
            inputs, targets = augmented(inputs, flips[number]), augmented(targets, flips[number])
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            restored = model(inputs)
        loss = loss_for(settings, model, data)(restored.float(), inner(targets, model.border))
        loss.backward()
        total += loss.detach() * len(index)
        optimiser.step()
    return float(total) / len(data)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["9-1-5", "9-5-5"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"augment": False}, {"batch_size": 40}, {"optimiser": "sgd", "last_layer_rate": 0.1}, {"optimiser": "muon"}],
    ids=str,
)
def test_an_epoch_is_the_plain_loop_to_the_bit(changes, name, precision):
    settings, found = config(**changes), []
    for epoch_of in (train_epoch, plain_epoch):
        model = build_model(name, residual=True, seed=0).to(memory_format=torch.channels_last)
        optimiser = new_optimiser(model, settings)
        losses = [
            epoch_of(model, optimiser, tensors(60), settings, epoch=epoch, seed=3, precision=precision)
            for epoch in (1, 2)
        ]
        found.append((losses, weights(model)))
    assert found[0][0] == found[1][0]
    assert same(found[0][1], found[1][1])


def test_a_batch_is_turned_as_it_is_cut():
    data, index, flips = tensors(9, 7), torch.tensor([[3, 1], [8, 3]]), torch.tensor([6, 3])
    for turned, plain in zip(data.batch(index, flips), data.batch(index), strict=True):
        assert turned.shape == plain.shape == (2, 2, 1, 7, 7)
        assert torch.equal(turned, torch.stack([augmented(plain[0], 6), augmented(plain[1], 3)]))


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_an_optimisers_state_is_taken_over_and_its_kernels_are_not(kind):
    settings = config(optimiser=kind)
    model = build_model("9-1-5", residual=True, seed=0)
    optimiser = new_optimiser(model, settings)
    train_epoch(model, optimiser, tensors(), settings, epoch=1, seed=0)
    state = optimiser.state_dict()
    own = [group["fused"] for group in state["param_groups"]]
    for group in state["param_groups"]:
        group["fused"], group["foreach"] = False, True  # as saved elsewhere
    fresh = new_optimiser(model, settings)
    load_optimiser(fresh, state)
    assert [group["fused"] for group in fresh.param_groups] == own
    assert fresh.param_groups[0]["lr"] == optimiser.param_groups[0]["lr"]
    assert len(fresh.state_dict()["state"]) == len(list(model.parameters()))


def test_the_last_layer_is_a_group_where_its_rate_is_another():
    model = build_model("9-1-5", residual=True, seed=0)
    assert len(new_optimiser(model, config()).param_groups) == 1
    groups = new_optimiser(model, config(last_layer_rate=0.1)).param_groups
    assert [(len(group["params"]), group["factor"]) for group in groups] == [(4, 1.0), (2, 0.1)]


def test_deterministic_kernels_are_taken_in_the_block_only(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()
    with deterministic(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_a_step_changes_on_the_host_is_known():
    model = build_model("9-1-5", residual=True, seed=0)
    before = host_state(model)
    assert host_state(model) == before
    for change in (random.random, np.random.random, torch.rand):
        change(1) if change is torch.rand else change()
        assert host_state(model) != before
        before = host_state(model)
    model.extract.calls = 1
    assert {name for name, value in host_state(model).items() if before.get(name) != value} == {"extract.calls"}


def test_one_seed_gives_one_result_and_another_seed_another():
    (first, _, losses), (second, _, again), (other, _, _) = trained(2), trained(2), trained(2, seed=1)
    assert same(weights(first), weights(second))
    assert losses == again
    assert not same(weights(first), weights(other))


def test_training_does_not_depend_on_other_randomness():
    torch.manual_seed(1)
    first, *_ = trained(1)
    torch.manual_seed(2)
    second, *_ = trained(1)
    assert same(weights(first), weights(second))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_resumed_at_an_epoch_equals_training_without_a_stop(precision):
    uninterrupted, _, losses = trained(3, precision=precision)
    model, optimiser, _ = trained(1, precision=precision)
    fresh = build_model("9-1-5", residual=True, seed=99)
    fresh.load_state_dict(model.state_dict())
    fresh_optimiser = torch.optim.Adam(fresh.parameters())
    fresh_optimiser.load_state_dict(optimiser.state_dict())
    resumed, _, rest = trained(3, model=fresh, optimiser=fresh_optimiser, first=2, precision=precision)
    assert same(weights(resumed), weights(uninterrupted))
    assert rest == losses[1:]


def test_the_schedule_runs_on_from_epoch_to_epoch():
    settings, data = config(), tensors(40)  # 3 steps an epoch
    model = zeroed()
    optimiser = torch.optim.SGD(model.parameters(), lr=0)
    for epoch in (1, 2, 3):
        train_epoch(model, optimiser, data, settings, epoch=epoch, seed=0)
        assert optimiser.param_groups[0]["lr"] == learning_rate(3 * epoch - 1, 9, settings)


def test_every_epoch_takes_the_patches_in_another_order():
    # With a rate of zero only the order of the batches distinguishes epochs: record the inputs.
    seen = []
    model = zeroed()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    still = torch.optim.SGD(model.parameters(), lr=0)
    for epoch in (1, 2, 1):
        train_epoch(model, still, tensors(32), config(augment=False), epoch=epoch, seed=0)
    first, second, again = (torch.cat(seen[i : i + 2]) for i in (0, 2, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert torch.equal(first.sum(dim=(1, 2, 3)).sort().values, second.sum(dim=(1, 2, 3)).sort().values)


def test_the_loss_of_an_epoch_is_the_mean_over_patches_not_batches():
    # 17 patches in batches of 16: the last patch is no half of the mean.
    data = tensors(17)
    model = zeroed()
    still = torch.optim.Adam(model.parameters())
    settings = config(learning_rate=1e-30, augment=False)
    assert train_epoch(model, still, data, settings, epoch=1, seed=0) == pytest.approx(
        holdout_loss(model, data, settings), rel=1e-5
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_training_on_a_batch_in_parts_is_training_on_the_batch(loss):
    # 40 patches: one batch in parts of 32 and 8. SGD, because Adam's first step only knows the sign of a gradient.
    models = [build_model("9-1-5", residual=True, seed=0) for _ in range(2)]
    losses = []
    for model, part in zip(models, (32, None), strict=True):
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        settings = config(batch_size=40, loss=loss, warmup_steps=0)
        steps = new_steps(model, optimiser, tensors(size=20), settings, part=part)
        losses.append(train_epoch(model, optimiser, tensors(size=20), settings, epoch=1, seed=0, steps=steps))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for parts, whole in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_users_network_sees_the_whole_batch():
    seen = []
    model = zeroed("9-5-5")
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    still = torch.optim.SGD(model.parameters(), lr=0)
    train_epoch(model, still, tensors(40), config(batch_size=40), epoch=1, seed=0)
    assert seen == [40]


def test_the_held_out_loss_changes_nothing_and_is_nan_without_patches():
    model = build_model("9-1-5", residual=True, seed=0)
    before = weights(model)
    assert holdout_loss(model, tensors(), config()) > 0
    assert same(weights(model), before)
    assert math.isnan(holdout_loss(model, tensors(0), config()))


def test_the_held_out_loss_is_the_mean_over_all_patches():
    model, data = build_model("9-1-5", residual=True, seed=0), tensors(300, 13)

    def part(cuts, first):
        some = slice(first, first + 100)
        return replace(cuts, starts=cuts.starts[some], widths=cuts.widths[some])

    parts = [Patches(part(data.inputs, i), part(data.targets, i), SCALE) for i in (0, 100, 200)]
    expected = np.mean([holdout_loss(model, part, config()) for part in parts])
    assert holdout_loss(model, data, config()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_training_and_says_what_to_do(bad):
    data = tensors()
    data.targets.pixels[7 * 17 * 17 + 8 * 17 + 8] = bad
    with pytest.raises(TrainingDiverged, match=r"in epoch 1 .*; lower training\.learning_rate"):
        trained(1, data=data)


def test_an_absurd_learning_rate_diverges():
    with pytest.raises(TrainingDiverged):
        trained(3, settings=config(learning_rate=1e30, warmup_steps=0))


# --- inference --------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (5, 3), (23, 31), (64, 48)])
@pytest.mark.parametrize("name", ["9-1-5", "9-5-5"])
def test_restored_luma_has_the_size_of_its_input(name, shape):
    luma = np.random.default_rng(0).uniform(0, 255, shape)
    found = restore_luma(build_model(name, residual=True, seed=0), luma, SCALE)
    assert found.shape == shape
    assert found.dtype == np.float64
    assert np.isfinite(found).all()


@pytest.mark.parametrize("strip_pixels", [1, 40, 333, 31 * 22, 31 * 23])
def test_strips_give_what_the_whole_picture_gives(strip_pixels):
    model = build_model("9-5-5", residual=True, seed=0)
    luma = np.random.default_rng(0).uniform(0, 255, (23, 31))
    whole = restore_luma(model, luma, SCALE)
    assert np.allclose(restore_luma(model, luma, SCALE, strip_pixels), whole, rtol=0, atol=1e-3)


def test_the_inside_is_what_valid_convolutions_give_and_the_border_repeats_the_edge():
    model = build_model("9-1-5", residual=True, seed=0)
    luma = np.random.default_rng(0).uniform(0, 255, (30, 40))
    found, b = restore_luma(model, luma, SCALE), model.border
    with torch.inference_mode():
        valid = model(torch.from_numpy(SCALE.apply(luma))[None, None])[0, 0].numpy()
    assert np.allclose(found[b:-b, b:-b], SCALE.undo(valid), rtol=0, atol=1e-3)
    wider = restore_luma(model, np.pad(luma, b, mode="edge"), SCALE)
    assert np.allclose(wider[b:-b, b:-b], found, rtol=0, atol=1e-3)


def test_a_flat_picture_is_restored_flat_up_to_its_border():
    found = restore_luma(build_model("9-1-5", residual=True, seed=0), np.full((20, 25), 90.0), SCALE)
    assert np.ptp(found) < 1e-3


def test_inference_takes_bytes_and_read_only_arrays_and_changes_neither():
    model = build_model("9-1-5", residual=True, seed=0)
    luma = np.random.default_rng(0).integers(0, 256, (20, 25), np.uint8)
    luma.setflags(write=False)
    assert np.allclose(restore_luma(model, luma, SCALE), restore_luma(model, luma.astype(float), SCALE), atol=1e-3)
