"""Steps of training on a GPU: recorded ones are those taken one by one, and what must not be recorded is not."""

import logging
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from srcnn.batches import SYMMETRIES, Patches, augmented
from srcnn.deprocess import Standardisation
from srcnn.deterministic import deterministic
from srcnn.experiment import TrainingConfig
from srcnn.losses import LOSSES
from srcnn.models import MODELS
from srcnn.models.build import build_model
from srcnn.precision import products_in
from srcnn.steps import Steps, TrainingDiverged, loss_for
from srcnn.training import holdout_loss, load_optimiser, new_optimiser, new_steps, train_epoch

from .conftest import SMALL

SCALE = Standardisation(0.45, 1.0)
CPU = torch.device("cpu")
COUNT = 1100  # in batches of 16: two graphs of 32 steps, four of one, and a short step


def patches(device, count=COUNT, seed=0, dtype=np.uint8, size=33, input_scale=1):
    """Half the contrast, to be undone; for an input scale above 1 of one pixel of so many along a side."""
    targets = np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(dtype)
    inputs = (64 + targets / 2).astype(dtype)[:, ::input_scale, ::input_scale]
    return Patches.of(inputs, targets, SCALE, device)


def settings(**changes):
    return TrainingConfig(**{"epochs": 2, "batch_size": 16, "warmup_steps": 2, **changes})


class Trained:
    """A network after some epochs on a device."""

    def __init__(self, device, model=None, config=None, *, epochs=2, precision="float32", alone=False, data=None):
        self.config, self.data = config or settings(), data or patches(device)
        self.model = (model or build_model("9-1-5", residual=True, seed=0)).to(device)
        self.model.to(memory_format=torch.channels_last)
        self.optimiser = new_optimiser(self.model, self.config)
        kind = Steps if alone else new_steps
        self.steps = kind(self.model, self.optimiser, self.data, self.config, precision)
        self.losses = [self.epoch(number, precision) for number in range(1, epochs + 1)]

    def epoch(self, number, precision="float32"):
        return train_epoch(
            self.model,
            self.optimiser,
            self.data,
            self.config,
            epoch=number,
            seed=1,
            precision=precision,
            steps=self.steps,
        )

    def weights(self):
        return torch.cat([value.detach().double().cpu().flatten() for value in self.model.state_dict().values()])


def distance(one, other):
    """Largest difference of two trained networks' weights, relative to the largest weight."""
    return float((one.weights() - other.weights()).abs().max() / one.weights().abs().max())


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_device_cuts_and_turns_batches_as_the_cpu_does(device, dtype):
    here, there = patches(CPU, 50, dtype=dtype, size=9), patches(device, 50, dtype=dtype, size=9)
    index, flips = torch.randint(50, (SYMMETRIES, 5)), torch.arange(SYMMETRIES)
    expected = here.batch(index, flips)
    for images, wanted, plain in zip(
        there.batch(index.to(device), flips.to(device)), expected, here.batch(index), strict=True
    ):
        assert torch.allclose(images.cpu(), wanted, rtol=0, atol=1e-6)  # a grey level is 4e-3
        assert torch.equal(wanted, torch.stack([augmented(plain[flip], flip) for flip in range(SYMMETRIES)]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_recorded_steps_are_those_taken_one_by_one(cuda, name, precision, note):
    data = patches(cuda, input_scale=MODELS[name].input_scale(3))

    def trained(alone):
        model = build_model(name, residual=True, seed=0, settings=SMALL.get(name), scale=3)
        return Trained(cuda, model, precision=precision, alone=alone, data=data)

    with deterministic(True):
        recorded, alone = trained(False), trained(True)
    assert not recorded.steps.unfit
    assert sorted(recorded.steps.graphs) == [1, 32]
    note(f"{name} {precision}: recorded against one by one, 138 steps: {distance(recorded, alone):.1e} of the weights")
    assert distance(recorded, alone) < 1e-3
    assert recorded.losses == pytest.approx(alone.losses, rel=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_recorded_and_is_the_cpus(cuda, loss):
    config = settings(loss=loss)
    with deterministic(True):
        recorded, alone = (Trained(cuda, config=config, alone=alone, data=patches(cuda, size=36)) for alone in (0, 1))
    assert not recorded.steps.unfit
    assert sorted(recorded.steps.graphs) == [1, 32]
    assert distance(recorded, alone) < 1e-3
    assert recorded.losses == pytest.approx(alone.losses, rel=1e-3)
    model = build_model("9-1-5", residual=True, seed=0)
    estimate, target = torch.rand(2, 5, 1, 24, 24)
    here, there = (loss_for(config, model, patches(device, size=36)) for device in (CPU, cuda))
    assert float(there(estimate.to(cuda), target.to(cuda))) == pytest.approx(float(here(estimate, target)), rel=1e-4)


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize("name", ["9-1-5", "9-1-7"])
def test_our_kernels_give_the_gradients_of_float64(cuda, name, precision, note):
    model = build_model(name, residual=True, seed=0).to(memory_format=torch.channels_last).train()
    luma = torch.rand(7, 1, 29, 33, generator=torch.Generator().manual_seed(0)) - 0.45
    weights = torch.rand(7, 1, 29 - 2 * model.border, 33 - 2 * model.border)  # so that each output counts
    exact = build_model(name, residual=True, seed=0).double().train()
    exact._trains_by_products = lambda luma: False
    (exact(luma.double()) * weights).sum().backward()
    restored = {}
    for own in (True, False):
        model.to(cuda).zero_grad()
        model.own_kernels = own
        with products_in(precision), torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            assert model._trains_fused(luma.to(cuda)) == own
            (model(luma.to(cuda)).float() * weights.to(cuda)).sum().backward()
        errors = [
            float((mine.grad.cpu().double() - true.grad).norm() / true.grad.norm())
            for mine, true in zip(model.parameters(), exact.parameters(), strict=True)
        ]
        restored[own] = max(errors)
    ours, cudnn = restored[True], restored[False]
    note(f"{name} {precision}: gradients {ours:.1e} from float64 by our kernels, {cudnn:.1e} by cuDNN")
    assert ours < 3 * cudnn
    assert ours < 0.02


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "sgd"},
        {"optimiser": "muon"},
        {"last_layer_rate": 0.1},
        {"augment": False},
        {"batch_size": 600},
        {"batch_size": 2000},
    ],
    ids=str,
)
def test_recorded_steps_obey_every_setting(cuda, changes):
    config = settings(**changes, learning_rate=1e-3)
    recorded, alone = (Trained(cuda, config=config, alone=alone) for alone in (False, True))
    assert not recorded.steps.unfit
    assert distance(recorded, alone) < 1e-3
    assert [group["lr"] for group in recorded.optimiser.param_groups] == [
        group["lr"] for group in alone.optimiser.param_groups
    ]


