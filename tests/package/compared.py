"""Pairs of pictures for which the package's values are kept, and how far ours may be from them."""

import hashlib
import json
from pathlib import Path

import numpy as np
from pictures import enlarged, noisy, photograph

VALUES = Path(__file__).with_name("values.json")
# The package adds up in float32, we exactly: so far apart they may be (PSNR and RMSE have a test of their own).
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


def digest(pictures):
    """What the bytes of a pair are known by."""
    return hashlib.sha256(b"".join(each.tobytes() for each in pictures)).hexdigest()[:16]


def kept_values(pair, pictures):
    """The package's value of each metric, None where it has none. Raises AssertionError for other pictures."""
    kept = json.loads(VALUES.read_text())["pairs"][pair]
    assert kept["digest"] == digest(pictures), f"the kept values of {pair} are of other pictures"
    return kept["values"]
