"""Losses: each a mean with a gradient, and settings of its own; FDPL by its formula; one's own beside those listed."""

import sys

import numpy as np
import pytest
import torch
import yaml
from conftest import tiny_study
from pictures import DATA, needs_data
from pydantic import ValidationError
from scipy.fft import dctn
from small_study import small_plan, train

from jobs.own_check import OwnCode, OwnCodeError, check_own_code
from runner.study.config import ConfigError, load_study, runs_of
from runner.study.model import own_names
from runner.submit import main as submit
from srcnn.batches import Patches
from srcnn.captured import host_state
from srcnn.dataset import cut_planes
from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig, Experiment, LossConfig, TrainingConfig
from srcnn.files import read_picture
from srcnn.history import read_history
from srcnn.identity import run_id
from srcnn.losses import LOSSES, LossError, unfit
from srcnn.losses.build import build_loss, check_loss
from srcnn.losses.fdpl import frequency_weights, quantisation
from srcnn.losses.pairs import Pairs
from srcnn.models.build import build_model
from srcnn.resize import resize

SCALE = Standardisation(0.45, 0.5)
CPU = torch.device("cpu")


def pairs(count=7, size=20, border=2, input_scale=1, seed=0):
    """Noise and its mean with its neighbours, or what is left of it after every other pixel is dropped."""
    originals = np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.uint8)
    fed = (originals.astype(float) + np.roll(originals, 1, axis=-1)) / 2
    fed = np.rint(fed[:, ::input_scale, ::input_scale]).astype(np.uint8)
    return Pairs(Patches.of(fed, originals, SCALE, CPU), border)


def built(name, of=None, **settings):
    return build_loss(name, settings, of or pairs())


# --- every loss -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_mean_that_is_least_for_equal_pictures(name):
    loss = built(name)
    a, b = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    assert float(loss(a, a)) == pytest.approx(0, abs=2e-3)  # charbonnier is smooth at zero
    assert loss(a, b) > 0.01
    assert float(loss(torch.cat([a, a]), torch.cat([b, b]))) == pytest.approx(float(loss(a, b)), rel=1e-5)
    assert float(loss(torch.cat([a, a], -1), torch.cat([b, b], -1))) == pytest.approx(float(loss(a, b)), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_gradient_that_leads_to_the_original(name):
    loss, target = built(name), torch.rand(2, 1, 16, 16)
    estimate = (target + 0.1 * torch.rand(2, 1, 16, 16)).requires_grad_()
    before = loss(estimate, target)
    before.backward()
    with torch.no_grad():
        assert loss(estimate - 1e-3 * estimate.grad / estimate.grad.norm(), target) < before


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_the_table_passes_the_check_of_ones_own(name):
    settings = LossConfig(name=name).settings
    check_loss(name, settings, patch_size=38, border=7, input_scale=1)
    check_loss(name, settings, patch_size=48, border=0, input_scale=3)


DEFAULTS = {"mse": (1, {}), "l1": (1, {}), "charbonnier": (1, {"epsilon": 1e-3}), "fdpl": (1, {"quality": 50})}


@pytest.mark.parametrize("name", LOSSES)
def test_a_default_of_a_loss_that_changes_has_a_new_version(name):
    section = LOSSES[name].settings
    assert (section.version, section().model_dump()) == DEFAULTS[name], "raise the version, then write both here"


def test_a_setting_reaches_its_loss():
    a, b = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 0.3)
    assert float(built("charbonnier", epsilon=0.4)(a, b)) == pytest.approx(0.5)
    assert float(built("charbonnier")(a, b)) == pytest.approx((0.09 + 1e-6) ** 0.5)


# --- FDPL -------------------------------------------------------------------------------------
def slow_weights(interpolated, originals, table):
    """The weights of FDPL, block by block; (N, H, W) each."""
    ratios = []
    for a, b in zip(interpolated, originals, strict=True):
        for y in range(0, a.shape[0], 8):
            for x in range(0, a.shape[1], 8):
                one, other = (dctn(image[y : y + 8, x : x + 8], norm="ortho") for image in (a, b))
                ratios.append(np.abs(one - other) / ((np.abs(one) + np.abs(other)) / 2))
    weights = np.mean(ratios, axis=0) / table
    return weights / weights.mean()


def luma(images):
    return (images.astype(float) / 255 - SCALE.mean) / SCALE.std


