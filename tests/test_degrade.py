import numpy as np
import pytest
from PIL import Image

from srcnn.degrade import crop_to_multiple, degrade, low_resolution

RESAMPLINGS = ("matlab", "pillow", "area")


def picture(height=31, width=44, bands=3, seed=0):
    shape = (height, width, bands) if bands else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("resampling", RESAMPLINGS)
@pytest.mark.parametrize("scale", [2, 3, 4, 7])
@pytest.mark.parametrize("bands", [0, 1, 3])
def test_sizes_are_divided_rounding_down_and_restored(resampling, scale, bands):
    hr = picture(bands=bands)
    lr = low_resolution(hr, scale=scale, resampling=resampling)
    assert lr.shape == (int(31 / scale), int(44 / scale), *hr.shape[2:])
    back = degrade(hr, scale=scale, resampling=resampling)
    assert back.shape == hr.shape
    assert back.dtype == np.float64


@pytest.mark.parametrize("resampling", RESAMPLINGS)
@pytest.mark.parametrize("blur_sigma", [0.0, 1.6])
@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_picture_is_not_changed(resampling, blur_sigma, level):
    flat = np.full((31, 44, 3), level, np.uint8)
    found = degrade(flat, scale=3, blur_sigma=blur_sigma, resampling=resampling)
    assert np.allclose(found, level, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("resampling", "tolerance"), [("matlab", 1e-9), ("pillow", 1.0), ("area", 1e-9)])
@pytest.mark.parametrize("axis", [0, 1])
def test_degrading_a_mirror_image_mirrors_the_result(resampling, tolerance, axis):
    hr = picture()
    settings = {"scale": 3, "blur_sigma": 0.8, "resampling": resampling}
    found = degrade(np.flip(hr, axis), **settings)
    assert np.abs(found - np.flip(degrade(hr, **settings), axis)).max() <= tolerance


@pytest.mark.parametrize(("height", "width"), [(31, 44), (30, 45), (7, 100)])
def test_by_area_a_small_pixel_is_the_mean_of_what_it_covers(height, width):
    hr = picture(height, width, bands=0).astype(float)
    found = low_resolution(hr, scale=3, resampling="area")
    rows, columns = found.shape
    fine = hr.repeat(rows, axis=0).repeat(columns, axis=1)  # so that every small pixel covers whole ones
    expected = fine.reshape(rows, height, columns, width).mean(axis=(1, 3))
    assert np.allclose(found, expected, rtol=0, atol=1e-9)


def test_matlab_degradation_is_linear_and_pillows_is_not():
    hr = picture().astype(float)
    half = degrade(hr / 2, scale=3, resampling="matlab")
    assert np.allclose(2 * half, degrade(hr, scale=3, resampling="matlab"), rtol=0, atol=1e-9)
    assert not np.allclose(2 * degrade(hr / 2, scale=3, resampling="pillow"), degrade(hr, scale=3, resampling="pillow"))


@pytest.mark.parametrize("scale", [2, 3])
def test_pillow_resampling_is_pillows_on_each_8_bit_band(scale):
    hr = picture()
    small, full = (44 // scale, 31 // scale), (44, 31)
    for band in range(3):
        lr = Image.fromarray(hr[..., band]).resize(small, Image.Resampling.BICUBIC)
        back = lr.resize(full, Image.Resampling.BICUBIC)
        assert np.array_equal(low_resolution(hr, scale=scale, resampling="pillow")[..., band], np.asarray(lr))
        assert np.array_equal(degrade(hr, scale=scale, resampling="pillow")[..., band], np.asarray(back))


def test_matlab_resampling_is_close_to_pillows_floating_point_bicubic():
    hr = picture(60, 90, bands=0)
    pillow = Image.fromarray(hr.astype(np.float32)).resize((30, 20), Image.Resampling.BICUBIC)
    found = low_resolution(hr, scale=3, resampling="matlab")
    assert np.allclose(found[3:-3, 3:-3], np.asarray(pillow)[3:-3, 3:-3], rtol=0, atol=1e-2)


def test_blur_comes_before_the_reduction_and_only_smooths():
    hr = picture(60, 60)
    spread = [low_resolution(hr, scale=3, blur_sigma=s, resampling="matlab").std() for s in (0.0, 1.0, 2.0, 4.0)]
    assert spread == sorted(spread, reverse=True)
    assert len(set(spread)) == 4


def test_blur_does_not_mix_bands():
    hr = np.zeros((30, 30, 3), np.uint8)
    hr[10:20, 10:20, 1] = 200
    found = degrade(hr, scale=2, blur_sigma=2.0, resampling="matlab")
    assert found[..., 1].max() > 50
    assert not found[..., [0, 2]].any()


def test_blur_of_a_point_is_a_gaussian_of_that_width():
    point = np.zeros((81, 81))
    point[40, 40] = 1.0
    found = low_resolution(point, scale=1, blur_sigma=3.0, resampling="matlab")
    position = np.arange(81) - 40.0
    variance = (found.sum(axis=0) * position**2).sum() / found.sum()
    assert variance == pytest.approx(9.0, rel=0.01)


@pytest.mark.parametrize("resampling", RESAMPLINGS)
@pytest.mark.parametrize("shape", [(2, 40, 3), (40, 2, 3), (2, 2)])
def test_a_side_shorter_than_the_scale_is_refused_with_its_size(resampling, shape):
    message = f"{shape[1]}x{shape[0]} pixels cannot be reduced by 3"
    with pytest.raises(ValueError, match=message):
        low_resolution(np.zeros(shape, np.uint8), scale=3, resampling=resampling)
    with pytest.raises(ValueError, match=message):
        degrade(np.zeros(shape, np.uint8), scale=3, resampling=resampling)


@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_a_side_as_long_as_the_scale_leaves_one_pixel(resampling):
    lr = low_resolution(np.full((3, 5), 9, np.uint8), scale=3, resampling=resampling)
    assert lr.tolist() == [[pytest.approx(9.0)]]


def test_the_input_is_not_changed():
    hr = picture()
    before = hr.copy()
    degrade(hr, scale=3, blur_sigma=1.0, resampling="matlab")
    assert np.array_equal(hr, before)


@pytest.mark.parametrize(("multiple", "size"), [(1, (31, 44)), (2, (30, 44)), (3, (30, 42)), (31, (31, 31))])
def test_cropping_to_a_multiple_cuts_only_at_bottom_and_right(multiple, size):
    hr = picture()
    found = crop_to_multiple(hr, multiple)
    assert found.shape[:2] == size
    assert np.array_equal(found, hr[: size[0], : size[1]])


def test_a_picture_smaller_than_the_multiple_is_refused():
    with pytest.raises(ValueError, match="44x31 pixels is smaller than 32"):
        crop_to_multiple(picture(), 32)
