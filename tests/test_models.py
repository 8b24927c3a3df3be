"""Every network keeps the contract, and so must a user's own before a study starts."""

import itertools
import sys

import numpy as np
import pytest
import torch
from pictures import SRCNNS

from jobs.own_check import OwnCode, check_own_code
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from srcnn.deprocess import Standardisation
from srcnn.experiment import Experiment, ModelConfig
from srcnn.identity import run_id
from srcnn.inference import restore_luma, tile_shape
from srcnn.models import ModelError
from srcnn.models.build import build_model, check_model
from srcnn.models.narrow import OneBandConvolution
from srcnn.models.products import MatrixProducts
from srcnn.models.taps import spread
from srcnn.paths import RootPaths
from srcnn.schedules import SCHEDULES

OWN = """
import torch
from torch import nn

class Tiny(nn.Module):
    border = reach = 2
    scale = 1
    def __init__(self, *, residual):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 5)
    def forward(self, x):
        return self.layer(x)

class Lies(Tiny):
    border = 3

class Counted(Tiny):
    @property
    def border(self):
        return self.layer.kernel_size[0] // 2

class Silent(Tiny):
    border = None

class Enlarges(Tiny):
    scale = 3

def Unbuildable():
    pass
"""


OTHERS = """
def build(settings, pairs):
    return lambda estimate, target: (estimate - target).square().mean()

def same(reference, estimate, data_range):
    return float((reference == estimate).mean())
"""


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_models"
    sys.modules.pop("my_models", None)


@pytest.mark.parametrize("name", SRCNNS)
@pytest.mark.parametrize("residual", [True, False])
def test_every_model_keeps_the_contract(name, residual):
    check_model(name, residual=residual, patch_size=33, scale=3)


@pytest.mark.parametrize("name", SRCNNS)
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (64, 31)])
def test_pictures_of_any_size_come_back_at_their_size(name, size):
    model = build_model(name, residual=True, seed=0).eval()
    assert restore_luma(model, np.full(size, 128.0), Standardisation(0.45, 1.0)).shape == size


@pytest.mark.parametrize("strip_pixels", [1, 60, 1000, 2500])
def test_tiles_leave_no_seam(strip_pixels):
    model = build_model("9-5-5", residual=False, seed=1).eval()
    luma = np.random.default_rng(0).uniform(0, 255, (20, 70) if strip_pixels < 100 else (60, 90))
    scale = Standardisation(0.45, 1.0)
    whole = restore_luma(model, luma, scale)
    np.testing.assert_allclose(restore_luma(model, luma, scale, strip_pixels), whole, atol=2e-4)


def test_tiles_hold_no_more_pixels_than_asked_for():
    for height, width in ((10, 10), (5000, 200), (200, 100_000), (3000, 3000)):
        rows, columns = tile_shape(height, width, 200_000)
        assert rows * columns <= 200_000
        assert rows <= height
        assert columns <= width


def test_residual_adds_the_input():
    plain, residual = (build_model("9-1-5", residual=flag, seed=3).eval() for flag in (False, True))
    luma = torch.rand(1, 1, 20, 20)
    with torch.no_grad():
        torch.testing.assert_close(residual(luma), plain(luma) + luma[..., 6:-6, 6:-6])


