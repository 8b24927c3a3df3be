"""Reference values from independent implementations, into values.json beside this file.

Run in an environment of its own, because piq wants another torch than the project:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install torch==2.13.0 numpy==1.26.4 scikit-image==0.20.0
    /tmp/peers/bin/pip install --no-deps piq==0.8.0 torchmetrics==1.9.0 lightning-utilities packaging
    /tmp/peers/bin/python tests/reference/make_values.py
"""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
from pairs import pairs
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import spectral_angle_mapper

# piq imports torchvision for its neural metrics, but no torchvision of a CPU torch is at hand.
for module in ("torchvision", "torchvision.models", "torchvision.transforms"):
    sys.modules[module] = MagicMock()
import piq  # noqa: E402


def values(reference, estimate):
    """What the others say of one pair; float64 wherever they allow it."""
    found = {
        "psnr": float(peak_signal_noise_ratio(reference, estimate, data_range=255)),
        "ssim": float(
            structural_similarity(
                reference,
                estimate,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                channel_axis=2 if reference.ndim == 3 else None,
            )
        ),
    }
    x, y = (_batch(image) for image in (reference, estimate))
    found["fsim"] = float(piq.fsim(x, y, data_range=255, chromatic=False))
    if reference.ndim == 3:
        found["sam"] = math.degrees(float(spectral_angle_mapper(x, y)))
    return found | further_values(reference, estimate)


def further_values(reference, estimate):
    """What piq says of the metrics whose authors' definition it keeps; it takes the estimate first.

    Their authors' programs take MATLAB's grey bytes for MS-SSIM, GMSD and VIFp. piq pads scales of odd size at the
    other end than the authors of MS-SSIM, divides by N, not N - 1, in GMSD, and rounds HaarPSI's colours otherwise.
    """
    x, y = (_batch(image) for image in (estimate, reference))
    grey_x, grey_y = (_batch(_grey(image)) for image in (estimate, reference))
    height, width = reference.shape[:2]
    count = -(-height // 2) * -(-width // 2)
    found = {
        "gmsd": float(piq.gmsd(grey_x, grey_y, data_range=255)) * math.sqrt(count / (count - 1)),
        "vifp": float(piq.vif_p(grey_x, grey_y, data_range=255)),
        "haarpsi": float(piq.haarpsi(x, y, data_range=255)),
        "mdsi": float(piq.mdsi(x, y, data_range=255)),
    }
    if min(height, width) > 160 and not (height % 16 or width % 16):
        found["ms_ssim"] = float(piq.multi_scale_ssim(grey_x, grey_y, data_range=255))
    return found


def _grey(image):
    """rgb2gray, which rounds."""
    return image if image.ndim == 2 else np.floor(image @ [0.299, 0.587, 0.114] + 0.500001)


def _batch(image):
    bands = torch.from_numpy(image.astype("float64"))
    return (bands[None] if bands.ndim == 2 else bands.permute(2, 0, 1))[None]


if __name__ == "__main__":
    names = ("scikit-image", "piq", "torchmetrics", "torch", "numpy")
    made = {"versions": {name: version(name) for name in names}}
    made["values"] = {name: values(*pair) for name, pair in pairs().items()}
    Path(__file__).with_name("values.json").write_text(json.dumps(made, indent=1) + "\n")
