"""The transform for awkward sizes does what scipy's does."""

import numpy as np
import pytest
from scipy import fft

from srcnn.metrics.kernels import dft, prime
from srcnn.metrics.kernels.phase import middle


@pytest.mark.parametrize("size", [(33, 26), (26, 33), (29, 35), (14, 39), (24, 29), (5, 7), (321, 481)])
def test_both_transforms_filter_as_numpy_does(size):
    rng = np.random.default_rng(0)
    picture, filters = rng.random(size).astype(np.float32), list(rng.random((4, *size)))
    expected = [fft.ifft2(fft.fft2(picture.astype(np.float64)) * each) for each in filters]
    factors = prime.split(size[0]), prime.split(size[1])
    for plan in (prime.PrimeTransform(*size, *factors, scales=4), dft.FastTransform(*size)):
        real, imaginary = np.full((2, 4, plan.pixels), np.nan, np.float32)
        for at, even, odd in plan.blocks(plan.spectrum(picture), plan.filters(filters)):
            real[:, at], imaginary[:, at] = even, odd
        for scale in range(4):
            np.testing.assert_allclose(plan.picture(real[scale]), expected[scale].real, atol=2e-6)
            np.testing.assert_allclose(plan.picture(imaginary[scale]), expected[scale].imag, atol=2e-6)


@pytest.mark.parametrize("size", [(33, 26), (14, 39)])
def test_every_place_of_a_response_is_a_pixel_or_known_as_spare(size):
    plan = prime.PrimeTransform(*size, prime.split(size[0]), prime.split(size[1]), scales=4)
    places = plan.picture(np.arange(plan.pixels))
    assert sorted([*places.ravel(), *plan.spare]) == list(range(plan.pixels))


def test_the_berkeley_sizes_are_split():
    assert (prime.split(321), prime.split(481)) == ((3, 107), (13, 37))
    assert isinstance(dft.transform(321, 481), prime.PrimeTransform)
    assert isinstance(dft.transform(160, 160), dft.FastTransform)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101, 5000])
@pytest.mark.parametrize("spare", [0, 7])
def test_the_middle_values_are_the_medians(size, spare):
    values = np.random.default_rng(size).gamma(0.3, 1e-3, size).astype(np.float32)
    among = np.random.default_rng(0).permutation(np.append(values, np.full(spare, np.inf, np.float32)))
    assert np.mean(middle(among, size)) == pytest.approx(np.median(values), rel=1e-6)
