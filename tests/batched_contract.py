"""What scoring in batches must do on a device: the fixture ``device``, which each folder of tests has its own of."""

import math

import numpy as np
import pytest
import torch
from pictures import at_least, noisy, photograph

from srcnn import metrics
from srcnn.metrics import METRICS, batched
from srcnn.metrics.batched import BATCHED, Pairs, Pictures
from srcnn.metrics.batched.edges import canny, connected
from srcnn.metrics.kernels import edges

every_metric = pytest.mark.parametrize("name", METRICS)
SHAPES = [(48, 64, 3), (33, 29), (61, 20, 3), (49, 63, 3), (160, 160, 3), (37, 41, 5), (20, 20, 1)]
SMALL = [(1, 1, 3), (40, 1, 3), (2, 2), (5, 6, 3), (8, 9, 3), (11, 11), (10, 64)]
LARGE = [(321, 481, 3), (385, 390), (170, 165, 3)]  # FSIM and MDSI average the second one over blocks
TOLERANCE = {"fsim": 1e-4}


def shaped(shape):
    """A photograph of this shape, and the same with noise; bands beyond three are the first ones again."""
    rng = np.random.default_rng(sum(shape))
    picture = np.resize(photograph(*shape[:2]), (*shape[:2], 3)) if min(shape[:2]) < 300 else large(*shape[:2])
    bands = [picture[..., band % 3] for band in range(shape[2])] if len(shape) == 3 else picture[..., 1]
    picture = np.stack(bands, axis=-1) if len(shape) == 3 else np.ascontiguousarray(bands)
    return picture, noisy(picture, rng.uniform(4, 30))


def large(height, width):
    """A photograph larger than the part that ``photograph`` cuts."""
    return np.ascontiguousarray(np.pad(photograph(320, 322), ((0, height - 320), (0, width - 322), (0, 0)), "reflect"))


def awkward():
    """Pairs of pictures that a formula may stumble over."""
    flat, black = np.full((20, 20, 3), 100, np.uint8), np.zeros((20, 20, 3), np.uint8)
    dotted, flat_band = photograph(20, 20).copy(), photograph(20, 20).copy()
    dotted[3, 4] = 0
    flat_band[..., 1] = 7
    tinted = np.broadcast_to(np.array([10, 20, 30], np.uint8), (20, 20, 3)).copy()
    binary = np.where(photograph(20, 20) > 100, 255, 0).astype(np.uint8)
    pairs = [(flat, flat + 50), (flat, black), (black, flat), (black, black), (dotted, flat), (flat_band, dotted)]
    return [*pairs, (binary, dotted), (flat, flat), (tinted, flat), (dotted, dotted), (binary, 255 - binary)]


def scored(device, references, estimates, metrics=tuple(METRICS), **options):
    """The values of pictures that were stacked, on the device."""
    there = [torch.from_numpy(np.stack(pictures)).to(device) for pictures in (references, estimates)]
    return batched.values(batched.score(*there, metrics=metrics, **options))


