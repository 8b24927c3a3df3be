"""Pairs of pictures that reference values belong to: made from numpy and scikit-image's photographs only."""

import numpy as np
from skimage import data


def pairs():
    """name -> (reference, estimate), uint8, no pixel black."""
    astronaut, coffee, chelsea, camera = data.astronaut(), data.coffee(), data.chelsea(), data.camera()
    return {
        "noisy": _noisy(astronaut[:160, 160:320], 12),
        "odd": _blurred(chelsea[:203, 100:351], 3),
        "portrait": _noisy(np.rot90(chelsea)[:321, :241], 25),
        "berkeley": _blurred(np.pad(chelsea, ((0, 21), (0, 30), (0, 0)), mode="reflect"), 5),
        "large": _blurred(coffee, 4),
        "grey": _noisy(camera[100:228, 100:197], 20),
        "sixteenths": _noisy(coffee[100:276, 200:440], 15),
        "blocks": _blurred(_blocks(), 2),
    }


def _noisy(image, deviation):
    noise = np.random.default_rng(deviation).normal(0, deviation, image.shape)
    return _no_black(image), _no_black(np.clip(np.rint(image + noise), 0, 255).astype(np.uint8))


def _blurred(image, size):
    total = np.zeros(image.shape)
    for dy in range(size):
        for dx in range(size):
            total += np.roll(image, (dy, dx), (0, 1))
    return _no_black(image), _no_black(np.rint(total / size**2).astype(np.uint8))


def _blocks():
    rng = np.random.default_rng(7)
    return np.kron(rng.integers(0, 256, (12, 15, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def _no_black(image):
    return np.ascontiguousarray(np.maximum(image, 1))
