"""One contract for every entry of UPSAMPLERS, and what each one is."""

import numpy as np
import pytest
from PIL import Image

from srcnn.resize import SINC_RADIUS, windowed_sinc
from srcnn.upsample import UPSAMPLERS, upsample_images


@pytest.fixture(params=UPSAMPLERS)
def upsample(request):
    return UPSAMPLERS[request.param]


def picture(height=14, width=19, bands=3, seed=0):
    shape = (height, width, bands) if bands else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def smooth_picture(height=16, width=20):
    y, x = np.mgrid[:height, :width]
    return np.rint(128 + 60 * np.sin(x / 4) + 50 * np.cos(y / 3)).astype(np.uint8)


def levels(a, b):
    return np.abs(a.astype(int) - b.astype(int)).max()


# --- the contract -----------------------------------------------------------------------------
@pytest.mark.parametrize("bands", [0, 3])
@pytest.mark.parametrize(("height", "width"), [(28, 38), (42, 57), (33, 50), (14, 40), (161, 20)])
def test_the_result_has_the_size_that_was_asked_for(upsample, bands, height, width):
    found = upsample(picture(bands=bands), height, width)
    assert found.shape == ((height, width, 3) if bands else (height, width))
    assert found.dtype == np.uint8


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_a_flat_picture_stays_flat(upsample, level):
    assert np.all(upsample(np.full((5, 6, 3), level, np.uint8), 17, 23) == level)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("height", "width"), [(30, 38), (45, 57), (35, 64)])
def test_a_mirror_image_gives_the_mirrored_result(upsample, axis, height, width):
    small = smooth_picture(15, 19)  # no size at which a pixel lies halfway between two, a tie for nearest
    assert levels(upsample(np.flip(small, axis), height, width), np.flip(upsample(small, height, width), axis)) <= 1


def test_a_transposed_picture_gives_the_transposed_result(upsample):
    small = smooth_picture()  # Pillow clips between its passes, so strong overshoot may differ
    assert levels(upsample(np.ascontiguousarray(small.T), 60, 32), upsample(small, 32, 60).T) <= 1


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_pixel_centres_are_aligned(upsample, factor):
    # A ramp's value tells where it was sampled; a half-pixel shift would show as 5 levels.
    ramp = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (12, 1))
    found = upsample(ramp, 12 * factor, 25 * factor).astype(float)
    centre = ((np.arange(25 * factor) + 0.5) / factor - 0.5) * 10
    inside = slice(11 * factor, 14 * factor)
    assert abs((found[6 * factor, inside] - centre[inside]).mean()) < 0.6


def test_the_same_size_is_the_same_picture(upsample):
    assert np.array_equal(upsample(picture(), 14, 19), picture())


def test_bands_are_enlarged_one_by_one(upsample):
    small = picture()
    found = upsample(small, 30, 31)
    for band in range(3):
        assert np.array_equal(found[..., band], upsample(np.ascontiguousarray(small[..., band]), 30, 31))


def test_one_pixel_fills_any_size(upsample):
    assert np.all(upsample(np.full((1, 1, 3), 99, np.uint8), 7, 5) == 99)


def test_overshoot_is_clipped_and_not_wrapped(upsample):
    step = np.zeros((20, 20), np.uint8)
    step[:, 10:] = 255
    found = upsample(step, 60, 60)
    # Far from the edge nothing of it is left, and beside it a wrap would put 0 next to 255.
    assert np.all(found[:, 32:36] > 200)
    assert np.all(found[:, 24:28] < 55)


def test_the_input_is_not_changed(upsample):
    small = picture()
    upsample(small, 40, 40)
    assert np.array_equal(small, picture())


# --- each one ---------------------------------------------------------------------------------
def test_nearest_repeats_pixels():
    assert np.array_equal(UPSAMPLERS["nearest"](picture(), 42, 57), picture().repeat(3, axis=0).repeat(3, axis=1))


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos"])
def test_pillows_methods_are_pillows(name):
    pillow = Image.fromarray(picture()).resize((50, 33), Image.Resampling[name.upper()])
    assert np.array_equal(UPSAMPLERS[name](picture(), 33, 50), np.asarray(pillow))


