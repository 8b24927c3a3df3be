"""Canny's edges in batches, the same that OpenCV finds: see ``srcnn.metrics.kernels.edges``."""

import torch
from torch import Tensor
from torch.nn.functional import pad

_TAN_22 = 13573  # tan(22.5 degrees) in 1 / 2^15, as OpenCV rounds it
_STEPS = 16  # of growing edges, before the device is asked whether they still grow
_WORD = 64


def canny(pictures: Tensor, low: int, high: int) -> Tensor:
    """Return where uint8 pictures (N, H, W) have an edge, as booleans (N, H, W).

    Edges are the local maxima along the gradient of |G_x| + |G_y|, by Sobel's operator 3x3, above ``high``, or above
    ``low`` and connected with such a one.
    """
    height, width = pictures.shape[1:]
    x, y = _sobel(pictures)
    strength = x.abs() + y.abs()
    around = pad(strength, (1, 1, 1, 1))  # no gradient beyond the border

    def at(down: int, right: int) -> Tensor:
        return around[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    level = (strength > at(0, -1)) & (strength >= at(0, 1))
    upright = (strength > at(-1, 0)) & (strength >= at(1, 0))
    falling = (strength > at(-1, -1)) & (strength > at(1, 1))
    rising = (strength > at(-1, 1)) & (strength > at(1, -1))
    across, along = x.abs() * _TAN_22, y.abs() << 15
    steep = across + (x.abs() << 16)
    oblique = torch.where((x ^ y) < 0, rising, falling)
    highest = torch.where(along < across, level, torch.where(along > steep, upright, oblique))
    return connected(highest & (strength > high), highest & (strength > low))


def _sobel(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return G_x and G_y (N, H, W), int32; the border's pixels are repeated beyond it."""
    height, width = pictures.shape[1:]
    rows = torch.arange(-1, height + 1, device=pictures.device).clamp_(0, height - 1)
    columns = torch.arange(-1, width + 1, device=pictures.device).clamp_(0, width - 1)
    around = pictures.int()[:, rows][:, :, columns]
    smooth = around[:, :-2] + 2 * around[:, 1:-1] + around[:, 2:]
    x = smooth[:, :, 2:] - smooth[:, :, :-2]
    smooth = around[:, :, :-2] + 2 * around[:, :, 1:-1] + around[:, :, 2:]
    return x, smooth[:, 2:] - smooth[:, :-2]


def connected(seeds: Tensor, within: Tensor) -> Tensor:
    """Return where maps ``within`` (N, H, W) are connected with one of ``seeds``, by sides or corners; all boolean.

    The seeds grow by a pixel a step, up to 64 pictures at once as the bits of words, so that a step takes a device
    hardly longer than starting it. It is asked now and then, the seldomer the longer it takes, whether they still grow.
    """
    bits = torch.arange(min(_WORD, len(seeds)), device=seeds.device)[:, None, None]
    allowed, grown = _words(within, bits), pad(_words(seeds, bits), (1, 1, 1, 1))
    left, middle, right = grown[:, :, :-2], grown[:, :, 1:-1], grown[:, :, 2:]
    inner = middle[:, 1:-1]
    rows, columns = left.clone(), allowed.clone()  # which are written to
    above, level, below = rows[:, :-2], rows[:, 1:-1], rows[:, 2:]
    taken, steps = 0, _STEPS
    while True:
        before = inner.clone()
        for _ in range(steps):  # five kernels, and nothing else that takes time: no views, no new memory
            torch.bitwise_or(left, right, out=rows)
            rows |= middle
            torch.bitwise_or(above, below, out=columns)
            columns |= level
            torch.bitwise_and(columns, allowed, out=inner)
        if torch.equal(before, inner):
            return ((inner[:, None] >> bits) & 1).flatten(0, 1)[: len(seeds)].bool()
        taken += steps
        steps = _STEPS + taken // 8


def _words(maps: Tensor, bits: Tensor) -> Tensor:
    """Return boolean maps (N, H, W) as the ``bits`` of int64 (ceil(N / number of bits), H, W)."""
    filled = pad(maps, (0, 0, 0, 0, 0, -len(maps) % len(bits))).unflatten(0, (-1, len(bits)))
    return (filled.long() << bits).sum(dim=1)
