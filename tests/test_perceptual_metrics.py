"""LPIPS and DISTS are there where their package and weights are, and refused with a way out where they are not."""

import importlib.util
import sys

import numpy as np
import pytest
from pictures import noisy, photograph

from srcnn.metrics import find, score
from srcnn.own_code import code_digest

NAMES = {"lpips": "srcnn.metrics.lpips:lpips", "dists": "srcnn.metrics.dists:dists"}
WEIGHTS = {"lpips": ["vgg16-397923af.pth", "lpips_weights.pt"], "dists": ["vgg16-397923af.pth", "dists_weights.pt"]}
# In the packages' place: what they are called with decides what comes back.
STUB = """
import torch
class LPIPS(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options
    def forward(self, x, y, **options):
        assert not self.training and x.shape == y.shape and x.shape[:2] == (1, 3) and x.dtype == torch.float32
        return (x - 2 * y).mean() + 10 * len(self.options) + 100 * len(options)
DISTS = LPIPS
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put packages in a folder that is searched, and name the folder of torch's weights."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    ours = [name.partition(":")[0] for name in NAMES.values()]

    def forget():
        for name in ("piq", "lpips", "torchvision", *ours):
            sys.modules.pop(name, None)

    def put(*packages, weights=()):
        for package in packages:
            (tmp_path / f"{package}.py").write_text(STUB)
        folder = tmp_path / "torch" / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        for name in weights:
            (folder / name).touch()
        importlib.invalidate_caches()

    forget()
    yield put
    forget()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(bool(importlib.util.find_spec("piq")), reason="piq is installed")
def test_without_a_package_the_way_to_one_is_told(install, name):
    with pytest.raises(ValueError, match=rf"{name.upper()} needs piq.*: pip install piq torchvision"):
        find(NAMES[name])
    assert code_digest(NAMES[name])  # of which ids are made


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_their_names_and_their_place_are_told_and_nothing_is_fetched(install, tmp_path, name):
    install("piq", "torchvision", weights=WEIGHTS[name][:1])
    with pytest.raises(ValueError, match=f"{WEIGHTS[name][1]} not in {tmp_path}.*say python -c 'import piq"):
        find(NAMES[name])


@pytest.mark.parametrize(("name", "package"), [("lpips", "piq"), ("dists", "piq"), ("lpips", "lpips")])
def test_the_estimate_and_the_reference_are_handed_over_from_0_to_1(install, name, package):
    install(package, "torchvision", weights=WEIGHTS[name][: 1 if package == "lpips" else 2])
    x, y = photograph(), noisy(photograph())
    added = 10 * 2 + 100 if package == "lpips" else 0  # net and verbose; normalize
    for images, data_range in (((x, y), 255), ((x * 257.0, y * 257.0), 65535)):
        expected = (images[1] - 2.0 * images[0]).mean() / data_range + added
        found = score(*images, [NAMES[name]], data_range=data_range)[NAMES[name]]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    grey = np.ascontiguousarray(x[..., 0])
    assert score(grey, grey, [NAMES[name]])[NAMES[name]] == pytest.approx(added - grey.mean() / 255, rel=1e-5)
    assert score(x[:15], y[:15], [NAMES[name]])[NAMES[name]] is None
    metric = find(NAMES[name])
    assert (metric.unit, metric.higher_is_better) == ("1", False)
