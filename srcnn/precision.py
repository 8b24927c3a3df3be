"""The numbers that a training's products are taken in: float32, or narrower ones where those are much faster.

Weights, their updates, the loss and everything that is measured stay float32. A processor with
matrix units (AMX) multiplies bfloat16 six to eight times as fast as float32; on any other, torch
imitates bfloat16 at a fraction of the speed. A GPU from Ampere on multiplies float32 numbers in
float32, or in tf32: read with 10 bits of their mantissa, added up in float32.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from srcnn.history import Epoch, Precision

# Far above the 2 of processors that only have bfloat16 vectors, and far below the 7 of matrix
# units, so that a busy machine decides as an idle one does.
_MUCH_FASTER = 3.0
# A core with matrix units is done in a tenth of it; one that imitates bfloat16 takes longer for a single product.
_LOOK_S = 0.1
_said_by_one = threading.RLock()
_WITH_MATRIX_UNITS = (8, 0)  # compute capability of the first GPUs that have them for tf32 and bfloat16: Ampere


def precision_for(
    learns_in_bfloat16: bool,
    device: torch.device,
    wanted: Literal["auto"] | Precision,
    history: Sequence[Epoch] = (),
) -> Precision:
    """Return the numbers to train in: ``wanted``, unless that is "auto".

    Then a training goes on as it began, by its ``history``, and a new one takes narrower numbers if
    the network learns as well with them (``learns_in_bfloat16``, which MODELS knows) and the processor is much
    faster with them. tf32 is taken where it is asked for.

    Raises ValueError where tf32 is wanted of a CPU.
    """
    if wanted == "tf32" and device.type == "cpu":
        raise ValueError("training.precision is tf32, which a CPU does not have; auto or float32 trains on any device")
    if wanted != "auto":
        return wanted
    begun = history[-1]["precision"] if history else None
    if begun == "float32" or not learns_in_bfloat16:
        return "float32"
    if device.type == "cpu":
        return "bfloat16" if bfloat16_speedup() > _MUCH_FASTER else "float32"
    return (begun or "bfloat16") if _has_matrix_units(device) else "float32"


def possible(precision: Precision, device: torch.device) -> Precision:
    """Return what this device takes for a precision: float32 for tf32 on a CPU."""
    return "float32" if precision == "tf32" and device.type == "cpu" else precision


@contextmanager
def products_in(precision: Precision) -> Iterator[None]:
    """Let a GPU take products of float32 numbers in tf32 within this block if that is said, and else in float32.

    torch itself would take those of convolutions in tf32, and those of matrices not. What is said holds for the whole
    process, so another thread's block waits for the end of this one.
    """
    kinds: list[Any] = [torch.backends.cuda.matmul]
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        name, value = "fp32_precision", "tf32" if precision == "tf32" else "ieee"
        kinds += [torch.backends.cudnn.conv, torch.backends.cudnn.rnn]  # type: ignore[attr-defined]
    else:  # before torch 2.9
        name, value = "allow_tf32", precision == "tf32"  # type: ignore[assignment]
        kinds += [torch.backends.cudnn]
    with _said_by_one:
        before = [getattr(kind, name) for kind in kinds]
        try:
            for kind in kinds:
                setattr(kind, name, value)
            yield
        finally:
            for kind, old in zip(kinds, before, strict=True):
                setattr(kind, name, old)


def tf32_is_taken() -> bool:
    """Say whether ``products_in`` has said tf32."""
    matmul = torch.backends.cuda.matmul
    return bool(matmul.fp32_precision == "tf32" if hasattr(matmul, "fp32_precision") else matmul.allow_tf32)


def _has_matrix_units(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= _WITH_MATRIX_UNITS


@cache
def bfloat16_speedup() -> float:
    """Return how many times as fast as float32 a core of this CPU multiplies bfloat16 matrices; measured once."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # among many threads, sharing the work would take longer than the work
    try:
        square = torch.ones(512, 512)
        return _best_seconds(square) / _best_seconds(square.bfloat16())
    finally:
        torch.set_num_threads(threads)


def _best_seconds(matrix: Tensor) -> float:
    """Return the seconds of the fastest of six products of a matrix with itself, or of those that ``_LOOK_S`` sees."""
    times: list[float] = []
    while len(times) < 6 and sum(times) < _LOOK_S:
        start = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - start)
    return min(times)
