"""The package definitions against image-similarity-measures 0.3.6 itself, on the same bytes."""

import warnings

import numpy as np
import pytest
from pictures import enlarged, noisy, photograph

from srcnn.metrics import METRICS, score

with warnings.catch_warnings():  # phasepack says that it would like pyfftw
    warnings.simplefilter("ignore")
    from image_similarity_measures import quality_metrics

# The package adds up in float32, we exactly: so far apart they may be (PSNR and RMSE: see below).
TOLERANCE = {"psnr": 2e-3, "rmse": 1e-6, "ssim": 1e-6, "sre": 2e-6, "sam": 2e-6, "cos": 1e-12, "uiq": 1e-7}
TOLERANCE |= {"fsim": 1e-6, "issm": 0.0}


def rng(seed):
    return np.random.default_rng(seed)


def flat(level, height=26, width=24):
    return np.full((height, width, 3), level, np.uint8)


def with_black_pixel(image):
    image = image.copy()
    image[2, 3] = 0
    return image


PAIRS = {
    "natural": lambda: (photograph(), enlarged(photograph()[:24, :32], 48, 64)),
    "noisy": lambda: (photograph(), noisy(photograph(), 20)),
    "odd": lambda: (photograph(37, 53), noisy(photograph(37, 53))),
    "portrait": lambda: (photograph(64, 30), noisy(photograph(64, 30))),
    "prime": lambda: (photograph(111, 37), noisy(photograph(111, 37))),
    "random": lambda: tuple(rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)),
    "binary": lambda: tuple(rng(2).integers(0, 2, (2, 40, 41, 3), dtype=np.uint8) * 255),
    "black pixel": lambda: (with_black_pixel(photograph(20, 24)), noisy(photograph(20, 24))),
    "identical": lambda: (photograph(24, 24), photograph(24, 24)),
    "flat": lambda: (flat(100), flat(150)),
    "equal flat": lambda: (flat(100), flat(100)),
    "flat, exact": lambda: (flat(77, 32, 32), photograph(32, 32)),
    "flat, inexact": lambda: (flat(77, 107, 37), photograph(107, 37)),
    "tiny": lambda: (photograph(9, 10), noisy(photograph(9, 10))),
    "smaller than a window": lambda: (photograph(5, 6), noisy(photograph(5, 6))),
    "one pixel wide": lambda: (photograph(30, 1), noisy(photograph(30, 1))),
}


def packages_own(name, x, y):
    """The package's value; None where it raises or gives nan."""
    if name == "cos":  # the report's own function
        return float(np.dot(x.ravel(), y.ravel()) / (np.linalg.norm(x) * np.linalg.norm(y)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            value = float(quality_metrics.metric_functions[name](x, y))
        except ValueError:
            return None
    return None if np.isnan(value) else value


@pytest.mark.parametrize("pair", PAIRS)
def test_the_package_finds_the_same(pair):
    x, y = PAIRS[pair]()
    found = score(x, y, definition="package")
    for name in METRICS:
        expected = packages_own(name, x, y)
        if expected is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(expected, abs=TOLERANCE[name]), name


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
