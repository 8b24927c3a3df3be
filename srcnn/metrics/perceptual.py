"""What LPIPS and DISTS share: a network by an installed package, and weights that lie where torch keeps them.

Nothing is fetched while pictures are scored: nodes of a cluster have no network, and what a study is scored by must
not depend on what a server gives.
"""

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

VGG = "vgg16-397923af.pth"  # torchvision's, on which both are built
SMALLEST = 16  # pixels a side: below it the network's poolings leave nothing

_FETCH = "python -c 'import piq; piq.LPIPS(); piq.DISTS()'"
_one_at_a_time = threading.Lock()


def installed(metric: str, *packages: str) -> str:
    """Return which of the packages is installed. Raises ImportError, with the way out, if none is."""
    for name in packages:
        if importlib.util.find_spec(name) and importlib.util.find_spec("torchvision"):
            return name
    raise ImportError(f"{metric} needs {' or '.join(packages)}: pip install {packages[0]} torchvision")


def require_weights(*files: str) -> None:
    """Raise ImportError, with the way out, unless these files of weights are where torch keeps them."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise ImportError(
            f"{' and '.join(missing)} not in {folder}, and nothing is fetched while pictures are scored: say {_FETCH} "
            "where there is a network, and copy the files (TORCH_HOME names another folder)"
        )


def distance(
    network: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    reference: NDArray[Any],
    estimate: NDArray[Any],
    data_range: float,
) -> float | None:
    """Return what a network says of two batches (1, 3, H, W) from 0 to 1, the estimate first; None below 16 pixels."""
    if min(reference.shape[:2]) < SMALLEST:
        return None
    with _one_at_a_time, torch.inference_mode():
        return float(network(_batch(estimate, data_range), _batch(reference, data_range)))


def _batch(image: NDArray[Any], data_range: float) -> torch.Tensor:
    bands = np.atleast_3d(image).astype(np.float32) / data_range
    bands = bands if bands.shape[2] == 3 else np.repeat(bands.mean(axis=2, keepdims=True), 3, axis=2)
    return torch.from_numpy(np.ascontiguousarray(bands.transpose(2, 0, 1)[None])).clamp(0.0, 1.0)