def test_the_weights_of_fdpl_are_those_of_a_plain_computation():
    of = pairs()
    originals = of.patches.targets.pixels.view(-1, 20, 20).numpy()[:, 2:18, 2:18]
    interpolated = of.patches.inputs.pixels.view(-1, 20, 20).numpy()[:, 2:18, 2:18]
    for quality in (50, 10):
        expected = slow_weights(luma(interpolated), luma(originals), quantisation(quality))
        np.testing.assert_allclose(frequency_weights(of, quality), expected, rtol=1e-4)


def test_the_weights_of_a_network_fed_low_resolution_are_of_its_bicubic_enlargement():
    of = pairs(size=24, border=4, input_scale=3)
    originals = of.patches.targets.pixels.view(-1, 24, 24).numpy()[:, 4:20, 4:20]
    fed = of.patches.inputs.pixels.view(-1, 8, 8).numpy().astype(float)
    interpolated = np.stack([resize(image, 24, 24) for image in fed])[:, 4:20, 4:20]
    expected = slow_weights(luma(interpolated), luma(originals), quantisation(50))
    np.testing.assert_allclose(frequency_weights(of, 50), expected, rtol=1e-3)


@needs_data
def test_the_weights_of_the_papers_pictures_are_those_that_its_author_states():
    """The first row after its first, in his repository (sdv4/FDPL), from all of BSDS500's train and test: sum 2.506."""
    data = DataConfig(train="bsds500", blur_sigma=1.0, resampling="pillow", luma="jpeg", patch_size=32, stride=39)
    pictures = [read_picture(file) for file in sorted(DATA.glob("bsds500/**/train/*.jpg"))[:20]]
    cut = [cut_planes(picture, data, 1, held_out=False) for picture in pictures]
    fed, originals = (
        np.stack([plane(of)[y : y + 32, x : x + 32] for of in cut for y, x in of.train])
        for plane in (lambda of: of.input, lambda of: of.target)
    )
    of_author = Standardisation(0.434, 0.232)
    weights = frequency_weights(Pairs(Patches.of(fed, originals, of_author, CPU), 0), 50)
    stated = [0.0536, 0.0999, 0.0848, 0.0631, 0.0399, 0.0315, 0.0262]
    np.testing.assert_allclose(weights[0, 1:] * 2.506 / 64, stated, rtol=0.1)


def test_fdpl_is_the_weighted_mean_of_squared_coefficients():
    of = pairs()
    a, b = np.random.default_rng(1).normal(size=(2, 3, 1, 16, 24))
    weights = frequency_weights(of, 50).numpy()
    blocks = (a - b).reshape(3, 2, 8, 3, 8).swapaxes(2, 3)
    expected = (weights * dctn(blocks, axes=(-2, -1), norm="ortho") ** 2).mean()
    assert float(built("fdpl", of)(torch.tensor(a).float(), torch.tensor(b).float())) == pytest.approx(expected, 1e-5)


def test_with_equal_weights_fdpl_would_be_the_mean_squared_error(monkeypatch):
    monkeypatch.setattr("srcnn.losses.fdpl.frequency_weights", lambda pairs, quality: torch.ones(8, 8).double())
    a, b = torch.rand(2, 4, 1, 16, 16)
    assert float(built("fdpl")(a, b)) == pytest.approx(float(built("mse")(a, b)), rel=1e-5)


def test_the_quantisation_table_is_that_of_jpeg():
    """Values as Pillow writes them into files of these qualities."""
    assert quantisation(50)[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert quantisation(90)[0].tolist() == [3, 2, 2, 3, 5, 8, 10, 12]
    assert quantisation(10)[:, 7].tolist() == [255, 255, 255, 255, 255, 255, 255, 255]
    assert quantisation(100).tolist() == [[1.0] * 8] * 8


def test_fdpl_refuses_pairs_that_do_not_differ_and_sides_of_no_multiple():
    flat = np.full((3, 16, 16), 128, np.uint8)
    with pytest.raises(LossError, match="do not differ"):
        built("fdpl", Pairs(Patches.of(flat, flat, SCALE, CPU), 0))
    with pytest.raises(LossError, match="multiple of 8 pixels, and 14 of a patch"):
        built("fdpl", pairs(border=3))


def test_the_weights_of_more_patches_than_are_looked_at_are_of_evenly_spread_ones(monkeypatch):
    monkeypatch.setattr("srcnn.losses.fdpl.MOST", 4)
    some = pairs(count=7)
    chosen = torch.arange(0, 7, 2)
    sides = (some.patches.inputs, some.patches.targets)
    alone = Pairs(Patches.of(*(cuts.take(chosen)[:, 0].numpy() for cuts in sides), SCALE, CPU), 2)
    torch.testing.assert_close(frequency_weights(some, 50), frequency_weights(alone, 50))


# --- sizes ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "border", "scale", "nearest"),
    [(33, 7, 1, "30, 38"), (33, 0, 3, "24, 48"), (8, 0, 3, "24"), (14, 7, 1, "22"), (33, 1, 4, None)],
)
def test_patches_of_no_multiple_of_eight_are_refused_with_the_nearest_sizes(size, border, scale, nearest):
    said = unfit("fdpl", size, border, scale)
    assert said.endswith(f"the nearest sizes that fit: {nearest}" if nearest else "no size fits this network")
    for fit in (nearest or "").split(", "):
        assert not fit or unfit("fdpl", int(fit), border, scale) == ""
    assert unfit("mse", 33, border, scale) == ""