def test_a_device_trains_as_the_cpu_does(cuda, note):
    config = settings(learning_rate=1e-3)
    here, there = Trained(CPU, config=config, epochs=1), Trained(cuda, config=config, epochs=1)
    note(f"69 steps of 9-1-5 on GPU and CPU, float32: {distance(here, there):.1e} of the weights apart")
    assert there.losses == pytest.approx(here.losses, rel=1e-2)


def test_the_host_waits_for_nothing_within_an_epoch(cuda):
    trained = Trained(cuda, epochs=1)
    run, waits = trained.steps._run, []

    def watched(*arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some versions of torch say that the mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
        try:
            run(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        waits.append("none")

    trained.steps._run = watched
    trained.epoch(2)
    assert waits == ["none"]


def test_an_optimiser_goes_on_on_another_device(device):
    for begun, other in ((device, CPU), (CPU, device)):
        for kind in ("adam", "sgd"):
            config = settings(optimiser=kind, learning_rate=1e-3)
            first = Trained(begun, config=config, epochs=1)
            second = Trained(other, config=config, epochs=0)
            second.model.load_state_dict(first.model.state_dict())
            state = torch.utils._pytree.tree_map_only(torch.Tensor, torch.Tensor.cpu, first.optimiser.state_dict())
            assert all(isinstance(group["lr"], float) for group in state["param_groups"])
            load_optimiser(second.optimiser, state)
            second.epoch(2)
            first.epoch(2)
            assert distance(first, second) < 0.05


def test_a_training_that_diverges_is_stopped(device):
    with pytest.raises(TrainingDiverged, match=r"lower training\.learning_rate"):
        Trained(device, config=settings(learning_rate=1e30, warmup_steps=0))


# --- networks of somebody's own -----------------------------------------------------------------
class Own(nn.Module):
    """A network that does something besides."""

    border, scale, reach = 1, 1, 1

    def __init__(self):
        super().__init__()
        self.layer, self.calls = nn.Conv2d(1, 1, 3), 0
        self.norm, self.dropout = nn.BatchNorm2d(1), nn.Dropout(0.1)

    def forward(self, luma):
        return self.beside(self.layer(luma))

    def beside(self, luma):
        return luma


class Normalised(Own):
    def beside(self, luma):
        return self.dropout(self.norm(luma))


class ReadsBack(Own):
    def beside(self, luma):
        return luma * 2 if float(luma.detach().mean()) > 1e9 else luma


class Counts(Own):
    def beside(self, luma):
        self.calls += self.training
        return luma * (1 + 1e-3 * self.calls)


class ThrowsDice(Own):
    def beside(self, luma):
        return luma if random.random() > 0.5 else luma * 1.01


class ThrowsTorchsDice(Own):
    def beside(self, luma):
        return luma * float(1 + 0.01 * torch.rand(()))


class Breaks(Own):
    """What no look beforehand tells of: it does in a recording what it did not do before."""

    def beside(self, luma):
        return luma * float(luma.detach().mean()) if torch.cuda.is_current_stream_capturing() else luma


@pytest.mark.parametrize("kind", [Own, Normalised])
def test_a_users_network_is_recorded(cuda, kind):
    torch.manual_seed(0)
    trained = Trained(cuda, kind())
    assert not trained.steps.unfit
    assert trained.steps.graphs
    assert trained.losses[-1] < trained.losses[0]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ReadsBack, "reads numbers back from the GPU"),
        (Counts, "changes calls from step to step"),
        (ThrowsDice, "changes the random numbers of Python from step to step"),
        (ThrowsTorchsDice, "changes the random numbers of the CPU from step to step"),
        (Breaks, "cannot be recorded: CUDA error: operation not permitted"),
    ],
)
def test_a_network_that_must_not_be_recorded_trains_step_by_step_and_the_log_says_why(cuda, caplog, kind, reason):
    torch.manual_seed(0)
    with caplog.at_level(logging.WARNING):
        trained = Trained(cuda, kind())
    assert reason in trained.steps.unfit
    assert not trained.steps.graphs
    assert reason in caplog.text
    assert caplog.text.count("slower") == 1
    assert trained.losses[-1] < trained.losses[0]
    Trained(cuda, Normalised(), epochs=1)  # what failed before does not touch what comes after


def test_the_held_out_loss_is_the_cpus(device):
    model = build_model("9-5-5", residual=True, seed=0)
    expected = holdout_loss(model, patches(CPU, 300), settings())
    assert holdout_loss(model.to(device), patches(device, 300), settings()) == pytest.approx(expected, rel=1e-4)
