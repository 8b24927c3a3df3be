"""Every listed network keeps the contract, whatever it is fed; so does a user's own, through a whole study."""

import itertools
import sys

import numpy as np
import pytest
import torch
import yaml
from conftest import tiny_study
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from jobs.checkpoint import Checkpoint
from jobs.restore import main as restore_command
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from runner.submit import main as submit
from srcnn.batches import Patches
from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig, Experiment, ModelConfig, TrainingConfig
from srcnn.files import read_picture
from srcnn.history import read_history
from srcnn.identity import data_id, run_id
from srcnn.inference import restore, restore_luma
from srcnn.models import MODELS
from srcnn.models.build import build_model, check_model
from srcnn.models.enlarged import Bicubic
from srcnn.models.multiplications import SIDE, multiplications
from srcnn.paths import RootPaths, StudyPaths
from srcnn.resize import resize
from srcnn.training import holdout_loss, new_optimiser, train_epoch
from srcnn.views import Degraded, degraded

SCALE = Standardisation(0.45, 1.0)
CPU = torch.device("cpu")
# Small ones of their kind, so that they are quick; each is listed under its name with other settings, too.
SMALL = {"vdsr": {"layers": 4, "channels": 8}, "edsr": {"blocks": 2, "channels": 8}, "fsrcnn": {"m": 2, "d": 16}}


def built(name, scale=3, seed=0, residual=True, **settings):
    return build_model(
        name, residual=residual, seed=seed, scale=scale, settings={**SMALL.get(name, {}), **settings}
    ).eval()


def noise(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (height, width))


VARIANTS = [(name, {}) for name in MODELS] + [("fsrcnn", {"end": "transposed"}), ("espcn", {"activation": "tanh"})]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_a_listed_network_states_what_it_does(name, settings, scale):
    chosen = {**SMALL.get(name, {}), **settings}
    for residual in (True, False):
        stated = check_model(name, residual=residual, patch_size=36, scale=scale, settings=chosen)
        spec = MODELS[name]
        assert stated["scale"] == spec.input_scale(scale)
        assert stated["border"] == spec.border
        assert stated["weights"] == spec.weights(spec.settings(**chosen), scale)
    # Without the fixed filters of the enlargement; what valid convolutions compute beyond the picture is counted, too.
    counted, wanted = stated["multiplications"], spec.multiplications(spec.settings(**chosen), scale)
    assert wanted <= counted <= (wanted if spec.border == 0 else 1.3 * wanted)


class Mixed(torch.nn.Module):
    """Operations of which some are counted by their parts."""

    border = 0

    def __init__(self):
        super().__init__()
        self.rows, self.middle = torch.nn.Linear(96, 8), torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.back = torch.nn.Linear(8, 96)

    def forward(self, luma):
        rows = self.rows(luma[:, 0])
        mixed = torch.einsum("bij,bkj->bik", self.middle(rows, rows, rows)[0], rows)
        return (mixed @ self.back(rows))[:, None]


def test_multiplications_are_those_that_torch_counts():
    for model in (Mixed(), built("espcn"), torch.nn.ConvTranspose2d(1, 1, 3, padding=1)):
        model.border = 0
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 1, SIDE, SIDE))
        scale = getattr(model, "scale", 1)
        counted = counter.get_total_flops() / 2 / (SIDE * scale) ** 2
        assert multiplications(model, scale) == pytest.approx(counted, abs=0.5)
        assert counted > 8


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_an_output_pixel_depends_on_no_pixel_beyond_the_reach(name, settings, scale):
    model = built(name, scale, **settings)
    side = 2 * model.reach + 15
    luma = torch.rand(1, 1, side, side, requires_grad=True)
    middle = side // 2
    output = model(luma)
    first = middle * model.scale - model.border
    output[..., first : first + model.scale, first : first + model.scale].sum().backward()
    rows = torch.nonzero(luma.grad[0, 0].abs().sum(dim=1)).flatten()
    assert rows.min() >= middle - model.reach
    assert rows.max() <= middle + model.reach


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_tiles_of_any_size_give_what_the_whole_picture_gives(name, settings):
    model, luma = built(name, **settings), noise(37, 29)
    whole = restore_luma(model, luma, SCALE)
    for pixels in (1 << 8, 1 << 11, 1 << 12):
        assert np.allclose(restore_luma(model, luma, SCALE, pixels), whole, rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (30, 41)])
