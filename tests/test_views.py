import numpy as np
import pytest
import torch
from pictures import enlarged

from srcnn.color import luma, rgb_to_ycbcr, to_uint8, ycbcr_to_rgb
from srcnn.experiment import DataConfig, EvaluateConfig
from srcnn.rendered import rendered_views
from srcnn.views import (
    interpolated_bands,
    low_resolution_picture,
    measured_luma,
    reduced,
    reference,
    training_picture,
)


def picture(height=50, width=71, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def config(**changes):
    return DataConfig(**{"train": "unused", **changes})


def test_only_what_the_protocols_need_is_rendered():
    assert rendered_views(EvaluateConfig(zooms=[2, 4])) == {1: ("full", "luma"), 2: ("zoom_2",), 4: ("zoom_4",)}
    assert rendered_views(EvaluateConfig(protocols=["region"])) == {1: ("full",)}
    assert rendered_views(EvaluateConfig(protocols=["compound"])) == {1: ("full",), 2: ("zoom_2",)}


# The documents: pictures of any size, left whole unless the literature's cropping is asked for.
@pytest.mark.parametrize(
    ("crop_to_scale", "zoom", "size"),
    [(False, 1, (50, 71)), (False, 2, (50, 70)), (True, 1, (48, 69)), (True, 2, (48, 66)), (True, 4, (48, 60))],
)
def test_the_reference_is_cut_to_the_multiples_that_are_asked_for(crop_to_scale, zoom, size):
    found = reference(picture(), config(crop_to_scale=crop_to_scale), zoom)
    assert np.array_equal(found, picture()[: size[0], : size[1]])
    assert found.dtype == np.uint8


@pytest.mark.parametrize("size", [(50, 71), (49, 70), (48, 69)])
def test_what_is_beyond_a_multiple_may_be_squeezed_in(size):
    found = reference(picture(*size), config(squeeze_to_scale=True))
    assert np.array_equal(found, enlarged(picture(*size), 48, 69))
    with pytest.raises(ValueError, match="crop_to_scale and squeeze_to_scale are two ways to the same size"):
        config(crop_to_scale=True, squeeze_to_scale=True)


@pytest.mark.parametrize("size", [(30, 42), (60, 20), (50, 71)])
def test_training_pictures_are_squeezed_to_their_size_between_the_nearest_pixels(size):
    image = picture()
    found = training_picture(image, config(train_size=size, patch_size=9))
    low = torch.from_numpy(image.transpose(2, 0, 1)[None]).float()
    expected = torch.nn.functional.interpolate(low, size, mode="bilinear", align_corners=False, antialias=False)
    assert np.abs(found - expected[0].numpy().transpose(1, 2, 0)).max() <= 0.51
    assert training_picture(image, config()) is image
    with pytest.raises(ValueError, match="patch_size is 33, larger than train_size, 32x300"):
        config(train_size=(32, 300))


@pytest.mark.parametrize("crop_to_scale", [False, True])
@pytest.mark.parametrize("resampling", ["matlab", "pillow"])
@pytest.mark.parametrize("zoom", [1, 2, 3, 4])
def test_the_reduced_picture_is_the_reference_over_the_zoom(crop_to_scale, resampling, zoom):
    data = config(crop_to_scale=crop_to_scale, resampling=resampling)
    small, full = reduced(picture(), data, zoom), reference(picture(), data, zoom)
    assert (small.shape[0] * zoom, small.shape[1] * zoom) == full.shape[:2]
    assert small.dtype == np.uint8
    if crop_to_scale:
        assert small.shape[0] % data.scale == small.shape[1] % data.scale == 0


def test_reducing_does_not_blur_since_the_blur_belongs_to_the_degradation():
    assert np.array_equal(reduced(picture(), config(blur_sigma=3.0), 2), reduced(picture(), config(), 2))


def test_at_zoom_1_the_reduced_picture_is_the_reference():
    assert np.array_equal(reduced(picture(), config(), 1), picture())


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
@pytest.mark.parametrize("resampling", ["matlab", "pillow"])
def test_the_interpolated_bands_of_a_flat_picture_are_its_own(standard, resampling):
    colour = np.full((20, 30, 3), (200, 40, 90), np.uint8)
    bands = interpolated_bands(colour, config(luma=standard, resampling=resampling))
    assert np.allclose(bands, np.rint(rgb_to_ycbcr(colour, standard)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_interpolated_bands_have_the_size_of_the_picture(scale):
    assert interpolated_bands(picture(), config(scale=scale)).shape == (50, 71, 3)


def test_chroma_is_degraded_too():
    # The true chroma would favour the network over the baseline.
    bands, true = interpolated_bands(picture(), config()), rgb_to_ycbcr(picture(), "bt601")
    for band in range(3):
        assert bands[..., band].std() < 0.8 * true[..., band].std()


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
@pytest.mark.parametrize("scale", [2, 3])
def test_the_low_resolution_picture_is_what_the_interpolation_starts_from(standard, scale):
    data = config(luma=standard, scale=scale, resampling="pillow")
    lr = low_resolution_picture(picture(), data)
    assert lr.shape == (50 // scale, 71 // scale, 3)
    assert lr.dtype == np.uint8
    flat = np.full((20, 30, 3), (200, 40, 90), np.uint8)
    assert np.abs(low_resolution_picture(flat, data).astype(int) - (200, 40, 90)).max() <= 2


def test_the_measured_luma_is_bt601_whatever_the_training_used():
    assert np.array_equal(measured_luma(picture()), to_uint8(luma(picture(), "bt601")))
    black_and_white = np.array([[[0] * 3, [255] * 3]], np.uint8)
    assert measured_luma(black_and_white).tolist() == [[16, 235]]


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
def test_a_smooth_photograph_survives_its_degradation(standard):
    y, x = np.mgrid[:60, :80]
    smooth = np.dstack([120 + 60 * np.sin(x / 15), 120 + 60 * np.cos(y / 12), 100 + x]).round().astype(np.uint8)
    bands = interpolated_bands(smooth, config(luma=standard))
    assert np.abs(ycbcr_to_rgb(bands, standard).astype(int) - smooth).mean() < 1.5


def test_a_picture_too_small_for_its_views_is_refused():
    with pytest.raises(ValueError, match="5x5 pixels is smaller than 6"):
        reference(picture(5, 5), config(crop_to_scale=True), zoom=2)
    with pytest.raises(ValueError, match="cannot be reduced by 3"):
        interpolated_bands(picture(2, 9), config())
