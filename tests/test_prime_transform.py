"""The transform for awkward sizes does what scipy's does."""

import numpy as np
import pytest

from srcnn.metrics.kernels import dft
from srcnn.metrics.kernels.phase import middle


@pytest.mark.parametrize("size", [(33, 26), (26, 33), (29, 35), (14, 39)])
def test_both_transforms_give_the_same_responses(size):
    rng = np.random.default_rng(0)
    picture, filters = rng.random(size).astype(np.float32), list(rng.random((4, *size)))
    maps = []
    for plan in (dft.PrimeTransform(*size, dft.split(size[0]), dft.split(size[1])), dft.FastTransform(*size)):
        responses = plan.responses(plan.spectrum(picture), [plan.filter(each) for each in filters])
        maps.append([plan.picture(part) for each in responses for part in (each[::2], each[1::2])])
    np.testing.assert_allclose(*maps, atol=1e-6)


def test_the_berkeley_sizes_are_split():
    assert (dft.split(321), dft.split(481)) == ((3, 107), (13, 37))
    assert isinstance(dft.transform(321, 481), dft.PrimeTransform)
    assert isinstance(dft.transform(160, 160), dft.FastTransform)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101, 5000])
def test_the_middle_values_are_the_medians(size):
    values = np.random.default_rng(size).gamma(0.3, 1e-3, size).astype(np.float32)
    assert np.mean(middle(values)) == pytest.approx(np.median(values), rel=1e-6)
