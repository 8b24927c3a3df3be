"""What every listed metric must do, in both definitions."""

import logging
import math

import numpy as np
import pytest
from pictures import at_least, noisy, photograph

from srcnn import metrics
from srcnn.metrics import DEFINITIONS, METRICS, QUICK_METRICS, Reference, score

every_metric = pytest.mark.parametrize("name", METRICS)
in_every_definition = pytest.mark.parametrize(
    ("name", "definition"),
    [(name, definition) for name, metric in METRICS.items() for definition in metric.definitions],
)
# Filters and Canny are not quite alike left and right, nor are blocks and windows of an even size.
GRID_TOLERANCE = {"fsim": 0.01, "issm": 0.02, "ms_ssim": 0.01, "vifp": 1e-4, "haarpsi": 0.01}
GRID_SIZE = {"gmsd": (48, 64)}  # beyond an odd side are zeros, on one side
ROUNDED = {"ms_ssim": 1e-3, "gmsd": 2e-2, "vifp": 1e-3}  # the luminance of bytes is, that of other types is not


def sized(name, height=48, width=64):
    """A photograph of at least this size on which the metric has a value."""
    return photograph(*at_least(METRICS[name].smallest, (height, width)))


def value(name, reference, estimate, **options):
    return score(reference, estimate, [name], **options)[name]


@every_metric
def test_a_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.unit
    assert metric.source
    assert metric.low < metric.high
    assert set(metric.definitions) == (set(DEFINITIONS) if name in QUICK_METRICS else {"paper"})


@every_metric
@pytest.mark.parametrize("shape", [(48, 64, 3), (33, 29), (61, 20, 3)])
def test_identical_pictures_get_the_ideal_value(name, shape):
    picture = sized(name, *shape[:2])
    picture = picture if len(shape) == 3 else picture[..., 0]
    ideal = METRICS[name].ideal
    found = value(name, picture, picture.copy())
    assert found is not None
    assert ideal is None or found == pytest.approx(ideal, abs=1e-12)


@every_metric
def test_identical_flat_pictures_get_the_ideal_value(name):
    flat = np.full(at_least(METRICS[name].smallest, (24, 24, 3)), 90, np.uint8)
    ideal = METRICS[name].ideal
    assert ideal is None or value(name, flat, flat.copy()) == pytest.approx(ideal, abs=1e-12)


@every_metric
def test_more_noise_is_worse(name):
    picture = sized(name)
    values = [value(name, picture, noisy(picture, deviation)) for deviation in (3, 10, 25, 60)]
    assert values == sorted(values, reverse=METRICS[name].higher_is_better)
    assert len(set(values)) == 4


@every_metric
def test_values_lie_in_the_stated_range(name):
    metric = METRICS[name]
    for deviation in (1, 100):
        assert metric.low <= value(name, sized(name), noisy(sized(name), deviation)) <= metric.high


@every_metric
def test_exchanging_the_pictures_changes_nothing_where_the_formula_is_symmetric(name):
    x, y = sized(name), noisy(sized(name))
    there, back = value(name, x, y), value(name, y, x)
    assert (there == pytest.approx(back, rel=1e-6)) == METRICS[name].symmetric


@every_metric
@pytest.mark.parametrize("flip", [np.flipud, np.fliplr])
def test_flipping_both_pictures_changes_nothing(name, flip):
    x = sized(name, *GRID_SIZE.get(name, (49, 63)))
    y = noisy(x)
    flipped = value(name, np.ascontiguousarray(flip(x)), np.ascontiguousarray(flip(y)))
    assert flipped == pytest.approx(value(name, x, y), rel=GRID_TOLERANCE.get(name, 1e-9))


@in_every_definition
def test_other_types_agree_with_bytes(name, definition):
    x, y = sized(name), noisy(sized(name))
    expected = value(name, x, y, definition=definition)
    for image, dtype, data_range in ((x, np.uint16, 65535), (x, np.float64, 1.0), (x, np.float32, 255.0)):
        scale = data_range / 255
        pair = [(each * scale).astype(dtype) for each in (image, y)]
        found = value(name, *pair, definition=definition, data_range=data_range)
        assert found == pytest.approx(expected, rel=ROUNDED.get(name, 3e-6), abs=1e-12)


