"""FSIM in batches: see ``srcnn.metrics.fsim`` and, for the formulas, ``srcnn.metrics.kernels.phase``. In float32."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from srcnn.metrics.batched.pictures import Pairs, Pictures, double_luminance, identical
from srcnn.metrics.fsim import block_size
from srcnn.metrics.kernels.bank import EPSILON, T1, T2, paper_filters


def fsim(pairs: Pairs) -> Tensor:
    """Return the sum of S_PC S_G PC_m over that of PC_m, float64 (N); nan where both pictures have no feature."""
    same: Tensor = pairs.feature(identical)
    if min(pairs.shape) < 2:
        return torch.where(same, 1.0, torch.nan).double()
    p, q = pairs.both(_congruency)
    g, h = pairs.both(_gradient)
    weights = torch.maximum(p, q)
    above = (2.0 * p * q).add_(T1).mul_((2.0 * g * h).add_(T2))
    below = (p.square() + q.square()).add_(T1).mul_((g.square() + h.square()).add_(T2))
    total = above.div_(below).mul_(weights)
    value = _sum(total) / _sum(weights)
    return torch.where(same, 1.0, value)


def _sum(maps: Tensor) -> Tensor:
    return maps.flatten(1).sum(dim=1, dtype=torch.float64)


def _reduced(pictures: Pictures) -> Tensor:
    """Return the luminance (N, H, W), float32, averaged over blocks if the pictures are large."""
    block = block_size(*pictures.shape)
    grey = pictures.feature(double_luminance).float()
    if block == 1:
        return grey
    height, width = (side // block for side in pictures.shape)
    blocks = grey[:, : height * block, : width * block].reshape(-1, height, block, width, block)
    return blocks.mean(dim=(2, 4), dtype=torch.float64).float()


def _gradient(pictures: Pictures) -> Tensor:
    """Return G = sqrt(G_x^2 + G_y^2) by Scharr's operator over 16, zeros beyond the border, (N, H, W)."""
    around = pad(pictures.feature(_reduced), (1, 1, 1, 1))
    smooth = 3.0 * (around[:, :-2] + around[:, 2:]) + 10.0 * around[:, 1:-1]
    x = smooth[:, :, :-2] - smooth[:, :, 2:]
    smooth = 3.0 * (around[:, :, :-2] + around[:, :, 2:]) + 10.0 * around[:, :, 1:-1]
    y = smooth[:, :-2] - smooth[:, 2:]
    return (x.square() + y.square()).sqrt_().div_(16.0)


def _congruency(pictures: Pictures) -> Tensor:
    """Return PC = sum over j of max(E_j - T_j, 0) / sum over j and n of A_nj, (N, H, W); 0 in a flat picture."""
    grey = pictures.feature(_reduced)
    lowest, highest = grey.flatten(1).aminmax(dim=1)
    level = torch.where(lowest == highest, lowest, grey.mean(dim=(1, 2), dtype=torch.float64).round().float())
    spectrum = torch.fft.fft2(grey - level[:, None, None])[:, None]
    energy, amplitude = torch.zeros_like(grey), torch.zeros_like(grey)
    filters, noise = _filters(*grey.shape[1:], grey.device)
    for bank, above_median in zip(filters, noise, strict=True):
        responses = torch.fft.ifft2(spectrum * bank)  # (N, 4, H, W), complex
        amplitudes = responses.abs()
        threshold = above_median * _middle(amplitudes[:, 0].square().flatten(1)).sqrt()
        energy += (_along(responses) - threshold[:, None, None]).clamp_(min=0.0)
        amplitude += amplitudes.sum(dim=1)
    return torch.where(amplitude > 0, energy / amplitude, 0.0)


def _along(responses: Tensor) -> Tensor:
    """Return E = (|s|^2 - sum over n of |e_n s_o - o_n s_e|) / |s|, s being the sum of the responses (N, 4, H, W)."""
    total = responses.sum(dim=1)
    across = (responses * total.conj()[:, None]).imag.abs().sum(dim=1)
    length = total.abs()
    return (length.square() - across) / (length + EPSILON)


def _middle(values: Tensor) -> Tensor:
    """Return the mean of the two middle values of each row (N, n), or the middle one where n is odd."""
    count = values.shape[1]
    low = values.kthvalue((count - 1) // 2 + 1).values
    return low if count % 2 else (low + values.kthvalue(count // 2 + 1).values) / 2.0


@lru_cache(maxsize=4)
def _filters(height: int, width: int, device: torch.device) -> tuple[list[Tensor], list[float]]:
    """Return the filters (4, H, W) of each orientation, float32, and its noise factor."""
    banks, noise = paper_filters(height, width)
    return [torch.stack([torch.from_numpy(each) for each in bank]).float().to(device) for bank in banks], noise
