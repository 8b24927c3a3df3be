"""Time a comparison, for us and for image-similarity-measures, in one run on one core.

    python -m benchmarks.scoring [--json FILE] [--package PYTHON] [--peers PYTHON]

Six estimates share a reference, as six crops of a picture do; its features are part of our time.
Each PYTHON is an interpreter of an environment of its own: with the package (make test-package makes it), with piq
and torchmetrics (see tests/reference).
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity

from benchmarks.written import add_json, require_free, write_figures
from srcnn.metrics import DEFINITIONS, METRICS, QUICK_METRICS, Reference, warm_up
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture

SIZES = ((321, 481), (160, 160))
PACKAGE = ".venv-package/bin/python"
SHARED = 6


def pictures(height, width):
    """Return a photograph, and six estimates of it: its crops, enlarged to its size."""
    image = np.asarray(Image.fromarray(data.astronaut()).resize((width, height)))
    boxes = [(r * height // 2, c * width // 3) for c in range(3) for r in range(2)]
    crops = [image[r : r + height // 2, c : c + width // 3] for r, c in boxes]
    return image, [
        np.asarray(Image.fromarray(crop).resize((width, height), Image.Resampling.BICUBIC)) for crop in crops
    ]


def best(function, repeats):
    """Return the least processor time of some calls, in ms: other work on the machine disturbs it least."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def package_times(python, reference, estimate):
    """Return the ms a comparison of the package and of the report's own cos, in the environment of ``python``."""
    if not Path(python).exists():
        sys.exit(f"{python} is not there: make test-package makes an environment with image-similarity-measures")
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, np.stack([reference, estimate]))
        file.flush()
        script = str(Path(__file__).with_name("package.py"))
        found = json.loads(subprocess.run([python, script, file.name], stdout=-1, text=True, check=True).stdout)
    return {name: found[name] for name in QUICK_METRICS}


def our_times(reference, estimates, definition):
    """Return the milliseconds a comparison of each metric alone, and of QUICK_METRICS together."""

    def alone(metric: Metric):
        picture = MeasuredPicture(reference)
        for estimate in estimates:
            metric.definitions[definition](MeasuredPair(picture, MeasuredPicture(estimate)))

    def together():
        shared = Reference(reference)
        for estimate in estimates:
            shared.score(estimate, definition=definition)

    having = {
        name: metric
        for name, metric in METRICS.items()
        if definition in metric.definitions and min(reference.shape[:2]) >= metric.smallest
    }
    times = {name: best(lambda m=metric: alone(m), 8) / SHARED for name, metric in having.items()}
    return {**times, "together": best(together, 12) / SHARED}


def main():
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_json(parser, "benchmarks/scoring.json")
    parser.add_argument("--package", default=PACKAGE, metavar="PYTHON", help="interpreter that has the package")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has piq and torchmetrics")
    arguments = parser.parse_args()
    require_free(arguments)
    import cv2

    cv2.setNumThreads(1)
    warm_up(metrics=METRICS)
    found = {}
    for height, width in SIZES:
        reference, estimates = pictures(height, width)
        ours = {definition: our_times(reference, estimates, definition) for definition in DEFINITIONS}
        package = package_times(arguments.package, reference, estimates[0])
        package["together"] = sum(package.values())
        # Again, and the lesser of both: so that a burst of other work hits neither side alone.
        for definition in DEFINITIONS:
            again = our_times(reference, estimates, definition)
            ours[definition] = {name: min(again[name], value) for name, value in ours[definition].items()}
        peers = {"ssim (scikit-image)": best(lambda x=reference, y=estimates[0]: gaussian_ssim(x, y), 5)}
        if arguments.peers:
            command = [arguments.peers, str(Path(__file__).with_name("peers.py")), str(height), str(width)]
            peers |= json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        found[f"{height}x{width}x3"] = {"package": package, "ours": ours, "peers": peers}
        show(f"{height}x{width}x3", package, ours, peers)
    write_figures(arguments, "scoring", {"unit": "ms a comparison, one core", **found})


def gaussian_ssim(x, y):
    """Return scikit-image's SSIM, as the paper defines it."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return structural_similarity(x, y, data_range=255, channel_axis=2, **options)


def show(size, package, ours, peers):
    """Print one table."""
    print(f"\n{size}, ms a comparison, one core; six estimates share a reference")
    print(f"{'':10}{'0.3.6':>10}{'package':>10}{'ratio':>8}{'paper':>10}{'ratio':>8}")
    for name, theirs in package.items():
        columns = [(ours[d][name], theirs / ours[d][name]) for d in ("package", "paper")]
        print(f"{name:10}{theirs:10.2f}" + "".join(f"{t:10.2f}{ratio:8.0f}" for t, ratio in columns))
    for name in [name for name in ours["paper"] if name not in package]:
        print(f"{name:10}{'':28}{ours['paper'][name]:10.2f}")
    for name, theirs in peers.items():
        mine = ours["paper"][name.split()[0]]
        print(f"{name:24} {theirs:8.2f}, ours {mine:.2f}: {theirs / mine:.1f} times faster")


if __name__ == "__main__":
    main()