@pytest.mark.parametrize(("name", "scale"), list(itertools.product(MODELS, (2, 4))))
def test_pictures_of_any_size_are_restored_to_their_size(name, scale, size):
    height, width = (side * scale + side % scale for side in size)
    low = np.stack([noise(*size)] * 3, axis=-1)
    restored = restore(built(name, scale), Degraded(low, (height, width), "matlab"), SCALE)
    assert restored.shape == (height, width)


@pytest.mark.parametrize("name", MODELS)
def test_an_untrained_network_of_zeros_gives_the_bicubic_enlargement(name):
    model = built(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    picture = np.random.default_rng(0).integers(0, 256, (30, 42, 3), np.uint8)
    given = degraded(picture, DataConfig(train="x", scale=3))
    assert np.allclose(restore(model, given, SCALE), given.interpolated[..., 0], rtol=0, atol=1e-3)


def test_a_size_that_is_no_multiple_keeps_every_pixel_in_its_place():
    model = built("espcn")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    slope = np.linspace(0, 255, 100)[None, :, None].repeat(40, axis=0).repeat(3, axis=2)
    given = degraded(slope.astype(np.uint8), DataConfig(train="x", scale=3))
    assert np.abs(restore(model, given, SCALE) - given.interpolated[..., 0])[:, 6:-6].max() < 0.6  # a pixel is 2.6


def test_a_network_of_another_scale_is_refused():
    low = Degraded(np.zeros((5, 5, 3)), (10, 10), "matlab")
    with pytest.raises(ValueError, match="enlarges 3 times, but 5x5 pixels are to become 10x10"):
        restore(built("espcn"), low, SCALE)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 3), (17, 11)])
def test_the_enlargement_within_networks_is_that_of_the_interpolation(scale, size):
    luma = noise(*size)
    inside = Bicubic(scale)(torch.from_numpy(luma).float()[None, None])[0, 0].numpy()
    assert np.allclose(inside, resize(luma, size[0] * scale, size[1] * scale), rtol=0, atol=1e-3)


def test_the_enlargement_is_exact_while_a_network_learns_in_bfloat16():
    luma = torch.rand(1, 1, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Bicubic(3)(luma), Bicubic(3)(luma.clone()))
        inside = Bicubic(3)(luma)
    assert torch.equal(inside, Bicubic(3)(luma))


def faded(seed, scale, size=12):
    """Patches of half the contrast, reduced to the input's size: easily undone."""
    small = np.random.default_rng(seed).uniform(0, 255, (24, size, size)).astype(np.float32)
    targets = np.stack([resize(one, size * scale, size * scale) for one in small]).astype(np.float32)
    return Patches.of(64 + small / 2, targets, SCALE, CPU)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", [name for name in MODELS if not name[0].isdigit()])
def test_a_network_learns(name, precision):
    model = built(name, 2, seed=1)
    settings = TrainingConfig(epochs=8, batch_size=8, warmup_steps=2, learning_rate=5e-3)
    optimiser = new_optimiser(model, settings)
    training, held_out = (faded(seed, model.scale) for seed in (0, 1))
    before = holdout_loss(model, held_out, settings)
    for epoch in range(1, 9):
        train_epoch(model, optimiser, training, settings, epoch=epoch, seed=0, precision=precision)
    assert holdout_loss(model, held_out, settings) < 0.8 * before


# --- settings ---------------------------------------------------------------------------------
def test_the_published_sizes_are_those_of_the_papers():
    assert MODELS["espcn"].weights(MODELS["espcn"].settings(), 3) == 22_729
    assert MODELS["keras_espcn"].weights(MODELS["keras_espcn"].settings(), 3) == 59_657
    vdsr = MODELS["vdsr"].settings()
    assert (vdsr.layers, vdsr.channels) == (20, 64)
    edsr = MODELS["edsr"].settings()
    assert (edsr.blocks, edsr.channels) == (16, 64)
    # 12,464 without biases (the paper's table 1) and PReLU's 160, with 213 biases.
    transposed = MODELS["fsrcnn"].settings(end="transposed")
    assert MODELS["fsrcnn"].weights(transposed, 3) == 12_464 + 160 + 185


