"""FSIM's parts: phase congruency PC, gradient magnitude G, and their similarity S_L = S_PC S_G weighted by PC_m.

PC = sum over orientations j of E_j / sum over j and scales n of A_nj. The response of a log-Gabor filter is complex,
e + i o of the even and the odd filter; A_nj is its amplitude, E_j what the responses of all scales share along their
mean phase, above the noise. Sources: Kovesi, Videre 1 (1999); Zhang et al. (2011), doi:10.1109/TIP.2011.2109730.
Everything is float32, filters are applied in the frequency domain (``srcnn.metrics.kernels.dft``).
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from srcnn.metrics.kernels.bank import (
    EPSILON,
    SCALES,
    T1,
    T2,
    above_noise,
    angles,
    angular_distance,
    paper_filters,
    radial_filters,
)
from srcnn.metrics.kernels.compiled import inlined, jit, summing
from srcnn.metrics.kernels.dft import Transform
from srcnn.metrics.kernels.kept import kept_by_thread


@dataclass(frozen=True)
class Bank:
    """The filters of one picture size, four scales for each orientation, as the transform wants them.

    ``noise`` is the factor from an orientation's median response to its threshold T; ``maps`` are buffers (4, H W)
    that are kept from picture to picture.
    """

    transform: Transform
    filters: list[np.ndarray]
    noise: tuple[float, ...]
    maps: np.ndarray


@kept_by_thread(maxsize=4)
def paper_bank(height: int, width: int) -> Bank:
    """Return the bank of ``paper_filters``."""
    return _laid_out(Transform(height, width), *paper_filters(height, width))


@kept_by_thread(maxsize=4)
def package_bank(height: int, width: int) -> Bank:
    """Return phasepack's bank: exp(-ln(f / f_n)^2 / (2 ln(0.5978)^2)) (1 + cos(3 theta)) / 2, 6 orientations.

    The cosine is cut at theta = 60 degrees. The median is of the amplitude at the smallest scale; the noise of the
    others is taken to fall as their bandwidth. Each filter lies in half of the plane: mirroring one through the origin
    conjugates its response, which phase congruency does not see.
    """
    radial, angle = radial_filters(height, width, bandwidth=0.5978), angles(height, width)
    filters, noise = [], []
    for orientation in range(6):
        distance = angular_distance(angle, orientation * np.pi / 6)
        spread = (np.cos(np.clip(distance * 3.0, 0.0, np.pi)) + 1.0) / 2.0
        filters.append([radial_filter * spread for radial_filter in radial])
        rayleigh = (1.0 - 0.5**SCALES) / (1.0 - 0.5) / np.sqrt(np.log(4.0))
        noise.append(float(above_noise(rayleigh)))
    return _laid_out(Transform(height, width), filters, noise)


def _laid_out(plan: Transform, filters: list[list[np.ndarray]], noise: list[float]) -> Bank:
    return Bank(plan, [plan.filters(bank) for bank in filters], tuple(noise), np.empty((4, plan.pixels), np.float32))


# --- from responses to phase congruency ---------------------------------------------------------
def paper_congruency(picture: np.ndarray) -> np.ndarray:
    """Return PC = sum over j of max(E_j - T_j, 0) / sum over j and n of A_nj of a float32 picture (H, W), as (H, W).

    A flat picture has no phase and gives 0 everywhere. Both sides must be at least 2.
    """
    bank = paper_bank(*picture.shape)
    plan = bank.transform
    spectrum = plan.spectrum(_centred(picture))
    energy, amplitude, power, along = bank.maps
    bank.maps[:2] = 0.0
    for filters, noise in zip(bank.filters, bank.noise, strict=True):
        even, odd = plan.responses(spectrum, filters)
        add_paper_orientation(even, odd, power, along, amplitude)
        low, high = middle(power)
        add_above(along, np.float32(noise * np.sqrt((low + high) / 2.0)), energy)
    return ratio(energy, amplitude).reshape(picture.shape).copy()


def package_congruency(band: np.ndarray) -> np.ndarray:
    """Return phasepack's sum over j of W_j max(E_j - T_j, 0) / sum over n of A_nj of a float32 band (H, W), as (H, W).

    W_j weights how many frequencies respond, see ``package_orientation``. A flat band has no response: 0 / 0 is nan,
    unless the package's own transform of that size is inexact (prime factors do it), which leaves it 0 / tiny. Both
    sides must be at least 2.
    """
    if band.min() == band.max():
        left = fft.fft2(band.astype(np.float64)).ravel()[1:].any()
        return np.full(band.shape, 0.0 if left else np.nan, np.float32)
    bank = package_bank(*band.shape)
    plan = bank.transform
    spectrum = plan.spectrum(_centred(band))
    total, weights, power, along = bank.maps
    total[:] = 0.0
    for filters, noise in zip(bank.filters, bank.noise, strict=True):
        even, odd = plan.responses(spectrum, filters)
        package_orientation(even, odd, power, along, weights)
        low, high = middle(power)
        threshold = max(1e-4, noise * (np.sqrt(low) + np.sqrt(high)) / 2.0)
        add_weighted_above(along, np.float32(threshold), weights, total)
    return total.reshape(band.shape).copy()


def _centred(picture: np.ndarray) -> np.ndarray:
    """Return the picture less its level, which no filter passes, so that float32 holds more of the rest."""
    return picture - np.float32(np.rint(picture.mean()))


@inlined
def _along(e0, e1, e2, e3, o0, o1, o2, o3):
    """Return E = sum over n of (e_n e + o_n o - |e_n o - o_n e|), where (e, o) points along the mean phase.

    (e, o) is the sum of the responses (e_n, o_n) of the four scales over its length, so that the first two terms add
    up to that length: E = (|s|^2 - sum over n of |e_n s_o - o_n s_e|) / |s|, with s the sum.
    """
    e, o = (e0 + e1) + (e2 + e3), (o0 + o1) + (o2 + o3)
    squared = e * e + o * o
    across = abs(e0 * o - o0 * e) + abs(e1 * o - o1 * e) + abs(e2 * o - o2 * e) + abs(e3 * o - o3 * e)
    return (squared - across) / (np.sqrt(squared) + np.float32(EPSILON))


@summing
def add_paper_orientation(even, odd, power, along, amplitude):
    """Write A_1^2 to ``power`` and E to ``along``, and add the sum over n of A_n to ``amplitude``, all (H W).

    ``even`` and ``odd`` are responses (4 scales, H W) in one orientation.
    """
    for i in range(power.size):
        e0, e1, e2, e3 = even[0, i], even[1, i], even[2, i], even[3, i]
        o0, o1, o2, o3 = odd[0, i], odd[1, i], odd[2, i], odd[3, i]
        along[i] = _along(e0, e1, e2, e3, o0, o1, o2, o3)
        first = e0 * e0 + o0 * o0
        power[i] = first
        amplitude[i] += (np.sqrt(first) + np.sqrt(e1 * e1 + o1 * o1)) + (
            np.sqrt(e2 * e2 + o2 * o2) + np.sqrt(e3 * e3 + o3 * o3)
        )


@summing
def add_above(along, threshold, energy):
    """Add max(E - T, 0), the energy above the noise, to ``energy``, all (H W)."""
    for i in range(energy.size):
        energy[i] += max(along[i] - threshold, np.float32(0.0))


@summing
def package_orientation(even, odd, power, along, weights):
    """Write A_1^2 to ``power``, E to ``along`` and W / sum over n of A_n to ``weights``, all (H W).

    W = 1 / (1 + exp(10 (0.5 - s))) with the spread of the frequencies s = (sum over n of A_n / max A_n - 1) / 3.
    ``even`` and ``odd`` are responses (4 scales, H W) in one orientation.
    """
    one, epsilon = np.float32(1.0), np.float32(EPSILON)
    third, half = np.float32(1.0 / 3.0), np.float32(0.5)
    for i in range(power.size):
        e0, e1, e2, e3 = even[0, i], even[1, i], even[2, i], even[3, i]
        o0, o1, o2, o3 = odd[0, i], odd[1, i], odd[2, i], odd[3, i]
        along[i] = _along(e0, e1, e2, e3, o0, o1, o2, o3)
        first = e0 * e0 + o0 * o0
        power[i] = first
        a0, a1 = np.sqrt(first), np.sqrt(e1 * e1 + o1 * o1)
        a2, a3 = np.sqrt(e2 * e2 + o2 * o2), np.sqrt(e3 * e3 + o3 * o3)
        amplitude = (a0 + a1) + (a2 + a3)
        width = (amplitude / (max(max(a0, a1), max(a2, a3)) + epsilon) - one) * third
        # W is (1 + tanh z) / 2; |z| <= 2.5, where Lambert's continued fraction, cut at its ninth
        # term, is exact to float32.
        z = np.float32(5.0) * (width - half)
        w = z * z
        above = np.float32(34459425.0) + w * (
            np.float32(4729725.0) + w * (np.float32(135135.0) + w * (np.float32(990.0) + w))
        )
        below = np.float32(34459425.0) + w * (
            np.float32(16216200.0) + w * (np.float32(945945.0) + w * (np.float32(13860.0) + w * np.float32(45.0)))
        )
        weights[i] = (half + half * z * above / below) / amplitude


@summing
def add_weighted_above(along, threshold, weights, total):
    """Add ``weights`` max(E - T, 0), the weighted energy above the noise, to ``total``, all (H W)."""
    for i in range(total.size):
        total[i] += weights[i] * max(along[i] - threshold, np.float32(0.0))


@jit
def ratio(energy, amplitude):
    """Return ``energy`` / ``amplitude``, 0 where there is no amplitude; it is written over ``energy``."""
    for i in range(energy.size):
        if amplitude[i] > 0.0:
            energy[i] /= amplitude[i]
    return energy


@jit
def middle(values):
    """Return the two middle values, which are equal where the number of ``values`` is odd.

    ``values`` are float32 and not negative, so that they are ordered as their bits are. A sample tells within which
    bounds the middle is likely to be, and only the few values there are looked at closely.
    """
    bits = values.view(np.int32)
    rank = (bits.size - 1) // 2
    step = bits.size // 2048
    if step >= 4:
        place, _ = _class_of(bits[::step], rank // step, 19)
        low, high = np.int32(max(place - 4, 0) << 19), np.int32((place + 5) << 19)
        few, n, below = np.empty(bits.size, np.int32), 0, 0
        for b in bits:
            few[n] = b
            n += (low <= b) & (b < high)
        for b in bits:
            below += b < low
        if below <= rank and rank + 1 < below + n:
            bits, rank = few[:n], rank - below
    first = _ranked(bits, rank)
    second = _ranked(bits, rank + 1) if values.size % 2 == 0 else first
    pair = np.array([first, second], np.int32).view(np.float32)
    return float(pair[0]), float(pair[1])


@jit
def _class_of(bits, rank, shift):
    """Return twelve bits, from ``shift`` up, of the value of this rank, and its rank among those that share them.

    All of ``bits`` are alike above these twelve.
    """
    counts = np.zeros(4096, np.int32)
    for b in bits:
        counts[(b >> shift) & 4095] += 1
    place = 0
    while rank >= counts[place]:
        rank -= counts[place]
        place += 1
    return place, rank


@jit
def _ranked(bits, rank):
    """Return the value of this rank, 0 being the smallest value's; its bits are found from the highest down.

    numpy's own partition would do, but takes a quarter of the time in which all kernels are compiled.
    """
    for shift in (19, 7, 0):
        place, rank = _class_of(bits, rank, shift)
        alike, n = np.empty(bits.size, np.int32), 0
        for b in bits:
            alike[n] = b
            n += (b >> shift) & 4095 == place
        bits = alike[:n]
    return bits[0]


# --- gradients and the similarity that both definitions end in ----------------------------------
@jit
def scharr(picture):
    """Return G = sqrt(G_x^2 + G_y^2) of a float32 picture (H, W), by Scharr's operator over 16.

    G_x = (3 0 -3; 10 0 -10; 3 0 -3) / 16 and G_y its transpose; zeros lie beyond the border.
    """
    height, width = picture.shape
    padded = np.zeros((3, width + 2), np.float32)
    out = np.empty((height, width), np.float32)
    three, ten, scale = np.float32(3.0), np.float32(10.0), np.float32(1.0 / 16.0)
    for r in range(height):
        for k in range(3):
            if 0 <= r + k - 1 < height:
                padded[k, 1 : width + 1] = picture[r + k - 1]
            else:
                padded[k, 1 : width + 1] = 0.0
        above, line, below = padded[0], padded[1], padded[2]
        for c in range(width):
            x = three * (above[c] - above[c + 2] + below[c] - below[c + 2]) + ten * (line[c] - line[c + 2])
            y = three * (above[c] - below[c] + above[c + 2] - below[c + 2]) + ten * (above[c + 1] - below[c + 1])
            out[r, c] = np.sqrt(x * x + y * y) * scale
    return out


@jit
def wrapped_scharr(band):
    """Return sqrt((max(G_x, 0)^2 + max(G_y, 0)^2) mod 65536), the package's gradient of a uint8 band (H, W).

    G_x and G_y are Scharr's, not divided by 16; the picture is mirrored beyond its border, without repeating it.
    """
    height, width = band.shape
    padded = np.zeros((3, width + 2), np.int32)
    out = np.empty((height, width), np.float32)
    for r in range(height):
        for k in range(3):
            q = r + k - 1
            q = min(1, height - 1) if q < 0 else (max(0, height - 2) if q >= height else q)
            for c in range(width):
                padded[k, c + 1] = band[q, c]
            padded[k, 0] = padded[k, min(2, width)]
            padded[k, width + 1] = padded[k, max(1, width - 1)]
        above, line, below = padded[0], padded[1], padded[2]
        for c in range(width):
            x = np.int32(3 * (above[c + 2] - above[c] + below[c + 2] - below[c]) + 10 * (line[c + 2] - line[c]))
            y = np.int32(3 * (below[c] - above[c] + below[c + 2] - above[c + 2]) + 10 * (below[c + 1] - above[c + 1]))
            x, y = max(x, np.int32(0)), max(y, np.int32(0))
            out[r, c] = np.sqrt(np.float32(np.int32(x * x + y * y) & np.int32(65535)))
    return out


@summing
def similarity_sums(pc_x, pc_y, gradient_x, gradient_y):
    """Return the sums of S_PC S_G PC_m and of PC_m, whose quotient is FSIM; all maps are float32 (N).

    S_PC = (2 PC_x PC_y + T1) / (PC_x^2 + PC_y^2 + T1), S_G = (2 G_x G_y + T2) / (G_x^2 + G_y^2 + T2),
    PC_m = max(PC_x, PC_y).
    """
    t1, t2, two = np.float32(T1), np.float32(T2), np.float32(2.0)
    total, weights = 0.0, 0.0
    for i in range(pc_x.size):
        p, q, g, h = pc_x[i], pc_y[i], gradient_x[i], gradient_y[i]
        weight = max(p, q)
        similar = (two * p * q + t1) * (two * g * h + t2) / ((p * p + q * q + t1) * (g * g + h * h + t2))
        total += similar * weight
        weights += weight
    return total, weights


@jit
def block_means(picture, size):
    """Return the means of size x size blocks of a float32 picture (H, W); left-over pixels are dropped."""
    height, width = picture.shape[0] // size, picture.shape[1] // size
    out = np.empty((height, width), np.float32)
    for r in range(height):
        for c in range(width):
            total = 0.0
            for i in range(size):
                for j in range(size):
                    total += picture[r * size + i, c * size + j]
            out[r, c] = total / (size * size)
    return out
