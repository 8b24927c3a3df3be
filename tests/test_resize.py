import numpy as np
import pytest
from PIL import Image

from srcnn.resize import KERNELS, SINC_RADIUS, cubic, resize, weights, windowed_sinc

SIZES = [(40, 13), (41, 13), (13, 40), (13, 39), (7, 1), (1, 7), (30, 30), (5, 50)]


def noise(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (height, width))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("size", "new_size"), SIZES)
def test_every_output_pixel_is_a_weighted_mean(kernel, size, new_size):
    matrix = weights(size, new_size, kernel).toarray()
    assert matrix.shape == (new_size, size)
    assert np.allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("size", "new_size"), SIZES)
def test_a_line_and_its_mirror_image_are_treated_alike(kernel, size, new_size):
    matrix = weights(size, new_size, kernel).toarray()
    assert np.allclose(matrix, matrix[::-1, ::-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_same_size_is_the_same_picture(kernel):
    picture = noise(23, 31)
    assert np.allclose(resize(picture, 23, 31, kernel), picture, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("height", "width"), [(7, 61), (50, 9), (46, 62)])
def test_a_flat_picture_stays_flat(kernel, height, width):
    assert np.allclose(resize(np.full((23, 31), 77.0), height, width, kernel), 77, rtol=0, atol=1e-9)


def test_rows_and_columns_are_not_confused():
    picture = noise(12, 20)
    assert resize(picture, 5, 33).shape == (5, 33)
    assert np.allclose(resize(picture.T, 33, 5), resize(picture, 5, 33).T, rtol=0, atol=1e-9)


def test_bands_are_resampled_one_by_one():
    picture = np.dstack([noise(12, 20, seed) for seed in range(3)])
    found = resize(picture, 30, 7)
    assert found.shape == (30, 7, 3)
    for band in range(3):
        assert np.array_equal(found[..., band], resize(picture[..., band], 30, 7))


def test_halving_uses_matlabs_antialiased_weights():
    # Output pixel i lies at input position 2 i + 0.5; the kernel, widened by two, is
    # cubic(d / 2) / 2 at d = 0.5, 1.5, 2.5, 3.5: the taps of imresize(x, 0.5).
    side = np.array([111, 29, -9, -3]) / 256
    line = weights(20, 10, "cubic").toarray()[5]
    assert np.allclose(line[7:15], [*side[::-1], *side], rtol=0, atol=1e-12)
    assert np.count_nonzero(np.abs(line) > 1e-12) == 8


def test_doubling_uses_keys_weights_at_quarter_positions():
    # cubic(0.25), cubic(0.75), cubic(1.25), cubic(1.75) with a = -0.5, in 128ths.
    line = weights(20, 40, "cubic").toarray()[20]  # lies at input position 9.75
    assert np.allclose(line[8:12] * 128, [-3, 29, 111, -9], rtol=0, atol=1e-9)


def test_the_border_is_mirrored_with_its_edge_pixel_repeated():
    line = noise(1, 9)[0]
    mirrored = np.concatenate([line[::-1], line, line[::-1]])
    inside = resize(mirrored[None], 1, 27 * 3)[0, 27:54]
    assert np.allclose(resize(line[None], 1, 27)[0], inside, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("height", "width"), [(30, 40), (20, 27), (90, 120)])
def test_cubic_agrees_with_pillow_in_floating_point_away_from_the_border(height, width):
    picture = noise(60, 80)
    pillow = Image.fromarray(picture.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    inside = (slice(4, -4), slice(4, -4))  # Pillow drops the taps beyond the border, MATLAB mirrors
    assert np.allclose(resize(picture, height, width)[inside], np.asarray(pillow)[inside], rtol=0, atol=1e-2)


def test_cubic_reproduces_a_parabola():
    # Keys (1981): third-order convergence, so that second-degree polynomials come out exactly.
    x = np.arange(30.0)
    fine = (np.arange(90) + 0.5) / 3 - 0.5
    found = resize((x**2 - 7 * x)[None], 1, 90)[0]
    assert np.allclose(found[9:-9], (fine**2 - 7 * fine)[9:-9], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("function", "radius"), [(cubic, 2), (windowed_sinc, SINC_RADIUS)])
def test_kernels_interpolate_and_end_where_they_say(function, radius):
    whole = np.arange(-radius - 3, radius + 4, dtype=float)
    assert np.allclose(function(whole), whole == 0, rtol=0, atol=1e-12)
    beyond = np.linspace(radius, radius + 5, 50)
    assert np.allclose(function(beyond), 0, rtol=0, atol=1e-12)
    x = np.linspace(0, radius, 101)
    assert np.allclose(function(x), function(-x), rtol=0, atol=1e-15)
