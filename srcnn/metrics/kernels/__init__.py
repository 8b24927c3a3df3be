"""Compiled inner loops of the metrics; imported when something is scored, never before.

Planes are C-contiguous, (C, H, W) or (H, W): uint8, or float64 for every other input. Kernels that
add up many terms may reorder them (``summing``); none may assume that nan does not exist, and none
sets numba's fastmath for the whole process.
"""

from srcnn.metrics.kernels import cache

cache.install()

import numba  # noqa: E402  (after the cache has been given its folder)

jit = numba.njit(cache=True, error_model="numpy", nogil=True)
# Sums may be reordered and multiply-adds fused, which is what lets them run eight at a time.
summing = numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract", "nsz"})
# A helper that adds up is inlined into a ``summing`` kernel: called, it might be another kernel's copy of it, which
# adds in another order, in the process that compiles than in those that load what it compiled.
inlined = numba.njit(
    cache=True, error_model="numpy", nogil=True, inline="always", fastmath={"reassoc", "contract", "nsz"}
)
