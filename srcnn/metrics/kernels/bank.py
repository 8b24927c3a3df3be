"""FSIM's log-Gabor filters in the frequency domain, and its constants: the same for every way of computing it."""

import numpy as np

SCALES = 4
WAVELENGTHS = (6.0, 12.0, 24.0, 48.0)  # pixels: the smallest is 6, each next one twice as long
EPSILON = 1e-4  # keeps quotients finite where there is no response
NOISE_DEVIATIONS = 2.0  # of the noise above its mean, below which energy counts as noise
T1, T2 = 0.85, 160.0  # Zhang et al. (2011), section IV-B


def paper_filters(height: int, width: int) -> tuple[list[list[np.ndarray]], list[float]]:
    """Return Zhang's filters (H, W) of four scales for each of 4 orientations, and each orientation's noise factor.

    exp(-ln(f / f_n)^2 / (2 ln(0.55)^2)) exp(-theta^2 / (2 sigma_theta^2)), zero frequency first, with
    sigma_theta = (pi / 4) / 1.2. The factor leads from the median response to the threshold T. The median is of the
    squared amplitude at the smallest scale; noise spreads over the scales as the filters overlap, and T is divided by
    1.7, as in the authors' code.
    """
    radial, angle = radial_filters(height, width, bandwidth=0.55), angles(height, width)
    filters, noise = [], []
    for orientation in range(4):
        distance = angular_distance(angle, orientation * np.pi / 4)
        spread = np.exp(-(distance**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        bank = [radial_filter * spread for radial_filter in radial]
        filters.append(bank)
        kernels = [np.fft.ifft2(each).real * np.sqrt(each.size) for each in bank]
        squares = sum(float((kernel**2).sum()) for kernel in kernels)
        overlaps = sum(float((kernels[i] * kernels[j]).sum()) for i in range(4) for j in range(i + 1, 4))
        power = 1.0 / np.log(2.0) / float((bank[0] ** 2).sum())  # of the median, per unit of filter energy
        rayleigh = np.sqrt(power * (2.0 * squares + 4.0 * overlaps) / 2.0)
        noise.append(float(above_noise(rayleigh) / 1.7))
    return filters, noise


def above_noise(rayleigh: float) -> float:
    """Return T = mu_R + k sigma_R of noise whose amplitude follows Rayleigh's distribution with this parameter."""
    mean, deviation = rayleigh * np.sqrt(np.pi / 2.0), rayleigh * np.sqrt((4.0 - np.pi) / 2.0)
    return mean + NOISE_DEVIATIONS * deviation


def _frequencies(size: int) -> np.ndarray:
    """Return the frequencies of Kovesi's grid in cycles a pixel: -0.5 to 0.5, and both ends only where size is odd."""
    if size % 2:
        return np.arange(-(size - 1) // 2, (size - 1) // 2 + 1) / (size - 1)
    return np.arange(-size // 2, size // 2) / size


def radial_filters(height: int, width: int, bandwidth: float) -> list[np.ndarray]:
    """Return exp(-ln(f / f_n)^2 / (2 ln(bandwidth)^2)) / (1 + (f / 0.45)^30) (H, W) for each scale n, f = 0 first."""
    radius = np.hypot(*np.meshgrid(_frequencies(width), _frequencies(height)))
    low_pass = np.fft.ifftshift(1.0 / (1.0 + (radius / 0.45) ** 30))
    radius = np.fft.ifftshift(radius)
    radius[0, 0] = 1.0
    banks = []
    for wavelength in WAVELENGTHS:
        log_gabor = np.exp(-(np.log(radius * wavelength) ** 2) / (2.0 * np.log(bandwidth) ** 2)) * low_pass
        log_gabor[0, 0] = 0.0
        banks.append(log_gabor)
    return banks


def angles(height: int, width: int) -> np.ndarray:
    """Return the angle of each frequency (H, W) in radians, counterclockwise, zero frequency first."""
    x, y = np.meshgrid(_frequencies(width), _frequencies(height))
    return np.fft.ifftshift(np.arctan2(-y, x))


def angular_distance(angle: np.ndarray, orientation: float) -> np.ndarray:
    """Return theta, how far each angle is from an orientation, in 0..pi."""
    sine, cosine = np.sin(angle - orientation), np.cos(angle - orientation)
    return np.abs(np.arctan2(sine, cosine))
