"""The package definitions against the values of image-similarity-measures 0.3.6 (tests/package), on the same bytes."""

import numpy as np
import pytest
from package.compared import PAIRS, TOLERANCE, flat, kept_values, with_black_pixel
from pictures import noisy, photograph

from srcnn.metrics import QUICK_METRICS, score


@pytest.mark.parametrize("pair", PAIRS)
def test_the_package_finds_the_same(pair):
    pictures = PAIRS[pair]()
    kept, found = kept_values(pair, pictures), score(*pictures, definition="package")
    for name in QUICK_METRICS:
        if kept[name] is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(kept[name], abs=TOLERANCE[name]), name


@pytest.mark.parametrize("pair", ["natural", "noisy", "odd", "random", "binary"])
def test_psnr_and_rmse_are_the_packages_in_double_precision(pair):
    x, y = (image.astype(float) for image in PAIRS[pair]())
    bands = ((x - y) ** 2).mean(axis=(0, 1))
    found = score(*PAIRS[pair](), ["psnr", "rmse"], "package")
    assert found["psnr"] == pytest.approx(20 * np.log10(4095 / np.sqrt(bands.mean())), rel=1e-12)
    assert found["rmse"] == pytest.approx(np.sqrt(bands).mean() / 4095, rel=1e-12)


def test_the_faults_are_kept():
    x, y = photograph(), noisy(photograph())
    paper, package = score(x, y), score(x, y, definition="package")
    assert package["issm"] == 0.0
    assert package["psnr"] - paper["psnr"] == pytest.approx(20 * np.log10(4095 / 255))
    assert score(flat(9), flat(9), ["uiq"], "package")["uiq"] == 0
    assert score(with_black_pixel(x), y, ["sam"], "package")["sam"] == 0
    assert score(np.maximum(x, 1), np.maximum(x, 1), ["sam"], "package")["sam"] > 60