def assert_alike(found, expected):
    """Every value is the CPU kernels', and what is undefined there is undefined here."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is None or math.isinf(value):
            assert found[name] == value, name
        else:
            assert found[name] == pytest.approx(value, rel=TOLERANCE.get(name, 1e-5), abs=1e-12), name


@every_metric
def test_every_metric_is_computed_in_batches(name):
    assert name in BATCHED


@pytest.mark.parametrize("shape", SHAPES + SMALL + LARGE)
def test_a_batch_gives_what_the_kernels_give(device, shape):
    x, y = shaped(shape)
    pairs = [(x, y), (y, x), (x, x), (np.ascontiguousarray(x[::-1]), y)]
    for found, pair in zip(scored(device, *zip(*pairs, strict=True)), pairs, strict=True):
        assert_alike(found, metrics.score(*pair, METRICS))


def test_awkward_pairs_give_the_kernels_values_or_none(device):
    found = scored(device, *zip(*awkward(), strict=True))
    for values, pair in zip(found, awkward(), strict=True):
        assert_alike(values, metrics.score(*pair, METRICS))
    assert None in {value for values in found for value in values.values()}


@pytest.mark.parametrize(
    ("dtype", "data_range"), [(np.float32, 255.0), (np.float64, 1.0), (np.int32, 65535.0), (np.float32, 1.0)]
)
def test_other_types_give_what_the_kernels_give(device, dtype, data_range):
    x, y = ((picture * (data_range / 255)).astype(dtype) for picture in shaped((48, 64, 3)))
    (found,) = scored(device, [x], [y], data_range=data_range)
    assert_alike(found, metrics.score(x, y, METRICS, data_range=data_range))


@every_metric
@pytest.mark.parametrize("shape", [(48, 64, 3), (33, 29)])
def test_identical_pictures_get_the_ideal_value(device, name, shape):
    x, _ = shaped(at_least(METRICS[name].smallest, shape))
    for picture in (x, np.full_like(x, 90)):
        (found,) = scored(device, [picture], [picture], metrics=[name])
        ideal = METRICS[name].ideal
        assert found[name] is not None
        assert ideal is None or found[name] == pytest.approx(ideal, abs=1e-12)


def test_estimates_that_share_a_reference_get_the_same_values(device):
    x = photograph(165, 170)  # where every metric has a value
    other = np.ascontiguousarray(x[::-1])
    estimates = [noisy(x, seed=seed) for seed in range(5)]
    of = [0, 0, 1, 0, 1]
    shared = scored(device, [x, other], estimates, of=of)
    for found, expected in zip(shared, scored(device, [(x, other)[which] for which in of], estimates), strict=True):
        assert found == pytest.approx(expected, rel=1e-6)  # transforms of another batch size may round otherwise
    there = scored(device, [x, other], estimates, of=torch.tensor(of, device=device))
    assert there == shared


def test_what_is_known_of_references_is_computed_once(device):
    x = torch.from_numpy(np.stack([photograph()])).to(device)
    references, calls = Pictures(x), []

    def counted(pictures):
        calls.append(pictures)
        return pictures.images.double()

    for _ in range(3):
        Pairs(references, Pictures(x.clone()), [0]).both(counted)
    assert sum(pictures is references for pictures in calls) == 1
    assert len(calls) == 4


def test_a_pair_gets_its_values_whatever_else_is_in_the_batch(device):
    x = photograph()
    estimates = [noisy(x, deviation) for deviation in np.linspace(1, 60, 70)]  # more than the bits of a word
    together = scored(device, [x], estimates, of=[0] * 70)
    for number in (0, 1, 63, 64, 69):
        (alone,) = scored(device, [x], [estimates[number]])
        for name, value in alone.items():  # transforms of another batch size may round otherwise
            assert together[number][name] == (value if value is None else pytest.approx(value, rel=1e-6))


def test_edges_are_opencvs(device):
    for height, width in ((1, 1), (2, 7), (9, 1), (64, 80), (160, 160)):
        rng = np.random.default_rng(height)
        noise = rng.integers(0, 256, (3, height, width)).astype(np.uint8)
        smooth = np.stack([np.resize(photograph(height, width)[..., 0], (height, width)), noise[0] // 2 + 60, noise[1]])
        found = canny(torch.from_numpy(smooth).to(device), 100, 200).cpu().numpy()
        for picture, edge in zip(smooth, found, strict=True):
            assert np.array_equal(edge, edges.canny(np.ascontiguousarray(picture), 100, 200))


def test_an_edge_that_winds_through_the_whole_picture_is_followed_to_its_end(device):
    winding = np.zeros((41, 41), bool)
    winding[::2] = True  # from line to line at alternate ends
    winding[1::4, -1] = winding[3::4, 0] = True
    cut = winding.copy()
    cut[20, 20] = False
    seeds = np.zeros_like(winding)
    seeds[0, 0] = True
    maps = [torch.from_numpy(np.stack(each)).to(device) for each in ([seeds, seeds], [winding, cut])]
    whole, half = connected(*maps).cpu().numpy()
    assert np.array_equal(whole, winding)
    assert half.sum() == cut[:20].sum() + 20


def test_undefined_values_are_none(device):
    x, y = shaped((5, 6, 3))
    (found,) = scored(device, [x], [y], metrics=["ssim", "uiq", "psnr"])
    assert found["ssim"] is None
    assert found["uiq"] is None
    assert found["psnr"] is not None


def test_what_cannot_be_compared_is_refused_with_both_shown(device):
    x = torch.from_numpy(photograph()[None]).to(device)
    with pytest.raises(ValueError, match=r"references are \(1, 48, 64, 3\) torch.uint8 .* are \(1, 64, 48, 3\)"):
        batched.score(x, x.permute(0, 2, 1, 3))
    with pytest.raises(ValueError, match=r"torch.float64 on"):
        batched.score(x.double(), x, data_range=255.0)
    with pytest.raises(ValueError, match="2 estimates need as many references"):
        batched.score(x, x.expand(2, -1, -1, -1))
    with pytest.raises(ValueError, match=r"there are 1 references, but one of \[0, 1\] is asked for"):
        batched.score(x, x.expand(2, -1, -1, -1), of=[0, 1])
    with pytest.raises(ValueError, match=r"not empty, not \(0, 4, 4\)"):
        batched.score(x[:0, :4, :4, 0], x[:0, :4, :4, 0])
    with pytest.raises(ValueError, match=r"data_range is required for torch\.float32"):
        batched.score(x.float(), x.float())
    with pytest.raises(ValueError, match="nan or infinity"):
        batched.score(x.float() / 0, x.float(), data_range=255.0)
    with pytest.raises(ValueError, match="must be positive and finite, not -1"):
        batched.score(x, x, data_range=-1)
    with pytest.raises(ValueError, match=r"integers or floats, not torch\.bool"):
        batched.score(x > 3, x > 3, data_range=1)
    with pytest.raises(ValueError, match="'mine:f' is not computed in batches; those that are: psnr, ssim"):
        batched.score(x, x, metrics=["mine:f"])