def test_a_study_is_refused_before_it_starts_and_only_for_runs_that_it_has():
    with pytest.raises(ConfigError, match=r"data.patch_size is 33, .*nearest sizes that fit: 28, 36"):
        load_study("t91_x3", ["training.loss=fdpl"])
    study, _ = load_study("t91_x3", ["training.loss=fdpl", "sweep.grid.data.patch_size=[28, 36]"])
    assert len(list(runs_of(study))) == 2
    with pytest.raises(ConfigError, match=r"'patch_size=40': data.patch_size is 40, .*fit: 36, 44"):
        load_study("t91_x3", ["training.loss=fdpl", "sweep.grid.data.patch_size=[28, 40]"])


# --- settings ---------------------------------------------------------------------------------
def test_a_name_alone_and_a_mapping_are_the_same_loss():
    assert TrainingConfig(loss="fdpl") == TrainingConfig(loss={"name": "fdpl", "quality": 50})
    assert TrainingConfig(loss={"name": "mse"}) == TrainingConfig()
    dumped = TrainingConfig(loss={"name": "fdpl", "quality": 30}).model_dump(mode="json")
    assert dumped["loss"] == {"name": "fdpl", "quality": 30}
    assert TrainingConfig(**dumped).model_dump(mode="json") == dumped
    assert TrainingConfig().model_dump()["loss"] == "mse"


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("fpdl", "unknown loss 'fpdl'; did you mean 'fdpl'"),
        ({"name": "fdpl", "qualty": 3}, "fdpl has no setting qualty; did you mean quality"),
        ({"name": "fdpl", "quality": 0}, "quality: Input should be greater than or equal to 1"),
        ({"name": "fdpl", "quality": True}, "expected a number, found true"),
        ({"quality": 50}, "mse has no setting quality; it has: name"),
        ("mine:1", "a loss of your own is named package.module:build"),
        (["mse"], "expected a loss's name"),
    ],
)
def test_a_loss_that_is_none_is_refused_with_the_nearest(loss, said):
    with pytest.raises(ValidationError, match=said):
        TrainingConfig(loss=loss)


def losses_of(*overrides):
    study, _ = load_study("t91_x3", ["data.patch_size=36", *overrides])
    return {point.label: point.experiment.training.loss.model_dump() for point in runs_of(study)}


def test_losses_and_their_settings_are_swept():
    one, other = {"name": "fdpl", "quality": 30}, {"name": "fdpl", "quality": 50}
    assert losses_of("training.loss=fdpl", "sweep.grid.training.loss.quality=[30, 50]") == {
        "quality=30": one,
        "quality=50": other,
    }
    assert losses_of("sweep.grid.training.loss=[mse, fdpl, {name: fdpl, quality: 30}]") == {
        "loss=mse": "mse",
        "loss=fdpl": other,
        "loss=fdpl quality=30": one,
    }
    # The loss comes before its settings, in whatever order they stand.
    assert losses_of("sweep.grid.training.loss.quality=[30]", "sweep.zip.training.loss=[fdpl]") == {
        "loss=fdpl quality=30": one
    }
    # Another loss has other settings of its own.
    assert losses_of("training.loss={name: fdpl, quality: 7}", "sweep.grid.training.loss.name=[mse, fdpl]") == {
        "name=mse": "mse",
        "name=fdpl": other,
    }
    with pytest.raises(ConfigError, match=r"sweep point 'quality=30 loss=mse': training.loss: mse has no setting"):
        losses_of("sweep.grid.training.loss=[mse, fdpl]", "sweep.zip.training.loss.quality=[30]")


