import errno
import json
import os
import platform
import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch
from conftest import REPOSITORY

from srcnn.batches import Patches
from srcnn.cutting import plane_shape
from srcnn.damage import DamagedFile
from srcnn.dataset import cut_planes, held_out_pictures, read_planes, write_planes
from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig
from srcnn.schema import (
    DIGEST,
    INPUT,
    INPUT_SCALE,
    MEAN,
    PARAMETERS,
    PICTURES,
    SIDES,
    SIZE,
    SOURCES,
    STD,
    TARGET,
)
from srcnn.views import interpolated_bands, low_resolution_bands, measured_luma, training_picture


def config(**changes):
    return DataConfig(**{"train": "unused", "patch_size": 9, "stride": 4, **changes})


def picture(height=60, width=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def numbered(height, width):
    """A grey picture in which every row has a luma of its own."""
    levels = np.linspace(0, 255, height).round().astype(np.uint8)
    assert len(set(levels)) == height
    return levels[:, None, None].repeat(width, axis=1).repeat(3, axis=2)


def cut_patches(picture, data, held_out, input_scale=1):
    """Inputs and targets of one picture's training patches, then of those held out."""
    planes = cut_planes(picture, data, input_scale, held_out)
    size = data.patch_size // input_scale

    def cut(plane, corners, scale):
        side = size * scale
        patches = [plane[y * scale : y * scale + side, x * scale : x * scale + side] for y, x in corners]
        return np.array(patches, plane.dtype).reshape(-1, side, side)

    return tuple(
        cut(plane, corners, scale)
        for corners in (planes.train, planes.holdout)
        for plane, scale in ((planes.input, 1), (planes.target, input_scale))
    )


def written(tmp_path, data, pictures, held_out=None, input_scale=1):
    path = tmp_path / "d.h5"
    shapes = [plane_shape(*picture.shape[:2], data, input_scale) for picture in pictures]
    cut = (cut_planes(picture, data, input_scale, held_out) for picture in pictures)
    return path, write_planes(path, cut, shapes, data, input_scale, [{"name": "a", "digest": "0"}])


def patches_of(path):
    """What ``cut_patches`` gives, of all pictures of a file, as training takes it."""
    planes = read_planes(path)
    sides = [Patches.cut_from(planes, side, Standardisation(0.0, 1.0), torch.device("cpu")) for side in SIDES]
    return [cuts.take(torch.arange(len(cuts)))[:, 0].numpy() for side in sides for cuts in (side.inputs, side.targets)]


# --- cutting ----------------------------------------------------------------------------------
def test_targets_are_the_luma_at_the_place_of_their_input():
    data = config(holdout=0)
    inputs, targets, *_ = cut_patches(picture(), data, None)
    source = np.rint(np.clip(interpolated_bands(picture(), data)[..., 0], 0, 255))
    target = measured_luma(picture())
    places = [(y, x) for y in range(0, 60 - 8, 4) for x in range(0, 40 - 8, 4)]
    assert len(inputs) == len(targets) == len(places)
    for number, (y, x) in enumerate(places):
        assert np.array_equal(inputs[number], source[y : y + 9, x : x + 9])
        assert np.array_equal(targets[number], target[y : y + 9, x : x + 9])


def test_inputs_and_targets_of_a_slope_are_aligned():
    # A shift by one pixel would show as 3 levels.
    slope = np.arange(20, 200, 3, dtype=np.uint8)[None, :, None].repeat(50, axis=0).repeat(3, axis=2)
    inputs, targets, *_ = cut_patches(slope, config(holdout=0), None)
    assert abs((inputs.astype(float) - targets).mean()) < 0.2


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_patches_have_the_type_and_range_that_was_asked_for(dtype):
    for patches in cut_patches(picture(), config(dtype=dtype), None):
        assert patches.dtype == dtype
        assert patches.shape[1:] == (9, 9)
    inputs, targets, *_ = cut_patches(picture(), config(dtype=dtype), None)
    assert 30 < inputs.mean() < 220
    assert np.array_equal(targets, np.rint(targets))


def test_float_inputs_are_not_rounded():
    exact, *_ = cut_patches(picture(), config(dtype="float32"), None)
    rounded, *_ = cut_patches(picture(), config(dtype="uint8"), None)
    assert np.abs(exact - np.rint(exact)).max() > 0.1
    assert np.abs(np.clip(exact, 0, 255) - rounded).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("height", [60, 100, 200])
@pytest.mark.parametrize("holdout", [0.05, 0.3, 0.8])
def test_no_training_patch_holds_a_held_out_pixel(height, holdout):
    data = config(holdout=holdout)
    _, train, _, held_out = cut_patches(numbered(height, 40), data, None)
    assert len(held_out)
    assert not set(np.unique(train)) & set(np.unique(held_out))


def test_the_bottom_is_held_out_and_is_at_least_one_patch_high():
    levels = measured_luma(numbered(100, 40))[:, 0]
    _, train, _, held_out = cut_patches(numbered(100, 40), config(holdout=0.05), None)
    assert set(np.unique(held_out)) == set(levels[-9:])
    assert np.unique(train).max() < levels[-9]
    _, _, _, held_out = cut_patches(numbered(100, 40), config(holdout=0.25), None)
    assert np.unique(held_out).min() == levels[75]


def test_a_whole_picture_is_held_out_or_trained_on():
    everything = [len(p) for p in cut_patches(picture(), config(holdout=0), None)]
    assert [len(p) for p in cut_patches(picture(), config(), False)] == everything
    assert [len(p) for p in cut_patches(picture(), config(), True)] == everything[2:] + everything[:2]


@pytest.mark.parametrize(("height", "width"), [(8, 40), (40, 8), (9, 9), (3, 3)])
def test_a_picture_without_room_for_both_sides_gives_no_training_patch(height, width):
    patches = cut_patches(picture(height, width), config(), None)
    assert [len(p) for p in patches[:2]] == [0, 0]
    assert all(p.shape[1:] == (9, 9) for p in patches)


def test_cropping_to_the_scale_comes_before_the_cutting():
    data = config(crop_to_scale=True, holdout=0, stride=1)
    assert len(cut_patches(picture(11, 11), data, None)[0]) == 1
    assert len(cut_patches(picture(11, 11), config(holdout=0, stride=1), None)[0]) == 9


@pytest.mark.parametrize("count", [1, 2, 19, 20, 91, 400])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.89])
def test_whole_pictures_are_held_out_evenly(count, share):
    held_out = sorted(held_out_pictures([str(number) for number in range(count)], share))
    assert len(held_out) == int(count * share)
    assert all(0 <= index < count for index in held_out)
    gaps = np.diff(held_out)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_with_a_seed_the_last_of_the_shuffled_pictures_are_held_out():
    order = list(range(10))
    np.random.RandomState(1337).shuffle(order)
    names = [str(number) for number in range(10)]
    assert held_out_pictures(names, 0.2, seed=1337) == set(order[-2:])
    assert held_out_pictures(names, 0.0, seed=1337) == set()