def test_the_methods_differ():
    found = [upsample(picture(), 42, 57).tobytes() for upsample in UPSAMPLERS.values()]
    assert len(set(found)) == len(UPSAMPLERS)


def stuffed_line(line, factor):
    """Literally: mirror the line, put zeros between its samples, filter, cut.

    Sample i lies at the centre of its block of ``factor`` pixels. That is between two pixels for
    even factors, so that everything is done on a grid twice as fine.
    """
    margin = 2 * SINC_RADIUS
    padded = np.pad(line.astype(float), margin, mode="symmetric")
    fine = 2 * factor
    stuffed = np.zeros(len(padded) * fine)
    stuffed[factor - 1 :: fine] = padded
    taps = windowed_sinc(np.arange(-SINC_RADIUS * fine, SINC_RADIUS * fine + 1) / fine)
    filtered = np.convolve(stuffed, taps, mode="same")[::2]
    ones = np.convolve((np.arange(len(stuffed)) % fine == factor - 1).astype(float), taps, mode="same")[::2]
    return (filtered / ones)[margin * factor : -margin * factor]


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(12, 25), (21, 8)])
def test_zero_stuffing_is_zeros_between_the_samples_and_a_low_pass(factor, shape):
    small = picture(*shape, bands=0)
    rows = np.stack([stuffed_line(line, factor) for line in small])
    both = np.stack([stuffed_line(line, factor) for line in rows.T]).T
    expected = np.clip(np.rint(both), 0, 255)
    found = UPSAMPLERS["zero_stuffing"](small, shape[0] * factor, shape[1] * factor)
    assert found.shape == expected.shape
    assert levels(found, expected) <= 1
    assert np.mean(found == expected) > 0.999  # only ties of the rounding may differ


def test_zero_stuffing_agrees_with_scipys_resample_poly():
    from scipy.signal import resample_poly  # takes two seconds, here and nowhere else

    # An odd factor puts every sample on a pixel, where resample_poly's grid is ours, shifted by one.
    line = np.random.default_rng(0).integers(40, 216, 60).astype(np.uint8)
    scipy = np.roll(resample_poly(line.astype(float), 3, 1), 1)
    found = UPSAMPLERS["zero_stuffing"](np.tile(line, (2, 1)), 2, 180)[0]
    inside = slice(45, -45)  # resample_poly takes zeros beyond the ends
    assert np.abs(found[inside] - np.clip(scipy, 0, 255)[inside]).max() <= 1.0


@pytest.mark.parametrize("factor", [3, 5])
def test_zero_stuffing_keeps_the_samples_themselves(factor):
    small = picture(bands=0)
    found = UPSAMPLERS["zero_stuffing"](small, 14 * factor, 19 * factor)
    assert np.array_equal(found[factor // 2 :: factor, factor // 2 :: factor], small)


def test_zero_stuffing_restores_a_slow_sine_best():
    # 0.3 of the sampling rate: within the band, where an ideal low-pass is exact.
    def sine(position):
        return np.rint(128 + 100 * np.sin(2 * np.pi * 0.3 * position))

    small = np.tile(sine(np.arange(60)).astype(np.uint8), (3, 1))
    truth = sine((np.arange(180) + 0.5) / 3 - 0.5)[45:-45]
    error = {name: np.abs(up(small, 3, 180)[1, 45:-45] - truth).mean() for name, up in UPSAMPLERS.items()}
    assert min(error, key=error.__getitem__) == "zero_stuffing"
    assert error["zero_stuffing"] < 2


def test_several_pictures_of_any_size_are_brought_to_one():
    found = upsample_images([picture(5, 6), picture(9, 4)], 20, 21, "lanczos")
    assert [image.shape for image in found] == [(20, 21, 3)] * 2
    assert np.array_equal(found[1], UPSAMPLERS["lanczos"](picture(9, 4), 20, 21))
