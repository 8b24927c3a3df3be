"""The metrics' inner loops, compiled, and the libraries that score: imported when something is scored, never before.

Planes are C-contiguous, (C, H, W) or (H, W): uint8, or float64 for every other input. Kernels that
add up many terms may reorder them (``compiled.summing``); none may assume that nan does not exist, and none
sets numba's fastmath for the whole process.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srcnn.metrics.kernels import angle, edges, haar, information, phase, prewitt, reduced, sums, window

__all__ = ["angle", "edges", "haar", "information", "phase", "prewitt", "reduced", "sums", "window"]


def __getattr__(name: str) -> Any:
    """Import a module of kernels at its first use: whoever only lists metrics or reads scores needs no numba."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
