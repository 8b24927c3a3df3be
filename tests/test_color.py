import numpy as np
import pytest
from PIL import Image

from srcnn.color import luma, rgb_to_ycbcr, to_uint8, ycbcr_to_rgb

STANDARDS = ("bt601", "jpeg")


def pixel(*rgb):
    return np.array([[rgb]], np.uint8)


def random_picture(seed=0, size=(40, 50)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


# 8-bit colour bars at 100 %, as rgb2ycbcr of MATLAB gives them (ITU-R BT.601-7, table 3).
BT601_BARS = {
    "white": ((255, 255, 255), (235, 128, 128)),
    "black": ((0, 0, 0), (16, 128, 128)),
    "red": ((255, 0, 0), (81, 90, 240)),
    "green": ((0, 255, 0), (145, 54, 34)),
    "blue": ((0, 0, 255), (41, 240, 110)),
    "yellow": ((255, 255, 0), (210, 16, 146)),
    "cyan": ((0, 255, 255), (170, 166, 16)),
    "magenta": ((255, 0, 255), (106, 202, 222)),
}
# JFIF 1.02: the same bars over the full range.
JPEG_BARS = {
    "white": ((255, 255, 255), (255, 128, 128)),
    "black": ((0, 0, 0), (0, 128, 128)),
    "red": ((255, 0, 0), (76, 85, 255)),
    "green": ((0, 255, 0), (150, 44, 21)),
    "blue": ((0, 0, 255), (29, 255, 107)),
}


@pytest.mark.parametrize(("rgb", "ycbcr"), BT601_BARS.values(), ids=BT601_BARS)
def test_bt601_gives_the_standard_colour_bars(rgb, ycbcr):
    assert np.rint(rgb_to_ycbcr(pixel(*rgb), "bt601")).ravel().tolist() == list(ycbcr)


@pytest.mark.parametrize(("rgb", "ycbcr"), JPEG_BARS.values(), ids=JPEG_BARS)
def test_jpeg_gives_the_full_range_colour_bars(rgb, ycbcr):
    assert to_uint8(rgb_to_ycbcr(pixel(*rgb), "jpeg")).ravel().tolist() == list(ycbcr)


def test_jpeg_agrees_with_pillow_within_one_level():
    rgb = random_picture()
    pillow = np.asarray(Image.fromarray(rgb).convert("YCbCr"), int)
    assert np.abs(to_uint8(rgb_to_ycbcr(rgb, "jpeg")).astype(int) - pillow).max() <= 1


def test_bands_come_in_the_order_y_cb_cr():
    blue, red = pixel(0, 0, 255), pixel(255, 0, 0)
    for standard in STANDARDS:
        assert rgb_to_ycbcr(blue, standard)[0, 0].argmax() == 1
        assert rgb_to_ycbcr(red, standard)[0, 0].argmax() == 2


@pytest.mark.parametrize("standard", STANDARDS)
def test_there_and_back_restores_every_pixel(standard):
    rgb = random_picture()
    assert np.array_equal(ycbcr_to_rgb(rgb_to_ycbcr(rgb, standard), standard), rgb)


@pytest.mark.parametrize("standard", STANDARDS)
def test_rounding_the_bands_costs_at_most_two_levels(standard):
    rgb = random_picture()
    back = ycbcr_to_rgb(np.rint(rgb_to_ycbcr(rgb, standard)), standard).astype(int)
    assert np.abs(back - rgb).max() <= 2


@pytest.mark.parametrize("standard", STANDARDS)
def test_luma_is_the_first_band(standard):
    rgb = random_picture()
    assert np.allclose(luma(rgb, standard), rgb_to_ycbcr(rgb, standard)[..., 0], rtol=0, atol=1e-10)


def test_bt601_luma_is_matlabs_formula():
    rgb = random_picture()
    r, g, b = np.moveaxis(rgb / 255.0, -1, 0)
    # doc rgb2ycbcr, and the evaluation code of the published SRCNN numbers.
    assert np.allclose(luma(rgb, "bt601"), 16 + 65.481 * r + 128.553 * g + 24.966 * b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("level", [0, 1, 77, 254, 255])
def test_grey_has_no_chroma(standard, level):
    assert np.allclose(rgb_to_ycbcr(pixel(level, level, level), standard)[..., 1:], 128, atol=1e-9)


@pytest.mark.parametrize(
    ("standard", "luma_range", "chroma_range"), [("bt601", (16, 235), (16, 240)), ("jpeg", (0, 255), (0.5, 255.5))]
)
def test_each_standard_fills_its_stated_range_and_no_more(standard, luma_range, chroma_range):
    corners = np.array([[[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)]], np.uint8)
    bands = rgb_to_ycbcr(corners, standard)
    assert (bands[..., 0].min(), bands[..., 0].max()) == pytest.approx(luma_range)
    assert (bands[..., 1:].min(), bands[..., 1:].max()) == pytest.approx(chroma_range)


def test_colours_outside_the_cube_are_clipped_and_not_wrapped():
    beyond = np.array([[[300.0, 128.0, 128.0], [-50.0, 128.0, 128.0]]])
    assert ycbcr_to_rgb(beyond, "jpeg").tolist() == [[[255, 255, 255], [0, 0, 0]]]


def test_to_uint8_rounds_and_clips():
    assert to_uint8(np.array([-3.0, 0.4, 0.6, 254.6, 1e9])).tolist() == [0, 0, 1, 255, 255]
