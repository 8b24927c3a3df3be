"""SRCNN F(Y) = W3 * max(0, W2 * max(0, W1 * Y + b1) + b2) + b3 with a 1x1 W2, trained on a GPU: kernels of Triton's.

For the pixels p of a tile, x (p, k * k) is the window, h1 = max(0, x W1 + b1), h2 = max(0, h1 W2 + b2), and t = h2 W3
(p, m * m) is what each pixel adds to the outputs around it; the channels are 1, 64, 32 and 1. A pixel's features
depend on a window of one band only, and are few: they are computed where they are needed, in registers, and again for
the gradients, instead of being written to memory between layers. Products are in tf32 or bfloat16, and added up in
float32.
"""

import logging
from functools import cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from srcnn.words import said

FEATURES = (64, 32)
WINDOW, AROUND = 96, 64  # the most that k * k and m * m may be
WARPS = 4  # that share a tile
# Pixels of a tile: the fastest of 32, 64 and 128 on an H100 that need no more shared memory than older GPUs have.
# Gradients of 128 patches take 36 us in bfloat16, and 46 in tiles of 32; in tf32 52 us, and 56 in tiles of 64.
FORWARD, BACKWARD, BACKWARD_IN_TF32 = 64, 64, 32
PROGRAMS = 2  # on a processor; each adds up the gradients of its tiles

_log = logging.getLogger(__name__)


