"""The paper definitions against independent implementations and transcriptions of the formulas."""

import json
import math
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import noisy, photograph

from srcnn.metrics import score

REFERENCE = Path(__file__).parent / "reference"
sys.path.insert(0, str(REFERENCE))
from pairs import pairs  # noqa: E402

VALUES = json.loads((REFERENCE / "values.json").read_text())["values"]
TOLERANCE = {"fsim": 1e-4, "haarpsi": 3e-4}  # piq has other coefficients of I and Q than HaarPSI's authors


@pytest.mark.parametrize("name", VALUES)
def test_others_find_the_same(name):
    found = score(*pairs()[name], VALUES[name])
    for metric, expected in VALUES[name].items():
        assert found[metric] == pytest.approx(expected, rel=TOLERANCE.get(metric, 1e-6)), metric


def test_uiq_is_the_formula_written_out():
    x, y = photograph(19, 23).astype(float), noisy(photograph(19, 23)).astype(float)
    x[:9, :9], y[:9, :9] = 40, 60  # windows that are flat in both
    values = []
    for band in range(3):
        for r in range(19 - 7):
            for c in range(23 - 7):
                a, b = x[r : r + 8, c : c + 8, band], y[r : r + 8, c : c + 8, band]
                luminance = 2 * a.mean() * b.mean() / (a.mean() ** 2 + b.mean() ** 2)
                spread = a.var() + b.var()
                cov = ((a - a.mean()) * (b - b.mean())).mean()
                values.append(luminance * (2 * cov / spread if spread else 1.0))
    bytes_, floats = (score(x.astype(t), y.astype(t), ["uiq"], data_range=255)["uiq"] for t in (np.uint8, float))
    assert bytes_ == pytest.approx(np.mean(values), rel=1e-9)
    assert floats == pytest.approx(np.mean(values), rel=1e-9)


def test_sre_is_the_formula_written_out():
    x, y = photograph(), noisy(photograph())
    a, b = x.astype(float), y.astype(float)
    expected = np.mean([10 * np.log10(a[..., i].mean() ** 2 / ((a - b)[..., i] ** 2).mean()) for i in range(3)])
    assert score(x, y, ["sre"])["sre"] == pytest.approx(expected, rel=1e-12)


def test_issm_is_the_formula_written_out():
    x, y = photograph(), noisy(photograph())
    grey = [np.floor(image @ [0.299, 0.587, 0.114] + 0.500001).astype(np.uint8) for image in (x, y)]
    p = np.histogram2d(grey[0].ravel(), grey[1].ravel(), bins=256, range=((0, 256), (0, 256)))[0] / grey[0].size
    entropy = -(p[p > 0] * np.log2(p[p > 0])).sum()
    edges = np.corrcoef(*((cv2.Canny(each, 100, 200) > 0).ravel().astype(float) for each in grey))[0, 1]
    ssim = score(x, y, ["ssim"])["ssim"]
    expected = (edges * entropy * 0.8 + math.e) / (0.3 * edges * entropy + 0.5 * entropy + 0.7 * ssim + math.e)
    assert score(x, y, ["issm"])["issm"] == pytest.approx(expected, rel=1e-9)


def test_known_answers():
    dark, light = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    found = score(dark, light)
    assert found["psnr"] == pytest.approx(20 * math.log10(255 / 50))
    assert found["rmse"] == pytest.approx(50 / 255)
    assert found["sre"] == pytest.approx(20 * math.log10(2))
    assert found["uiq"] == pytest.approx(2 * 100 * 150 / (100**2 + 150**2))
    assert found["ssim"] == pytest.approx((2 * 100 * 150 + 6.5025) / (100**2 + 150**2 + 6.5025))
    assert found["sam"] == pytest.approx(0, abs=1e-12)
    assert found["cos"] == pytest.approx(1)


def test_sam_is_the_angle_between_colours_and_leaves_black_out():
    red, yellow = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    red[..., 0], yellow[..., :2] = 200, 100
    assert score(red, yellow, ["sam"])["sam"] == pytest.approx(45)
    red[0, 0] = 0
    assert score(red, yellow, ["sam"])["sam"] == pytest.approx(45)


def test_small_angles_keep_their_digits():
    x = np.ones((4, 4, 3))
    y = x + np.array([0, 0, 3e-9])
    expected = math.degrees(math.sqrt(2 / 3) * 1e-9 * math.sqrt(3))
    assert score(x, y, ["sam"], data_range=1.0)["sam"] == pytest.approx(expected, rel=1e-6)