def test_the_fast_last_layer_is_the_same_convolution():
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.rand(shape, generator=generator, dtype=torch.float64) for shape in ((3, 4, 9, 11), (1, 4, 5, 5), (1,))
    ]
    fast, plain = ([value.clone().requires_grad_() for value in inputs] for _ in range(2))
    ours, theirs = OneBandConvolution.apply(*fast), torch.nn.functional.conv2d(*plain)
    torch.testing.assert_close(ours, theirs)
    weight = torch.rand(ours.shape, generator=generator, dtype=torch.float64)
    (ours * weight).sum().backward()
    (theirs * weight).sum().backward()
    for a, b in zip(fast, plain, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_the_rows_of_taps_are_what_torch_unfolds():
    images = torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.unfold(images[:, None], 4).transpose(0, 1).reshape(16, -1)
    assert torch.equal(spread(images, 4), expected)
    assert torch.equal(spread(images.transpose(1, 2), 4), spread(images.transpose(1, 2).contiguous(), 4))
    assert torch.equal(spread(images, 4, ones=True), torch.cat([expected, torch.ones(1, expected.shape[1])]))


def test_the_matrix_products_have_the_gradients_of_what_they_compute():
    generator = torch.Generator().manual_seed(0)
    shapes = (3, 1, 3, 3), (3,), (2, 3, 1, 1), (2,), (1, 2, 3, 3), (1,)
    luma = torch.rand(2, 1, 7, 8, generator=generator, dtype=torch.float64)
    values = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(MatrixProducts.apply, (luma, torch.float64, *values))


def by_convolutions(model, luma):
    """The network by torch's own Conv2d, whatever the model does while it trains."""
    relu = torch.nn.functional.relu
    detail = model.reconstruct(relu(model.map(relu(model.extract(luma)))))
    b = model.border
    return detail + luma[..., b:-b, b:-b] if model.residual else detail


@pytest.mark.parametrize("name", SRCNNS)
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("dtype", "accuracy"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_training_has_the_output_and_the_gradients_of_plain_convolutions(name, residual, dtype, accuracy):
    model = build_model(name, residual=residual, seed=0).to(dtype, memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(0)
    luma = (torch.rand(5, 1, 30, 33, generator=generator, dtype=dtype) - 0.45).transpose(-1, -2)  # as augmented
    found = []
    for compute in (model, lambda luma: by_convolutions(model, luma)):
        model.zero_grad()
        output = compute(luma)
        output.square().mean().backward()
        found.append([output.detach(), *(parameter.grad.clone() for parameter in model.parameters())])
    for ours, theirs in zip(*found, strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < accuracy


@pytest.mark.parametrize("name", SRCNNS)
def test_a_picture_that_wants_a_gradient_gets_it_while_training_too(name):
    model = build_model(name, residual=True, seed=0)
    lumas = [torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0)).requires_grad_() for _ in range(2)]
    model.train()(lumas[0]).sum().backward()
    by_convolutions(model, lumas[1]).sum().backward()
    torch.testing.assert_close(lumas[0].grad, lumas[1].grad)


@pytest.mark.parametrize("name", SRCNNS)
def test_training_and_restoring_compute_the_same(name):
    model = build_model(name, residual=True, seed=0)
    luma = torch.rand(2, 1, 30, 33)
    torch.testing.assert_close(model.train()(luma), model.eval()(luma))


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_begins_at_one_and_never_rises(name):
    factors = [SCHEDULES[name](step / 100, 0.01) for step in range(101)]
    assert factors[0] == 1.0
    assert all(b <= a for a, b in itertools.pairwise(factors))
    assert factors[-1] == pytest.approx(1.0 if name == "constant" else 0.01)


@pytest.mark.parametrize("name", ["Tiny", "Counted"])
def test_a_users_own_model_is_accepted_by_name_however_it_states_its_numbers(own_models, name):
    stated = check_model(f"my_models:{name}", residual=True, patch_size=33, scale=3)
    assert (stated["border"], stated["scale"], stated["reach"]) == (2, 1, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "my_models:Lies",
            r"states border 3 and scale 1, so luma .* must give \(2, 1, 27, 27\), but it gave \(2, 1, 29, 29\)",
        ),
        ("my_models:Silent", "states border None, expected a whole number"),
        ("my_models:Enlarges", "states scale 3, but the study's data.scale is 2; expected that, or 1"),
        ("my_models:Missing", "module 'my_models' has no 'Missing'"),
        ("my_models:Unbuildable", "cannot be built with residual=True"),
        ("no_such_module:Net", "cannot import 'no_such_module'"),
    ],
)
def test_a_model_that_breaks_the_contract_is_refused_with_what_it_did(own_models, name, message):
    with pytest.raises(ModelError, match=message):
        check_model(name, residual=True, patch_size=33, scale=2)


def test_patches_must_be_larger_than_what_the_network_loses(own_models):
    with pytest.raises(ModelError, match="more than 4"):
        check_model("my_models:Tiny", residual=True, patch_size=4, scale=3)


def test_a_users_own_code_of_each_kind_is_checked_elsewhere(own_models, tmp_path):
    (tmp_path / "my_others.py").write_text(OTHERS)
    model = OwnCode("model", "my_models:Tiny", True, 33, 3)
    others = OwnCode("loss", "my_others:build", patch_size=33), OwnCode("metric", "my_others:same")
    stated = {"border": 2, "scale": 1, "reach": 2, "weights": 26, "multiplications": 25}
    assert check_own_code([model, *others]) == ([], {model: stated})
    assert not {"my_models", "my_others"} & set(sys.modules)


def test_a_study_with_a_bad_model_is_refused_before_it_starts(own_models, checked_here, tmp_path):
    study, _ = load_study("quickstart", ["model.name=my_models:Lies", "data.patch_size=16"])
    with pytest.raises(ConfigError, match=r"model\.name: .* states border 3"):
        make_plan(study, RootPaths(tmp_path))
    with pytest.raises(ConfigError, match="loses 8 pixels"):
        load_study("quickstart", ["model.name=9-5-5", "data.patch_size=16"])
    with pytest.raises(ConfigError, match=r"unknown model '9-1-6'; did you mean '9-1-[57]'"):
        load_study("quickstart", ["model.name=9-1-6"])
    with pytest.raises(ConfigError, match=r"package\.module:Class"):
        load_study("quickstart", ["model.name=a b:C"])


def test_editing_a_users_model_makes_a_new_run(own_models, checked_here, tmp_path):
    def planned():
        study, _ = load_study("quickstart", ["model.name=my_models:Tiny"])
        return [run.run_id for run in make_plan(study, RootPaths(tmp_path)).runs]

    before = planned()
    file = tmp_path / "my_models.py"
    file.write_text(file.read_text() + "# another thought\n")
    assert not set(planned()) & set(before)


def test_weights_are_known_by_content_and_not_by_path():
    experiment = Experiment(data={"train": "bundled"}, model={"weights": "/a/w.mat", "residual": False})
    moved = experiment.model_copy(update={"model": ModelConfig(weights="/b/w.mat", residual=False)})
    assert run_id(experiment, "s", {"weights": "x"}) == run_id(moved, "s", {"weights": "x"})
    assert run_id(experiment, "s", {"weights": "x"}) != run_id(moved, "s", {"weights": "y"})


def test_what_changes_no_result_is_in_no_id():
    base = Experiment(data={"train": "bundled"})
    other = Experiment(
        data={"train": "bundled"},
        training={"tensorboard": True, "monitor_pictures": 0},
        keep={"last": 5, "best": False, "every_s": 60},
    )
    assert run_id(base, "s") == run_id(other, "s")