@in_every_definition
def test_greyscale_is_scored_like_its_only_band(name, definition):
    x, y = sized(name)[..., 1], noisy(sized(name))[..., 1]
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    grey = value(name, x, y, definition=definition)
    assert grey is not None
    assert grey == value(name, x[..., None], y[..., None], definition=definition)
    deep = [image.astype(np.uint16) * 257 for image in (x, y)]
    assert value(name, *deep, definition=definition, data_range=65535) == pytest.approx(grey, rel=3e-6, abs=1e-12)


@in_every_definition
def test_awkward_pictures_give_a_number_or_none(name, definition, caplog):
    flat, black = np.full((20, 20, 3), 100, np.uint8), np.zeros((20, 20, 3), np.uint8)
    dotted = photograph(20, 20)
    dotted[3, 4] = 0
    flat_band = photograph(20, 20)
    flat_band[..., 1] = 7
    binary = np.where(photograph(20, 20) > 100, 255, 0).astype(np.uint8)
    thin, dot, small = photograph(40, 1), photograph(1, 1), photograph(5, 6)
    pairs = [(flat, flat + 50), (flat, black), (black, flat), (black, black), (dotted, flat), (flat_band, dotted)]
    pairs += [(binary, dotted), (thin, thin[::-1]), (dot, dot + 1), (small, small[::-1]), (dot, dot)]
    with caplog.at_level(logging.WARNING):
        for x, y in pairs:
            found = value(name, np.ascontiguousarray(x), np.ascontiguousarray(y), definition=definition)
            assert found is None or not math.isnan(found)


@every_metric
def test_an_undefined_value_is_none_and_its_reason_is_said_once(name, caplog, monkeypatch):
    monkeypatch.setattr(metrics, "_said", set())
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 9, np.uint8)
    for _ in range(3):
        found = value(name, black, grey)
    assert [record.getMessage().split()[0] for record in caplog.records] == [name] * (found is None)
    if found is None:
        assert METRICS[name].undefined in caplog.text


@every_metric
def test_a_metric_has_a_value_from_its_smallest_picture_on_and_none_below(name):
    side = METRICS[name].smallest
    x = np.maximum(photograph(side, side + 9), 1)  # nothing black
    y = noisy(x)
    assert value(name, x, y) is not None
    assert side == 1 or value(name, x[:-1], y[:-1]) is None


@every_metric
def test_a_shared_reference_gives_the_same_values(name):
    x = sized(name)
    shared = Reference(x)
    for seed in range(3):
        y = noisy(x, seed=seed)
        assert shared.score(y, [name])[name] == value(name, x, y)


def test_pictures_that_cannot_be_compared_are_refused_with_both_shown():
    x = photograph()
    with pytest.raises(ValueError, match=r"reference is \(48, 64, 3\) uint8 but estimate is \(64, 48, 3\) uint8"):
        score(x, x.transpose(1, 0, 2))
    with pytest.raises(ValueError, match=r"uint8 but estimate is \(48, 64, 3\) float64"):
        score(x, x.astype(float))
    with pytest.raises(ValueError, match=r"not empty, not \(0, 4\)"):
        score(np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8))
    broken = np.zeros((4, 4))
    broken[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"nan or infinity: nan at \[1, 2\] of \(4, 4\)"):
        score(np.ones((4, 4)), broken, data_range=1.0)
    with pytest.raises(ValueError, match="data_range is required for uint16"):
        score(x.astype(np.uint16), x.astype(np.uint16))
    with pytest.raises(ValueError, match="must be positive and finite, not -1"):
        score(x, x, data_range=-1)
    with pytest.raises(ValueError, match="integers or floats, not bool"):
        score(x > 3, x > 3, data_range=1)


def test_unknown_names_are_refused_with_the_known_ones():
    x = photograph()
    with pytest.raises(ValueError, match=r"unknown metric 'pnsr'; known: psnr, ssim, .*package\.module:function"):
        score(x, x, ["pnsr"])
    with pytest.raises(ValueError, match="psnr has no definition 'wrong'; it has: paper, package"):
        score(x, x, ["psnr"], "wrong")
