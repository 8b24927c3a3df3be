"""In which numbers the products of a training are taken: float32, or bfloat16 where that is much faster.

Weights, their updates, the loss and everything that is measured stay float32. A processor with
matrix units (AMX) multiplies bfloat16 six to eight times as fast as float32; on any other, torch
imitates bfloat16 at a fraction of the speed.
"""

import time
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Precision = Literal["float32", "bfloat16"]

# Far above the 2 of processors that only have bfloat16 vectors, and far below the 7 of matrix
# units, so that a busy machine decides as an idle one does.
_MUCH_FASTER = 3.0


def precision_for(
    model: "nn.Module",
    device: "torch.device",
    wanted: Literal["auto"] | Precision,
    history: Sequence[dict[str, Any]] = (),
) -> Precision:
    """What to train in; ``wanted`` unless that is "auto".

    Then a training goes on as it began, by its ``history``, and a new one takes bfloat16 if
    the network states that it learns as well with it (``learns_in_bfloat16``) and the processor is much
    faster with it. A GPU trains in float32: nothing else has been measured there.
    """
    if wanted != "auto":
        return wanted
    if history and precision_of(history[-1]) == "float32":
        return "float32"
    known = getattr(model, "learns_in_bfloat16", False)
    return "bfloat16" if known and device.type == "cpu" and bfloat16_speedup() > _MUCH_FASTER else "float32"


def precision_of(record: dict[str, Any]) -> Precision:
    """What an epoch was trained in, by its record; float32 where that was not yet a choice."""
    return "bfloat16" if record.get("precision") == "bfloat16" else "float32"


@cache
def bfloat16_speedup() -> float:
    """How many times as fast as float32 a core of this CPU multiplies bfloat16 matrices; measured once."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # among many threads, sharing the work would take longer than the work
    try:
        square = torch.ones(512, 512)
        return _best_seconds(square) / _best_seconds(square.bfloat16())
    finally:
        torch.set_num_threads(threads)


def _best_seconds(matrix: "Tensor") -> float:
    """Seconds of the fastest of some products of a matrix with itself."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - start)
    return min(times)
