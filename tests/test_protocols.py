import numpy as np
import pytest

from srcnn.patches import Box, crop_grid
from srcnn.protocols import PROTOCOLS, Comparison, compound, direct, luma, region, whole
from srcnn.upsample import UPSAMPLERS


def picture(height=24, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class Counted:
    """An upsampler that counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, image, height, width):
        self.calls.append(image.shape)
        return UPSAMPLERS["nearest"](image, height, width)


@pytest.fixture
def counted(monkeypatch):
    upsampler = Counted()
    monkeypatch.setitem(UPSAMPLERS, "counted", upsampler)
    return upsampler


def assert_fair(pairs: list[Comparison]):
    """What every comparison owes to the score table and to the metrics."""
    assert pairs
    for pair in pairs:
        assert pair.protocol in PROTOCOLS
        assert pair.estimate().shape == pair.reference.shape
        assert pair.estimate().dtype == pair.reference.dtype == np.uint8
    keys = [(pair.protocol, pair.box, pair.upsampler, pair.zoom) for pair in pairs]
    assert len(set(keys)) == len(keys)


def test_every_protocol_gives_pairs_of_one_shape_and_a_key_of_their_own():
    original, restored, grey = picture(), picture(seed=1), picture()[..., 0]
    names = tuple(UPSAMPLERS)
    crops = [(8, 8), (8, 16)]
    assert_fair(list(whole(restored, crops, names)))
    assert_fair(list(region(original, restored, crops)))
    assert_fair(list(compound(original, restored[::2, ::2], crops, 2, names)))
    assert_fair(list(direct(original, restored[:5, :7], crops, 2, names)))
    assert_fair(list(luma(grey, grey, 3)))


# --- whole ------------------------------------------------------------------------------------
def test_whole_enlarges_each_crop_to_its_picture():
    restored = picture()
    pairs = list(whole(restored, [(12, 16)], ["nearest", "bicubic"]))
    assert [(pair.box, pair.upsampler) for pair in pairs] == [
        (box, name) for box in crop_grid(24, 32, 12, 16) for name in ("nearest", "bicubic")
    ]
    for pair in pairs:
        assert pair.protocol == "whole"
        assert pair.zoom == 1
        assert np.array_equal(pair.reference, restored)
        assert np.array_equal(pair.estimate(), UPSAMPLERS[pair.upsampler](pair.box.cut(restored).copy(), 24, 32))


def test_whole_of_a_crop_as_large_as_the_picture_is_the_picture():
    (pair,) = whole(picture(), [(24, 32)], ["lanczos"])
    assert np.array_equal(pair.estimate(), picture())


# --- region -----------------------------------------------------------------------------------
def test_region_cuts_both_pictures_at_the_same_place():
    original, restored = picture(), picture(seed=1)
    pairs = list(region(original, restored, [(10, 15)]))
    assert [pair.box for pair in pairs] == [
        Box(0, 0, 15, 10),
        Box(0, 10, 15, 10),
        Box(15, 0, 15, 10),
        Box(15, 10, 15, 10),
    ]
    for pair in pairs:
        assert pair.upsampler is None
        rows, columns = slice(pair.box.y, pair.box.y + 10), slice(pair.box.x, pair.box.x + 15)
        assert np.array_equal(pair.reference, original[rows, columns])
        assert np.array_equal(pair.estimate(), restored[rows, columns])


def test_region_has_nothing_to_say_where_no_crop_fits():
    assert list(region(picture(), picture(), [(25, 10)])) == []


# --- compound ---------------------------------------------------------------------------------
def test_compound_enlarges_the_matching_small_region_by_the_zoom():
    original, small = picture(), picture(12, 16, seed=1)
    pairs = list(compound(original, small, [(8, 16)], 2, ["nearest"]))
    assert [pair.box for pair in pairs] == crop_grid(24, 32, 8, 16)
    for pair in pairs:
        assert (pair.protocol, pair.zoom, pair.upsampler) == ("compound", 2, "nearest")
        x, y = pair.box.x // 2, pair.box.y // 2
        assert np.array_equal(pair.reference, original[pair.box.y : pair.box.y + 8, pair.box.x : pair.box.x + 16])
        assert np.array_equal(pair.estimate(), small[y : y + 4, x : x + 8].repeat(2, 0).repeat(2, 1))


def test_compound_of_a_picture_reduced_without_loss_is_perfect():
    small = picture(12, 16)
    original = small.repeat(2, 0).repeat(2, 1)
    for pair in compound(original, small, [(8, 8)], 2, ["nearest"]):
        assert np.array_equal(pair.estimate(), pair.reference)


@pytest.mark.parametrize(("height", "width"), [(24, 32), (25, 33), (25, 32), (24, 33)])
def test_compound_cuts_the_original_to_a_multiple_of_the_zoom(height, width):
    pairs = list(compound(picture(height, width), picture(12, 16), [(8, 8)], 2, ["nearest"]))
    assert [pair.box for pair in pairs] == crop_grid(24, 32, 8, 8)


# --- direct, the baseline of compound ---------------------------------------------------------
def test_direct_enlarges_the_low_resolution_pixels_to_the_full_size():
    original, lr = picture(25, 33), picture(4, 5, seed=1)
    pairs = list(direct(original, lr, [(8, 8)], 2, ["bicubic", "nearest"]))
    for pair in pairs:
        assert (pair.protocol, pair.zoom) == ("compound", 2)
        assert np.array_equal(pair.reference, pair.box.cut(original))
        assert np.array_equal(pair.estimate(), pair.box.cut(UPSAMPLERS[pair.upsampler](lr, 24, 32)))


def test_direct_and_compound_compare_the_same_regions():
    arguments = ([(8, 16), (8, 8)], 2, ["nearest", "bicubic"])
    ours = {(p.box, p.upsampler): p.reference.tobytes() for p in compound(picture(), picture(12, 16), *arguments)}
    baseline = {(p.box, p.upsampler): p.reference.tobytes() for p in direct(picture(), picture(4, 5), *arguments)}
    assert ours == baseline


def test_direct_enlarges_once_for_all_its_regions(counted):
    pairs = list(direct(picture(), picture(4, 5), [(8, 8), (8, 16)], 2, ["counted"]))
    assert counted.calls == []
    for pair in pairs:
        pair.estimate()
    assert counted.calls == [(4, 5, 3)]


# --- luma -------------------------------------------------------------------------------------
@pytest.mark.parametrize("shave", [0, 1, 3])
def test_luma_is_one_pair_without_the_border(shave):
    original, restored = picture()[..., 0], picture(seed=1)[..., 0]
    (pair,) = luma(original, restored, shave)
    inside = (slice(shave, 24 - shave), slice(shave, 32 - shave))
    assert pair.box == Box(shave, shave, 32 - 2 * shave, 24 - 2 * shave)
    assert np.array_equal(pair.reference, original[inside])
    assert np.array_equal(pair.estimate(), restored[inside])
    assert (pair.upsampler, pair.zoom) == (None, 1)


@pytest.mark.parametrize(("height", "width", "pairs"), [(6, 32, 0), (24, 6, 0), (7, 7, 1), (3, 3, 0)])
def test_luma_is_left_out_where_shaving_leaves_nothing(height, width, pairs):
    grey = picture(height, width)[..., 0]
    assert len(list(luma(grey, grey, 3))) == pairs


# --- all --------------------------------------------------------------------------------------
def test_nothing_is_enlarged_before_it_is_asked_for(counted):
    pairs = [
        *whole(picture(), [(12, 16)], ["counted"]),
        *compound(picture(), picture(12, 16), [(8, 8)], 2, ["counted"]),
    ]
    assert counted.calls == []
    pairs[0].estimate()
    assert counted.calls == [(12, 16, 3)]


@pytest.mark.parametrize(
    "pairs",
    [
        lambda: region(picture(), picture(24, 31), [(8, 8)]),
        lambda: luma(picture()[..., 0], picture(23, 32)[..., 0], 2),
        lambda: compound(picture(), picture(24, 32), [(8, 8)], 2, ["nearest"]),
        lambda: compound(picture(), picture(11, 16), [(8, 8)], 2, ["nearest"]),
        lambda: compound(picture(1, 1), picture(), [(8, 8)], 2, ["nearest"]),
    ],
)
def test_pictures_of_different_size_are_refused_with_both_sizes(pairs):
    with pytest.raises(ValueError, match=r"the original is \(.*\) but the restored picture is \(.*\)"):
        list(pairs())


def test_the_pictures_are_not_changed():
    original, restored = picture(), picture(12, 16, seed=1)
    for pair in compound(original, restored, [(8, 8)], 2, UPSAMPLERS):
        pair.estimate()
    assert np.array_equal(original, picture())
    assert np.array_equal(restored, picture(12, 16, seed=1))
