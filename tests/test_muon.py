"""Muon: changes of one size in every direction, for kernels and biases alike."""

import math

import numpy as np
import pytest
import torch

from srcnn.batches import Patches
from srcnn.deprocess import Standardisation
from srcnn.experiment import TrainingConfig
from srcnn.models.build import build_model
from srcnn.muon import MOMENTUM, SIZE, Muon, orthogonal
from srcnn.steps import TrainingDiverged
from srcnn.training import load_optimiser, new_optimiser, train_epoch

SHAPES = [(8, 25), (25, 8), (1, 9), (9, 9)]


def gradients(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_matrices_keep_their_directions_and_lose_their_sizes():
    for rows, columns in SHAPES:
        matrices = gradients(3, rows, columns) * torch.tensor([1e-6, 1.0, 1e6])[:, None, None]
        found = orthogonal(matrices)
        assert found.shape == matrices.shape
        for matrix, made in zip(matrices, found, strict=True):
            left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
            inner = left.T @ made @ right.T  # diagonal where directions are the same
            assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-3)
            wanted = inner.diagonal()[sizes > 0.03 * sizes.norm()]
            assert len(wanted) > 0
            assert ((wanted > 0.6) & (wanted < 1.3)).all()
    assert (orthogonal(torch.zeros(2, 3, 4)) == 0).all()


@pytest.mark.parametrize("shape", [(8, 1, 5, 5), (16, 8, 3, 3), (16,)])
def test_a_step_is_that_of_the_formula(shape):
    start = gradients(*shape, seed=1)
    parameter = torch.nn.Parameter(start.clone())
    optimiser = Muon([parameter], lr=0.01)
    matrix = (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, shape[0])
    expected, momentum = start.numpy().reshape(matrix).astype(float), np.zeros(matrix)
    for number in range(3):
        parameter.grad = gradients(*shape, seed=number)
        optimiser.step()
        gradient = parameter.grad.numpy().reshape(matrix).astype(float)
        momentum = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        ahead = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        change = orthogonal(torch.from_numpy(ahead)[None])[0].numpy()
        expected = expected - 0.01 * SIZE * max(matrix) ** 0.5 * change
        assert np.allclose(parameter.detach().numpy().reshape(matrix), expected, atol=1e-6)
    moved = (parameter.detach() - start).square().mean().sqrt()
    assert 0.5 * 0.01 * SIZE < moved < 3.5 * 0.01 * SIZE  # as large as Adam's


def test_what_has_no_gradient_stays():
    still, moved = torch.nn.Parameter(torch.ones(3, 3)), torch.nn.Parameter(torch.ones(3, 3))
    moved.grad = gradients(3, 3)
    Muon([still, moved], lr=0.1).step()
    assert (still == 1).all()
    assert (moved != 1).all()


def data():
    targets = np.random.default_rng(0).integers(0, 256, (48, 17, 17)).astype(np.float32)
    return Patches.of((targets + np.roll(targets, 1, -1)) / 2, targets, Standardisation(0.45, 1.0), torch.device("cpu"))


def config(**changes):
    settings = {"epochs": 4, "batch_size": 8, "warmup_steps": 2, "optimiser": "muon", **changes}
    return TrainingConfig(**settings)


def network():
    return build_model("9-1-5", residual=True, seed=0).to(memory_format=torch.channels_last)


def test_a_training_goes_on_from_its_state_to_the_same_bits():
    whole, first = network(), network()
    optimisers = [new_optimiser(model, config(last_layer_rate=0.1)) for model in (whole, first)]
    losses = [train_epoch(whole, optimisers[0], data(), config(), epoch=epoch, seed=0) for epoch in (1, 2, 3, 4)]
    assert losses[-1] < losses[0]
    for epoch in (1, 2):
        train_epoch(first, optimisers[1], data(), config(), epoch=epoch, seed=0)
    second = network()
    second.load_state_dict(first.state_dict())
    resumed = new_optimiser(second, config(last_layer_rate=0.1))
    load_optimiser(resumed, optimisers[1].state_dict())
    assert [train_epoch(second, resumed, data(), config(), epoch=epoch, seed=0) for epoch in (3, 4)] == losses[2:]
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in whole.state_dict().items())


def test_a_training_that_diverges_is_stopped():
    model, settings = network(), config(learning_rate=1e30)
    with pytest.raises(TrainingDiverged, match="training diverged"):
        train_epoch(model, new_optimiser(model, settings), data(), settings, epoch=1, seed=0)