@pytest.mark.parametrize("input_scale", [1, 3])
def test_training_pictures_may_be_degraded_otherwise_and_at_a_size_of_their_own(input_scale):
    data = config(holdout=0, train_size=(36, 30), train_resampling="area", squeeze_to_scale=True)
    planes = cut_planes(picture(50, 71), data, input_scale, None)
    assert planes.input.shape == plane_shape(50, 71, data, input_scale) == (36 // input_scale, 30 // input_scale)
    squeezed = training_picture(picture(50, 71), data)
    same = cut_planes(squeezed, config(holdout=0, resampling="area"), input_scale, None)
    assert np.array_equal(planes.input, same.input)
    assert np.array_equal(planes.target, same.target)


# --- for a network that is fed low resolution --------------------------------------------------
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_targets_lie_where_low_resolution_pixels_become_theirs(scale):
    data = config(holdout=0, scale=scale, patch_size=4 * scale + 1, stride=2 * scale)
    image = picture(12 * scale + 1, 10 * scale + scale - 1)
    whole = image[: 12 * scale, : 10 * scale]
    inputs, targets, *_ = cut_patches(image, data, None, scale)
    source = np.rint(np.clip(low_resolution_bands(whole, data)[..., 0], 0, 255))
    target = measured_luma(whole)
    places = [(y, x) for y in range(0, 9, 2) for x in range(0, 7, 2)]
    assert len(inputs) == len(targets) == len(places)
    for number, (y, x) in enumerate(places):
        assert np.array_equal(inputs[number], source[y : y + 4, x : x + 4])
        top, left, side = y * scale, x * scale, 4 * scale
        assert np.array_equal(targets[number], target[top : top + side, left : left + side])


def test_no_low_resolution_patch_of_training_holds_a_held_out_pixel():
    data = config(holdout=0.3, scale=2, patch_size=8, stride=3)
    _, train, _, held_out = cut_patches(numbered(100, 40), data, None, 2)
    assert len(train)
    assert len(held_out)
    assert not set(np.unique(train)) & set(np.unique(held_out))


# --- the file ---------------------------------------------------------------------------------
@pytest.mark.parametrize("input_scale", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_training_takes_from_the_file_what_was_cut_in_order(tmp_path, dtype, input_scale):
    data = config(dtype=dtype, holdout=0.3)
    pictures = [picture(seed=1), picture(50, 70, seed=2), picture(8, 8)]
    path, count = written(tmp_path, data, pictures, input_scale=input_scale)
    cut = (cut_patches(p, data, None, input_scale) for p in pictures)
    expected = [np.concatenate(side) for side in zip(*cut, strict=True)]
    found = patches_of(path)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert np.array_equal(one, other)
    assert count == len(found[0]) > 0


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_mean_and_std_are_of_the_training_inputs_on_0_to_1(tmp_path, dtype):
    data = config(dtype=dtype, holdout=0.3)
    path, _ = written(tmp_path, data, [picture(seed=1), picture(seed=2) // 3])
    planes = read_planes(path)
    values = patches_of(path)[0].astype(np.float64) / 255
    assert planes.mean == pytest.approx(values.mean(), rel=1e-12)
    assert planes.std == pytest.approx(values.std(), rel=1e-9)


def test_a_flat_training_set_has_no_spread(tmp_path):
    path, _ = written(tmp_path, config(), [np.full((60, 40, 3), 77, np.uint8)])
    assert read_planes(path).std == pytest.approx(0, abs=1e-6)


def test_the_layout_is_the_contract_of_the_schema(tmp_path):
    data = config(test="set5", allow_leak=True)
    path, count = written(tmp_path, data, [picture()], input_scale=3)
    with h5py.File(path) as file:
        assert set(file) == {INPUT, TARGET, PICTURES, *SIDES}
        assert set(file.attrs) == {MEAN, STD, PARAMETERS, SOURCES, DIGEST, SIZE, INPUT_SCALE}
        assert (file[INPUT].shape, file[TARGET].shape) == ((20 * 13,), (60 * 39,))
        assert file["train"].shape == (count, 3)
        assert file[PICTURES][:].tolist() == [[0, 0, 13]]
        parameters = json.loads(file.attrs[PARAMETERS])
        assert parameters["scale"] == data.scale
        assert parameters["patch_size"] == 9
        assert not {"test", "eval", "allow_leak"} & set(parameters)
        assert json.loads(file.attrs[SOURCES]) == [{"name": "a", "digest": "0"}]


def test_every_pixel_is_there_once_however_much_patches_overlap(tmp_path):
    path, count = written(tmp_path, config(stride=1), [picture(300, 130)])
    assert count > 30_000
    assert path.stat().st_size < 2 * 300 * 130 + (1 << 18)


def test_planes_are_mapped_and_not_read(tmp_path):
    path, _ = written(tmp_path, config(), [picture()])
    planes = read_planes(path)
    assert isinstance(planes.inputs, np.memmap)
    assert isinstance(planes.targets, np.memmap)


@pytest.mark.parametrize("changed", ["pixel", "corner", "cutting"])
def test_a_file_that_says_something_else_than_was_written_is_damaged(tmp_path, changed):
    path, _ = written(tmp_path, config(), [picture()])
    with h5py.File(path, "r+") as file:
        if changed == "cutting":
            file.attrs[SIZE] = 8
        else:
            table = file[TARGET if changed == "pixel" else "train"]
            table[5] = table[5] + 1
    with pytest.raises(DamagedFile, match="checksum"):
        read_planes(path)


def test_without_any_training_patch_there_is_an_error_and_no_file(tmp_path):
    with pytest.raises(ValueError, match="no training picture holds a patch of 9x9"):
        written(tmp_path, config(), [picture(8, 40), picture(40, 8)])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_no_file(tmp_path):
    def cut():
        yield cut_planes(picture(), config(), 1, None)
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire"):
        write_planes(tmp_path / "d.h5", cut(), [(60, 40), (60, 40)], config(), 1, [])
    assert list(tmp_path.iterdir()) == []


def test_nothing_held_out_is_an_empty_table(tmp_path):
    path, _ = written(tmp_path, config(holdout=0), [picture()])
    assert read_planes(path).holdout.shape == (0, 3)


LOCKED = (
    "import fcntl, sys\n"
    "file = open(sys.argv[1], 'rb+')\n"
    "fcntl.flock(file, fcntl.LOCK_EX)\n"
    "print('locked', flush=True)\n"
    "sys.stdin.read()\n"
)
# A filter of system calls: flock fails as on a file system that knows no locks; all others pass.
WITHOUT_FLOCK = (
    "import ctypes, errno, struct, sys\n"
    "number = {'x86_64': 73, 'aarch64': 32}[sys.argv[1]]\n"
    "program = [(0x20, 0, 0, 0), (0x15, 0, 1, number)]\n"
    "program += [(0x06, 0, 0, 0x50000 | int(sys.argv[2])), (0x06, 0, 0, 0x7fff0000)]\n"
    "code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *each) for each in program))\n"
    "filter = struct.pack('HxxxxxxP', len(program), ctypes.addressof(code))\n"
    "prctl = ctypes.CDLL(None, use_errno=True).prctl\n"
    "assert prctl(38, 1, 0, 0, 0) == 0\n"
    "if prctl(22, 2, filter):\n"
    "    sys.exit(77)\n"
    "import fcntl\n"
    "try:\n"
    "    fcntl.flock(sys.stdout, fcntl.LOCK_EX)\n"
    "except OSError as error:\n"
    "    assert error.errno == int(sys.argv[2])\n"
    "from pathlib import Path\n"
    "import numpy as np\n"
    "from srcnn.dataset import cut_planes, read_planes, write_planes\n"
    "from srcnn.experiment import DataConfig\n"
    "from runner.checks import disk\n"
    "from runner.checks.circumstances import Circumstances\n"
    "data = DataConfig(train='unused', patch_size=9, stride=4)\n"
    "picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)\n"
    "file = Path(sys.argv[3])\n"
    "write_planes(file, [cut_planes(picture, data, 1, None)], [(64, 64)], data, 1, [])\n"
    "print(len(read_planes(file).train), [each.what for each in disk.locks(Circumstances(file.parent))])\n"
)


def test_patches_are_read_while_another_program_locks_their_file(tmp_path):
    file, _ = written(tmp_path, config(), [picture()])
    command = [sys.executable, "-c", LOCKED, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        assert len(read_planes(file).train)
        other.stdin.close()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.ENOSYS])
def test_patches_are_written_and_read_where_files_cannot_be_locked(tmp_path, number):
    command = [sys.executable, "-c", WITHOUT_FLOCK, platform.machine(), str(number), str(tmp_path / "patches.h5")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("system calls cannot be filtered here")
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith("0 ")
    assert f"can be locked ({os.strerror(number)}); nothing here needs it" in done.stdout