class FusedTraining(torch.autograd.Function):
    """F(Y) (N, 1, H - k - m + 2, W - k - m + 2) of luma Y (N, 1, H, W), with its gradients.

    Weights and biases are (64, 1, k, k), (64), (32, 64, 1, 1), (32), (1, 32, m, m) and (1). Luma has no gradient.
    k * k is at most WINDOW, m * m at most AROUND.
    """

    @staticmethod
    def forward(
        ctx: Any,
        luma: Tensor,
        narrow: bool,
        first: Tensor,
        bias1: Tensor,
        middle: Tensor,
        bias2: Tensor,
        last: Tensor,
        bias3: Tensor,
    ) -> Tensor:
        """Return F(Y), products being in bfloat16 if ``narrow``, else in tf32."""
        luma = luma.contiguous()
        count, _, height, width = luma.shape
        k, m = first.shape[-1], last.shape[-1]
        rows, columns = height - k + 1, width - k + 1
        pixels, taps = count * rows * columns, triton.next_power_of_2(m * m)
        size = {"H": height, "W": width, "R": rows, "C": columns, "K": k, "M": m, "T": taps, "NARROW": narrow}
        added = luma.new_empty(pixels, taps)
        weights = first, bias1, middle, bias2, last
        _features[(triton.cdiv(pixels, FORWARD),)](
            luma, *weights, added, pixels, last.stride(1), last.stride(3), **size, TILE=FORWARD, num_warps=WARPS
        )
        restored = luma.new_empty(count, 1, rows - m + 1, columns - m + 1)
        outputs = restored.numel()
        _gathered[(triton.cdiv(outputs, FORWARD),)](
            added, bias3, restored, outputs, **size, TILE=FORWARD, num_warps=WARPS
        )
        ctx.save_for_backward(luma, *weights, bias3)
        ctx.pixels, ctx.size = pixels, size
        return restored

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the weights and biases.

        Every program writes its share, and then these are added up, so that the order of their ends changes nothing.
        """
        luma, *owners = ctx.saved_tensors
        gradient, last = gradients[0].contiguous(), owners[4]
        tile = BACKWARD if ctx.size["NARROW"] else BACKWARD_IN_TF32
        tiles = triton.cdiv(ctx.pixels, tile)
        programs = min(PROGRAMS * torch.cuda.get_device_properties(luma.device).multi_processor_count, tiles)
        counts = [owner.numel() for owner in owners]
        shares = luma.new_empty(programs, triton.cdiv(sum(counts), 16) * 16)  # so that rows are aligned
        _gradients[(programs,)](
            luma,
            *owners[:5],
            gradient,
            shares,
            ctx.pixels,
            tiles,
            programs,
            last.stride(1),
            last.stride(3),
            shares.stride(0),
            **ctx.size,
            TILE=tile,
            num_warps=WARPS,
            num_stages=1,
        )
        parts = shares.sum(0)[: sum(counts)].split(counts)
        laid_out = [part.as_strided(owner.shape, owner.stride()) for part, owner in zip(parts, owners, strict=True)]
        return None, None, *laid_out


@triton.jit
def _operand(a, NARROW: tl.constexpr):
    """Return ``a`` in the type that it is multiplied in."""
    return a.to(tl.bfloat16) if NARROW else a


@triton.jit
def _product(a, b, total, NARROW: tl.constexpr):
    """Return ``total`` + a b."""
    return tl.dot(_operand(a, NARROW), _operand(b, NARROW), total, input_precision="tf32")


@triton.jit
def _windows(luma, corner, valid, start, W: tl.constexpr, K: tl.constexpr, NARROW: tl.constexpr):
    """Return a third of x, (p, 32): the window's pixels from ``start`` on."""
    tap = start + tl.arange(0, 32)
    place = corner[:, None] + ((tap // K) * W + tap % K)[None, :]
    return _operand(tl.load(luma + place, mask=valid[:, None] & (tap < K * K)[None, :], other=0.0), NARROW)


@triton.jit
def _first_weights(first, start, K: tl.constexpr, NARROW: tl.constexpr):
    """Return a third of W1, (32, 64): the weights of the window's pixels from ``start`` on."""
    tap, feature = start + tl.arange(0, 32), tl.arange(0, 64)
    place = feature[None, :] * (K * K) + tap[:, None]
    return _operand(tl.load(first + place, mask=(tap < K * K)[:, None], other=0.0), NARROW)


@triton.jit
def _layers(
    x0, x1, x2, w10, w11, w12, b1, w2, b2, TILE: tl.constexpr, NARROW: tl.constexpr
):  # fmt: skip
    """Return h1 = max(0, x W1 + b1) (p, 64) and h2 = max(0, h1 W2 + b2) (p, 32), of the thirds of x and of W1."""
    h1 = _product(x0, w10, tl.zeros((TILE, 64), tl.float32), NARROW)
    h1 = _product(x1, w11, h1, NARROW)
    h1 = tl.maximum(_product(x2, w12, h1, NARROW) + b1[None, :], 0.0)
    h2 = _product(h1, tl.trans(w2), tl.zeros((TILE, 32), tl.float32), NARROW)
    return h1, tl.maximum(h2 + b2[None, :], 0.0)


@triton.jit
def _corner(pixel, H: tl.constexpr, W: tl.constexpr, R: tl.constexpr, C: tl.constexpr):
    """Return the picture, row and column of pixels, and where their windows begin in luma."""
    picture, row, column = pixel // (R * C), (pixel // C) % R, pixel % C
    return picture, row, column, picture * (H * W) + row * W + column


@triton.jit(do_not_specialize=["pixels"])
def _features(
    luma, first, bias1, middle, bias2, last, added, pixels, feature_step, tap_step, H: tl.constexpr, W: tl.constexpr,
    R: tl.constexpr, C: tl.constexpr, K: tl.constexpr, M: tl.constexpr, T: tl.constexpr, NARROW: tl.constexpr,
    TILE: tl.constexpr,
):  # fmt: skip
    """Write t = h2 W3, what each pixel of a tile adds to the outputs around it, to ``added`` (pixels, T)."""
    pixel = tl.program_id(0) * TILE + tl.arange(0, TILE)
    valid = pixel < pixels
    _, _, _, corner = _corner(pixel, H, W, R, C)
    x0 = _windows(luma, corner, valid, 0, W, K, NARROW)
    x1 = _windows(luma, corner, valid, 32, W, K, NARROW)
    x2 = _windows(luma, corner, valid, 64, W, K, NARROW)
    w10 = _first_weights(first, 0, K, NARROW)
    w11 = _first_weights(first, 32, K, NARROW)
    w12 = _first_weights(first, 64, K, NARROW)
    one, two, tap = tl.arange(0, 64), tl.arange(0, 32), tl.arange(0, T)
    place3 = two[:, None] * feature_step + tap[None, :] * tap_step
    b1, b2 = tl.load(bias1 + one), tl.load(bias2 + two)
    w2 = _operand(tl.load(middle + two[:, None] * 64 + one[None, :]), NARROW)
    w3 = _operand(tl.load(last + place3, mask=(tap < M * M)[None, :], other=0.0), NARROW)
    _, h2 = _layers(x0, x1, x2, w10, w11, w12, b1, w2, b2, TILE, NARROW)
    t = _product(h2, w3, tl.zeros((TILE, T), tl.float32), NARROW)
    tl.store(added + pixel[:, None] * T + tap[None, :], t, mask=valid[:, None])


@triton.jit(do_not_specialize=["outputs"])
def _gathered(
    added, bias3, restored, outputs, H: tl.constexpr, W: tl.constexpr, R: tl.constexpr, C: tl.constexpr,
    K: tl.constexpr, M: tl.constexpr, T: tl.constexpr, NARROW: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Write each output, b3 + the sum of what the m * m pixels around it add to it, to ``restored`` (outputs)."""
    rows: tl.constexpr = R - M + 1
    columns: tl.constexpr = C - M + 1
    output = tl.program_id(0) * TILE + tl.arange(0, TILE)
    valid = output < outputs
    picture, row, column = output // (rows * columns), (output // columns) % rows, output % columns
    tap = tl.arange(0, T)
    pixel = (picture * (R * C) + row * C + column)[:, None] + ((tap // M) * C + tap % M)[None, :]
    parts = tl.load(added + pixel * T + tap[None, :], mask=valid[:, None] & (tap < M * M)[None, :], other=0.0)
    tl.store(restored + output, tl.sum(parts, 1) + tl.load(bias3), mask=valid)


@triton.jit(do_not_specialize=["pixels", "tiles", "programs"])
def _gradients(
    luma, first, bias1, middle, bias2, last, gradient, shares, pixels, tiles, programs, feature_step, tap_step, share,
    H: tl.constexpr, W: tl.constexpr, R: tl.constexpr, C: tl.constexpr, K: tl.constexpr, M: tl.constexpr,
    T: tl.constexpr, NARROW: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Write the gradients that every ``programs``-th tile gives to this program's row of ``shares``.

    With g_a the gradient of a: g_t (p, m * m) is that of the outputs around each pixel, g_W3 = h2' g_t,
    g_h2 = g_t W3' where h2 > 0, g_W2 = g_h2' h1, g_h1 = g_h2 W2' where h1 > 0, g_W1 = g_h1' x; the biases' are sums of
    g_h1, g_h2 and the outputs'.
    """
    rows: tl.constexpr = R - M + 1
    columns: tl.constexpr = C - M + 1
    w10 = _first_weights(first, 0, K, NARROW)
    w11 = _first_weights(first, 32, K, NARROW)
    w12 = _first_weights(first, 64, K, NARROW)
    one, two, tap = tl.arange(0, 64), tl.arange(0, 32), tl.arange(0, T)
    place3 = two[:, None] * feature_step + tap[None, :] * tap_step
    b1, b2 = tl.load(bias1 + one), tl.load(bias2 + two)
    w2 = _operand(tl.load(middle + two[:, None] * 64 + one[None, :]), NARROW)
    w3 = _operand(tl.load(last + place3, mask=(tap < M * M)[None, :], other=0.0), NARROW)
    of_a = tl.zeros((64, 32), tl.float32)  # of W1, by thirds of the window
    of_b = tl.zeros((64, 32), tl.float32)
    of_c = tl.zeros((64, 32), tl.float32)
    of_2 = tl.zeros((32, 64), tl.float32)
    of_3 = tl.zeros((32, T), tl.float32)
    of_bias1 = tl.zeros((64,), tl.float32)
    of_bias2 = tl.zeros((32,), tl.float32)
    of_bias3 = tl.zeros((TILE,), tl.float32)
    for tile in range(tl.program_id(0), tiles, programs):
        pixel = tile * TILE + tl.arange(0, TILE)
        valid = pixel < pixels
        picture, row, column, corner = _corner(pixel, H, W, R, C)
        x0 = _windows(luma, corner, valid, 0, W, K, NARROW)
        x1 = _windows(luma, corner, valid, 32, W, K, NARROW)
        x2 = _windows(luma, corner, valid, 64, W, K, NARROW)
        h1, h2 = _layers(x0, x1, x2, w10, w11, w12, b1, w2, b2, TILE, NARROW)
        y, x = row[:, None] - (tap // M)[None, :], column[:, None] - (tap % M)[None, :]
        met = valid[:, None] & (tap < M * M)[None, :] & (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
        of_t = tl.load(gradient + picture[:, None] * (rows * columns) + y * columns + x, mask=met, other=0.0)
        of_h2 = _product(of_t, tl.trans(w3), tl.zeros((TILE, 32), tl.float32), NARROW)
        of_h2 = tl.where(h2 > 0, of_h2, 0.0)
        of_3 = _product(tl.trans(h2), of_t, of_3, NARROW)
        of_h1 = _product(of_h2, w2, tl.zeros((TILE, 64), tl.float32), NARROW)
        of_h1 = tl.where(h1 > 0, of_h1, 0.0)
        of_2 = _product(tl.trans(of_h2), h1, of_2, NARROW)
        of_bias3 += tl.sum(tl.where((tap == 0)[None, :], of_t, 0.0), 1)  # where each output is met once
        of_bias2 += tl.sum(of_h2, 0)
        of_bias1 += tl.sum(of_h1, 0)
        of_a = _product(tl.trans(of_h1), x0, of_a, NARROW)
        of_b = _product(tl.trans(of_h1), x1, of_b, NARROW)
        of_c = _product(tl.trans(of_h1), x2, of_c, NARROW)
    begin = shares + tl.program_id(0) * share
    window = tl.arange(0, 32)
    for third in tl.static_range(3):
        of = of_a if third == 0 else (of_b if third == 1 else of_c)
        at = third * 32 + window
        tl.store(begin + one[:, None] * (K * K) + at[None, :], of, mask=(at < K * K)[None, :])
    begin += 64 * K * K
    tl.store(begin + one, of_bias1)
    begin += 64
    tl.store(begin + two[:, None] * 64 + one[None, :], of_2)
    begin += 32 * 64
    tl.store(begin + two, of_bias2)
    begin += 32
    tl.store(begin + place3, of_3, mask=(tap < M * M)[None, :])
    tl.store(begin + 32 * M * M, tl.sum(of_bias3, 0))


def fits(first: Tensor, middle: Tensor, last: Tensor) -> bool:
    """Say whether layers with these weights are of the shapes that the kernels are written for."""
    features = (first.shape[0], middle.shape[0]) == FEATURES
    return features and middle.shape[2:] == (1, 1) and first[0, 0].numel() <= WINDOW and last[0, 0].numel() <= AROUND


@cache
def usable(narrow: bool, k: int, m: int) -> bool:
    """Say whether Triton can build the kernels here, which takes a C compiler; if not, the log says why."""
    try:
        shapes = (64, 1, k, k), (64,), (32, 64, 1, 1), (32,), (1, 32, m, m), (1,)
        # Laid out as trainings lay them out, so that what is built here is what they take.
        weights = [torch.zeros(shape, device="cuda") for shape in shapes]
        weights[4] = weights[4].to(memory_format=torch.channels_last)
        weights = [weight.requires_grad_() for weight in weights]
        FusedTraining.apply(torch.zeros(1, 1, 33, 33, device="cuda"), narrow, *weights).sum().backward()
    except Exception as error:  # noqa: BLE001 - of the compiler, the driver or a file system
        _log.warning("training takes cuDNN's kernels, which are slower for this network: %s", said(error))
        return False
    return True
