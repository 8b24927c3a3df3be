"""What cutting and enlarging pictures in batches must do on a device, which is the fixture ``device``."""

import numpy as np
import pytest
import torch
from pictures import noisy, photograph

from srcnn import protocol_batches, protocols
from srcnn.patches import get_image_crops
from srcnn.protocol_batches import cut_grid
from srcnn.resize import resize as resize_one
from srcnn.upsample import UPSAMPLERS, upsample_images
from srcnn.upsample_batches import ENLARGERS, enlarge, resize

SIZES = [
    ((40, 40), (160, 160)),
    ((53, 53), (160, 160)),
    ((17, 31), (50, 93)),
    ((1, 1), (7, 9)),
    ((5, 1), (5, 8)),
    ((33, 29), (33, 29)),
    ((50, 60), (20, 31)),
    ((160, 160), (321, 481)),
]


def pixels(*shape):
    """Bytes of every kind: noise, only black and white, smooth."""
    some = np.random.default_rng(sum(shape)).integers(0, 256, (3, *shape)).astype(np.uint8)
    some[1] = np.where(some[1] > 127, 255, 0)
    some[2] = np.linspace(0, 255, some[2].size).reshape(shape)
    return some


def test_every_upsampler_enlarges_in_batches():
    assert ENLARGERS.keys() == UPSAMPLERS.keys()


@pytest.mark.parametrize("upsampler", UPSAMPLERS)
@pytest.mark.parametrize(("size", "new_size"), SIZES)
def test_a_batch_is_enlarged_to_the_very_pictures_of_the_cpu(device, upsampler, size, new_size):
    for bands in ((), (3,)):
        some = pixels(*size, *bands)
        found = enlarge(torch.from_numpy(some).to(device), *new_size, upsampler)
        assert np.array_equal(found.cpu().numpy(), np.stack(upsample_images(some, *new_size, upsampler)))


@pytest.mark.parametrize("kernel", ["cubic", "sinc"])
def test_resampling_gives_the_cpus_numbers(device, kernel):
    some = pixels(33, 29, 3)
    found = resize(torch.from_numpy(some).to(device), 20, 61, kernel).cpu().numpy()
    assert np.allclose(found, np.stack([resize_one(each, 20, 61, kernel) for each in some]), rtol=0, atol=1e-9)


def test_a_grid_is_cut_in_its_order(device):
    for bands in ((), (3,)):
        some = pixels(50, 71, *bands)
        found = cut_grid(torch.from_numpy(some).to(device), 16, 20).cpu().numpy()
        assert np.array_equal(found, np.concatenate([get_image_crops(each, 16, 20) for each in some]))


def test_what_cannot_be_enlarged_is_refused(device):
    some = torch.zeros(1, 4, 4, device=device)
    with pytest.raises(ValueError, match=r"uint8 .* not torch\.float32 \(1, 4, 4\)"):
        enlarge(some, 8, 8)
    with pytest.raises(ValueError, match="'best' has no form for batches; those that have: nearest, "):
        enlarge(some.byte(), 8, 8, "best")


def compared(batches):
    """Every pair of the batches, with what it is called."""
    pairs = {}
    for batch in batches:
        estimates = batch.estimates(slice(None)).cpu().numpy()
        of = range(len(estimates)) if batch.of is None else batch.of
        for number, (reference, estimate) in enumerate(zip(of, estimates, strict=True)):
            picture, box = divmod(number, len(batch.boxes))
            key = (picture, batch.protocol, batch.boxes[box], batch.upsampler, batch.zoom)
            pairs[key] = batch.references[reference].cpu().numpy(), estimate
    return pairs


def test_the_protocols_compare_the_very_pictures_of_the_cpu(device):
    originals = np.stack([photograph(50, 70), photograph(50, 70)[::-1]])
    restored, small = noisy(originals), np.ascontiguousarray(originals[:, :48:3, :69:3])
    names, crops = ("nearest", "bicubic"), ((24, 30), (48, 48), (90, 90))
    calls = [
        ("whole", (restored,), (crops, names)),
        ("region", (originals, restored), (crops,)),
        ("compound", (originals, small), (crops, 3, names)),
        ("direct", (originals, small), (crops, 3, names)),
        ("luma", (originals[..., 1], restored[..., 1]), (4,)),
        ("luma", (originals[..., 1], restored[..., 1]), (25,)),
    ]
    for name, pictures, settings in calls:
        there = [torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in pictures]
        found = compared(getattr(protocol_batches, name)(*there, *settings))
        count = 0
        for number in range(2):
            for pair in getattr(protocols, name)(*(each[number] for each in pictures), *settings):
                key = (number, pair.protocol, pair.box, pair.upsampler, pair.zoom)
                assert np.array_equal(found[key][0], pair.reference)
                assert np.array_equal(found[key][1], pair.estimate())
                count += 1
        assert count == len(found)


def test_pictures_of_two_sizes_are_refused_with_both_shown(device):
    some = torch.zeros(2, 12, 12, 3, dtype=torch.uint8, device=device)
    with pytest.raises(ValueError, match=r"\(2, 12, 12, 3\) but the restored pictures are \(2, 12, 11, 3\)"):
        list(protocol_batches.region(some, some[:, :, :-1], [(4, 4)]))
    with pytest.raises(ValueError, match="a crop of 4x5 pixels cannot be cut from pictures of 1/2 size"):
        list(protocol_batches.compound(some, some[:, ::2, ::2], [(4, 5)], 2, ["nearest"]))
