"""FSIM's parts that are ours: filtering by scipy's transform, and the median."""

import numpy as np
import pytest
from scipy import fft

from srcnn.metrics.kernels.dft import Transform
from srcnn.metrics.kernels.phase import middle


@pytest.mark.parametrize("size", [(33, 26), (24, 29), (5, 7), (321, 481)])
def test_a_picture_is_filtered_as_numpy_does_it_in_float64(size):
    rng = np.random.default_rng(0)
    picture, filters = rng.random(size).astype(np.float32), list(rng.random((4, *size)))
    expected = np.stack([fft.ifft2(fft.fft2(picture.astype(np.float64)) * each) for each in filters])
    plan = Transform(*size)
    real, imaginary = plan.responses(plan.spectrum(picture), plan.filters(filters))
    np.testing.assert_allclose(real.reshape(4, *size), expected.real, atol=2e-6)
    np.testing.assert_allclose(imaginary.reshape(4, *size), expected.imag, atol=2e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101, 5000])
def test_the_middle_values_are_the_medians(size):
    values = np.random.default_rng(size).gamma(0.3, 1e-3, size).astype(np.float32)
    assert np.mean(middle(values)) == pytest.approx(np.median(values), rel=1e-6)