@pytest.mark.parametrize("standardise", ["centre", "dataset"])
def test_a_network_without_negative_numbers_is_refused_where_darker_pixels_are_negative(standardise):
    sections = {"data": {"train": "x"}, "training": {"standardise": standardise}}
    with pytest.raises(ValueError, match=r"gives no negative numbers, .*say training.standardise=none"):
        Experiment(model={"name": "keras_espcn", "residual": False}, **sections)
    Experiment(model={"name": "keras_espcn"}, **sections)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "edsr", "blokcs": 4}, "edsr has no setting blokcs; did you mean blocks?"),
        ({"name": "9-1-5", "blocks": 4}, "9-1-5 has no setting blocks; it has: name, residual"),
        ({"name": "edsr", "blocks": 0}, "edsr: blocks: Input should be greater than or equal to 1"),
        ({"name": "edsr", "blocks": True}, "edsr: blocks: expected a number, found true"),
        ({"name": "espcn", "activation": "tan"}, "espcn: activation: Input should be 'relu' or 'tanh'"),
    ],
)
def test_settings_that_a_network_has_not_are_refused_with_those_it_has(settings, message):
    with pytest.raises(ValidationError) as refusal:
        ModelConfig(**settings)
    assert message in str(refusal.value)


def test_a_networks_settings_are_in_the_id_only_where_they_differ_from_its_defaults():
    def named(**model):
        return run_id(Experiment(data={"train": "x"}, model=model), "d")

    assert named(name="edsr") == named(name="edsr", blocks=16, channels=64)
    assert len({named(name="edsr"), named(name="edsr", blocks=8), named(name="vdsr"), named(name="9-1-5")}) == 4


def test_training_data_are_named_by_what_the_network_is_fed():
    data = DataConfig(train="x")
    assert data_id(data, "s") == data_id(data, "s", 1) != data_id(data, "s", 3)


def test_networks_and_their_settings_are_swept(tmp_path):
    file = tiny_study(
        tmp_path,
        model={"name": "edsr", "blocks": 2, "channels": 8},
        sweep={"cases": {"few": {}, "more": {"model.blocks": 3}, "plain": {"model.name": "9-1-5"}}},
    )
    runs = {run.label: run for run in make_plan(load_study(str(file))[0], RootPaths(tmp_path / "r")).runs}
    assert [runs[label].experiment.model.settings for label in ("few", "more", "plain")] == [
        {"blocks": 2, "channels": 8},
        {"blocks": 3, "channels": 8},
        {},
    ]
    assert runs["few"].data_id == runs["more"].data_id != runs["plain"].data_id
    with pytest.raises(ConfigError, match=r"edsr has no setting blokcs; did you mean blocks\?"):
        load_study(str(file), ["model.blokcs=3"])


# --- whole studies ----------------------------------------------------------------------------
OWN = """
import torch
from torch import nn


class Three(nn.Module):
    scale = 3
    border = 0
    reach = 1

    def __init__(self, *, residual, bands=9):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, bands, 3, padding=1), nn.PixelShuffle(3))

    def forward(self, luma):
        return self.layers(luma) + nn.functional.interpolate(luma, scale_factor=3)
"""


@pytest.fixture
def own_network(tmp_path, monkeypatch):
    (tmp_path / "three_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield
    sys.modules.pop("three_of_mine", None)


@pytest.mark.parametrize("model", [{"name": "three_of_mine:Three"}, {"name": "fsrcnn", "d": 8, "s": 4, "m": 1}])
def test_a_network_that_enlarges_itself_goes_through_a_whole_study(
    tmp_path, own_network, checked_here, capsys, model, undrawn
):
    file = tiny_study(
        tmp_path,
        model=model,
        data__scale=3,
        data__patch_size=18,
        evaluate__metrics=["psnr"],
        evaluate__upsamplers=["bicubic"],
    )
    root = tmp_path / "results"
    assert submit([str(file), "--executor", "debug", "--root", str(root)]) == 0, capsys.readouterr().out
    paths = StudyPaths(root / "tiny")
    (run,) = paths.runs.iterdir()
    history = read_history(run / "history.jsonl")
    assert history[-1]["holdout_loss"] < history[0]["holdout_loss"]
    rendered = next(run.glob("*/epoch_0002/tests/photo3.png"))
    assert read_picture(rendered).shape == read_picture(tmp_path / "test" / "photo3.png").shape
    saved = yaml.safe_load((run / "config.yaml").read_text())["model"]
    assert {key: saved[key] for key in model} == model
    # The same network restores anybody's picture, by its own scale and no other.
    capsys.readouterr()
    own = ["--model", model["name"]] if ":" in model["name"] else []
    command = [str(tmp_path / "test"), "--model", str(run), *own, "--out", str(tmp_path / "out")]
    assert restore_command([*command, "--upsample", "2"]) == 2
    assert "this network is fed the small picture and enlarges it 3 times" in capsys.readouterr().err
    assert restore_command(command) == 0
    assert read_picture(tmp_path / "out" / "photo3.png").shape == (192, 240, 3)
    assert Checkpoint.load(next(run.glob("checkpoints/last.pt"))).model_config["name"] == model["name"]