def test_a_setting_on_the_command_line_is_of_the_loss_that_the_study_names():
    assert losses_of("training.loss=fdpl", "training.loss.quality=30") == {"t91_x3": {"name": "fdpl", "quality": 30}}
    with pytest.raises(ConfigError, match=r"training.loss: fdpl has no setting qualty; did you mean quality"):
        losses_of("training.loss=fdpl", "training.loss.qualty=30")


# --- ids --------------------------------------------------------------------------------------
def id_of(loss, content=None):
    training = TrainingConfig(loss=loss)
    return run_id(Experiment(data=DataConfig(train="bundled", patch_size=36), training=training), "d0", content)


def test_ids_hold_what_differs_from_the_defaults_of_a_loss():
    """The first are those of the time when a loss was a name and no more."""
    assert id_of("mse") == "r061b441b59"
    assert id_of("l1") == "rf6512bb63b"
    assert id_of("charbonnier") == id_of({"name": "charbonnier", "epsilon": 1e-3}) == "r73d3ca45c5"
    others = [id_of("fdpl"), id_of({"name": "fdpl", "quality": 30}), id_of({"name": "charbonnier", "epsilon": 1e-2})]
    assert len({*others, id_of("mse"), id_of("l1"), id_of("charbonnier")}) == 6


def test_the_code_and_the_settings_of_ones_own_loss_are_in_the_id():
    ids = [id_of("mine:build", {"loss": digest}) for digest in ("a", "b")]
    ids.append(id_of({"name": "mine:build", "power": 3}, {"loss": "a"}))
    assert len(set(ids)) == 3


# --- one's own --------------------------------------------------------------------------------
OWN = """
import torch

def build(settings, pairs):
    interpolated, original = pairs.take(torch.arange(min(4, len(pairs))))
    assert interpolated.shape == original.shape == (len(original), 1, pairs.side, pairs.side)
    power = settings.get("power", 2)
    return lambda estimate, target: (estimate - target).abs().pow(power).mean()

def summed(settings, pairs):
    return lambda estimate, target: (estimate - target).square().sum()

def image(settings, pairs):
    return lambda estimate, target: (estimate - target).square()

def number(settings, pairs):
    return lambda estimate, target: 1.0

def detached(settings, pairs):
    return lambda estimate, target: (estimate - target).detach().square().mean()

def infinite(settings, pairs):
    return lambda estimate, target: (estimate - target).abs().mean() / 0

def steep(settings, pairs):
    return lambda estimate, target: (0 * (estimate - target)).sqrt().mean() + estimate.mean()

def plain(estimate, target):
    return (estimate - target).square().mean()

def one(settings):
    return plain

def raising(settings, pairs):
    raise KeyError("quality")

def failing(settings, pairs):
    return lambda estimate, target: estimate @ target[..., :3, :]

def ending(settings, pairs):
    import sys
    sys.exit(0)

def nothing(settings, pairs):
    pass

text = "build"
"""
REFUSED = {
    "summed": r"grows with the batch: .* expected a mean",
    "image": r"returned a tensor of \(4, 1, 15, 15\), expected one number",
    "number": "returned a float, expected a tensor of one number; a loss is built by",
    "detached": "has no gradient",
    "infinite": "returned inf",
    "steep": "a gradient that is not finite",
    "plain": "unsupported operand|cannot be built|raised",
    "one": r"cannot be built: .*takes 1 positional argument but 2 were given; a loss is built by a function of",
    "raising": "raised KeyError: 'quality' when it was built",
    "failing": r"fails on two tensors of \(4, 1, 15, 15\): RuntimeError",
    "ending": "raised SystemExit: 0 when it was built",
    "nothing": "is built as a NoneType, which cannot be called",
    "text": "'str' object is not callable",
    "absent": "has no 'absent'",
}


@pytest.fixture
def own_loss(tmp_path, monkeypatch):
    file = tmp_path / "loss_of_mine.py"
    file.write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield file
    sys.modules.pop("loss_of_mine", None)


@pytest.mark.parametrize("name", REFUSED)
def test_a_loss_that_breaks_the_contract_is_refused_with_what_it_did(own_loss, name):
    with pytest.raises(LossError, match=f"loss 'loss_of_mine:{name}'.*({REFUSED[name]})"):
        check_loss(f"loss_of_mine:{name}", {}, patch_size=17, border=1, input_scale=1)


