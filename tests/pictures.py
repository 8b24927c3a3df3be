"""Small pictures and names that tests share, and where the development data lies."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srcnn.models import MODELS

# The networks of three layers, which have kernels of their own; the others have the contract's tests.
SRCNNS = [name for name, spec in MODELS.items() if spec.builder.startswith("srcnn.models.srcnn:")]
DATA = Path(os.environ.get("SRCNN_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the development data is not at {DATA} (set SRCNN_DATA)")


def photograph(height=48, width=64):
    return np.ascontiguousarray(data.astronaut()[40 : 40 + height, 190 : 190 + width])


def at_least(side, shape):
    """The shape, with sides that are not shorter."""
    return (*(max(side, length) for length in shape[:2]), *shape[2:])


def noisy(image, deviation=12, seed=0):
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def enlarged(image, height, width):
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
