"""ms a comparison of piq and torchmetrics, as JSON; run by scoring.py in their own environment."""

import json
import sys
import time
from unittest.mock import MagicMock

import numpy as np
import torch
from torchmetrics.functional.image import spectral_angle_mapper, structural_similarity_index_measure

for module in ("torchvision", "torchvision.models", "torchvision.transforms"):  # piq's neural metrics only
    sys.modules[module] = MagicMock()
import piq


def main():
    """Time each metric on random pictures: their time does not depend on the content."""
    torch.set_num_threads(1)
    height, width = (int(side) for side in sys.argv[1:])
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.integers(1, 256, (1, 3, height, width)).astype("float32")) for _ in range(2))
    calls = {
        "fsim (piq)": lambda: piq.fsim(x, y, data_range=255, chromatic=False),
        "ssim (piq)": lambda: piq.ssim(x, y, data_range=255, downsample=False),
        "ssim (torchmetrics)": lambda: structural_similarity_index_measure(x, y, data_range=255.0),
        "sam (torchmetrics)": lambda: spectral_angle_mapper(x, y),
        "psnr (piq)": lambda: piq.psnr(x, y, data_range=255),
        "gmsd (piq)": lambda: piq.gmsd(x, y, data_range=255),
        "vifp (piq)": lambda: piq.vif_p(x, y, data_range=255),
        "haarpsi (piq)": lambda: piq.haarpsi(x, y, data_range=255),
        "mdsi (piq)": lambda: piq.mdsi(x, y, data_range=255),
    }
    if min(height, width) > 160:  # of one band, as ours
        calls["ms_ssim (piq)"] = lambda: piq.multi_scale_ssim(x[:, :1], y[:, :1], data_range=255)
    times = {}
    for name, call in calls.items():
        call()
        found = []
        for _ in range(7):
            start = time.process_time()
            call()
            found.append(time.process_time() - start)
        times[name] = 1e3 * min(found)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
