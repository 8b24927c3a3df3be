import numpy as np
import pytest

from srcnn.color import luma, rgb_to_ycbcr
from srcnn.deprocess import CENTRE, Standardisation, as_measured_luma, deprocess, standardisation

SCALES = [Standardisation(0.45, 1.0), Standardisation(0.434119, 0.232473), Standardisation(0.0, 1.0)]


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (20, 31, 3), np.uint8)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.float32])
def test_undoing_the_standardisation_restores_luma(scale, dtype):
    values = picture()[..., 0].astype(dtype)
    assert np.allclose(scale.undo(scale.apply(values)), values, rtol=0, atol=1e-4)


@pytest.mark.parametrize("scale", SCALES)
def test_the_network_sees_float32_centred_on_the_mean(scale):
    applied = scale.apply(np.array([[0.0, 255.0 * scale.mean, 255.0]]))
    assert applied.dtype == np.float32
    expected = [[-scale.mean / scale.std, 0, (1 - scale.mean) / scale.std]]
    assert np.allclose(applied, expected, rtol=0, atol=1e-6)


def test_undoing_neither_rounds_nor_clips():
    assert np.allclose(Standardisation(0.5, 2.0).undo(np.array([-1.0, 1.0, 0.001])), [-382.5, 637.5, 128.01])


def test_centre_subtracts_a_fixed_number_and_dataset_takes_the_patches_own():
    assert standardisation("centre", 0.3, 0.2) == Standardisation(CENTRE, 1.0)
    assert standardisation("dataset", 0.3, 0.2) == Standardisation(0.3, 0.2)
    assert standardisation("none", 0.3, 0.2) == Standardisation(0.0, 1.0)


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
def test_untouched_luma_gives_back_the_interpolated_picture(standard):
    bands = np.rint(rgb_to_ycbcr(picture(), standard))
    restored = deprocess(bands[..., 0], bands, standard)
    assert restored.dtype == np.uint8
    assert np.abs(restored.astype(int) - picture()).max() <= 2  # what rounded bands cost


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
def test_restored_luma_replaces_the_interpolated_one_and_keeps_the_chroma(standard):
    # Soft colours, which stay within the cube when the luma changes.
    bands = np.rint(rgb_to_ycbcr(96 + picture() // 4, standard))
    restored = deprocess(bands[..., 0] + 20, bands, standard)
    found = rgb_to_ycbcr(restored, standard)
    assert np.abs(found[..., 0] - bands[..., 0] - 20).max() <= 1
    assert np.abs(found[..., 1:] - bands[..., 1:]).max() <= 1


def test_luma_beyond_the_range_is_clipped():
    bands = np.full((2, 2, 3), 128.0)
    assert np.all(deprocess(np.full((2, 2), 999.0), bands, "bt601") == 255)
    assert np.all(deprocess(np.full((2, 2), -999.0), bands, "bt601") == 0)


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
def test_the_measured_luma_is_studio_range_for_both_standards(standard):
    measured = as_measured_luma(luma(picture(), standard), standard)
    assert measured.dtype == np.uint8
    assert np.abs(measured - luma(picture(), "bt601")).max() <= 0.51


def test_black_and_white_are_16_and_235_in_the_measured_luma():
    assert as_measured_luma(np.array([[0.0, 255.0]]), "jpeg").tolist() == [[16, 235]]
    assert as_measured_luma(np.array([[16.0, 235.0, -4.0, 300.0]]), "bt601").tolist() == [[16, 235, 0, 255]]