def test_a_study_with_a_bad_loss_is_refused_before_it_starts(own_loss, checked_here, tmp_path):
    with pytest.raises(ConfigError, match=r"training.loss: loss 'loss_of_mine:summed' grows with the batch"):
        small_plan(tmp_path, training={"loss": "loss_of_mine:summed"})


def test_of_several_losses_the_one_that_is_wrong_is_named(own_loss, checked_here, tmp_path):
    fine, summed, lost = (
        OwnCode("loss", name, patch_size=48, scale=3)
        for name in ("loss_of_mine:build", "loss_of_mine:summed", "lost_of_mine:build")
    )
    assert check_own_code([fine]) == ([], {})
    with pytest.raises(OwnCodeError, match="'loss_of_mine:summed' grows with the batch"):
        check_own_code([fine, summed])
    with pytest.raises(OwnCodeError, match=r"loss 'lost_of_mine:build'.*lost_of_mine"):
        check_own_code([fine, lost])


def test_the_code_of_ones_own_loss_names_its_runs(own_loss, checked_here, tmp_path):
    plan = small_plan(tmp_path, training={"loss": "loss_of_mine:build"})
    assert own_names(plan.experiments) == ["loss_of_mine:build"]  # which a cluster's jobs import as it was submitted
    ids = [plan.runs[0].run_id]
    ids.append(small_plan(tmp_path, training={"loss": {"name": "loss_of_mine:build", "power": 1}}).runs[0].run_id)
    own_loss.write_text(OWN.replace(", 2)", ", 3)"))
    ids.append(small_plan(tmp_path, training={"loss": "loss_of_mine:build"}).runs[0].run_id)
    assert len(set(ids)) == 3


def test_ones_own_loss_with_its_settings_goes_through_a_whole_study(own_loss, checked_here, tmp_path, capsys, undrawn):
    loss = {"name": "loss_of_mine:build", "power": 1}
    file = tiny_study(tmp_path, training__loss=loss, evaluate__metrics=["psnr"], evaluate__protocols=["luma"])
    assert submit([str(file), "--executor", "debug", "--root", str(tmp_path / "results")]) == 0, capsys.readouterr().out
    (run,) = (tmp_path / "results" / "tiny" / "runs").iterdir()
    history = read_history(run / "history.jsonl")
    assert history[-1]["holdout_loss"] < history[0]["holdout_loss"]
    assert yaml.safe_load((run / "config.yaml").read_text())["training"]["loss"] == loss


NETWORK = """
from torch import nn

class Own(nn.Conv2d):
    border, scale, reach = 1, 1, 1

    def __init__(self, residual):
        super().__init__(1, 1, 3)
"""


def test_patches_of_ones_own_network_are_checked_by_the_border_that_it_states(own_loss, checked_here, tmp_path):
    own_loss.with_name("net_of_mine.py").write_text(NETWORK)
    model = {"name": "net_of_mine:Own"}
    with pytest.raises(ConfigError, match=r"data.patch_size is 17, of which 15x15 .* nearest sizes that fit: 10, 18"):
        small_plan(tmp_path, model=model, training={"loss": "fdpl"})
    assert small_plan(tmp_path, model=model, training={"loss": "fdpl"}, data={"patch_size": 18})
    sys.modules.pop("net_of_mine")


# --- training ---------------------------------------------------------------------------------
def test_fdpl_trains_with_weights_of_the_training_patches(tmp_path):
    data = {"patch_size": 20}
    ((_, history),) = train(tmp_path / "fdpl", training={"loss": "fdpl", "epochs": 6}, data=data)
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["holdout_loss"] < history[0]["holdout_loss"]


def test_what_a_loss_remembers_between_steps_is_seen_before_a_gpu_records_it():
    model = build_model("9-1-5", residual=True, seed=0)

    def counting():
        calls = 0

        def loss(estimate, target):
            nonlocal calls
            calls += 1
            return (estimate - target).square().mean() / calls

        return loss

    class Counting(torch.nn.Module):
        calls = 0

        def forward(self, estimate, target):
            self.calls += 1
            return (estimate - target).square().mean() / self.calls

    for loss in (counting(), Counting()):
        states = []
        for _ in range(2):
            loss(torch.ones(1), torch.zeros(1))
            states.append(host_state(model, loss))
        changed = {name for name in states[1] if states[0].get(name) != states[1][name]}
        assert changed == {"loss.calls"}
    for name in LOSSES:
        assert host_state(model, built(name)) == host_state(model, built(name))
