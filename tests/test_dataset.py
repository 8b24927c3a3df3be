import errno
import json
import os
import platform
import subprocess
import sys

import h5py
import numpy as np
import pytest
from conftest import REPOSITORY

from srcnn.dataset import cut_patches, held_out_pictures, read_patches, write_patches
from srcnn.experiment import DataConfig
from srcnn.schema import DIGEST, MEAN, PARAMETERS, PATCH_DATASETS, SOURCES, STD
from srcnn.views import interpolated_bands, measured_luma


def config(**changes):
    return DataConfig(**{"train": "unused", "patch_size": 9, "stride": 4, **changes})


def picture(height=60, width=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def numbered(height, width):
    """A grey picture in which every row has a luma of its own."""
    levels = np.linspace(0, 255, height).round().astype(np.uint8)
    assert len(set(levels)) == height
    return levels[:, None, None].repeat(width, axis=1).repeat(3, axis=2)


def written(tmp_path, data, pictures, held_out=None):
    path = tmp_path / "d.h5"
    count = write_patches(
        path, (cut_patches(p, data, held_out) for p in pictures), data, [{"name": "a", "digest": "0"}]
    )
    return path, count


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
    held_out = sorted(held_out_pictures(count, share))
    assert len(held_out) == int(count * share)
    assert all(0 <= index < count for index in held_out)
    gaps = np.diff(held_out)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


# --- the file ---------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_file_holds_what_was_cut_in_order(tmp_path, dtype):
    data = config(dtype=dtype, holdout=0.3)
    pictures = [picture(seed=1), picture(50, 70, seed=2), picture(8, 8)]
    path, count = written(tmp_path, data, pictures)
    patches = read_patches(path)
    expected = [np.concatenate(side) for side in zip(*(cut_patches(p, data, None) for p in pictures), strict=True)]
    found = [patches.train_input, patches.train_target, patches.holdout_input, patches.holdout_target]
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert np.array_equal(one, other)
    assert count == len(patches.train_input) > 0


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_mean_and_std_are_of_the_training_inputs_on_0_to_1(tmp_path, dtype):
    path, _ = written(tmp_path, config(dtype=dtype, holdout=0.3), [picture(seed=1), picture(seed=2) // 3])
    patches = read_patches(path)
    values = patches.train_input.astype(np.float64) / 255
    assert patches.mean == pytest.approx(values.mean(), rel=1e-12)
    assert patches.std == pytest.approx(values.std(), rel=1e-9)


def test_a_flat_training_set_has_no_spread(tmp_path):
    path, _ = written(tmp_path, config(), [np.full((60, 40, 3), 77, np.uint8)])
    assert read_patches(path).std == pytest.approx(0, abs=1e-6)


def test_the_layout_is_the_contract_of_the_schema(tmp_path):
    data = config(test="set5", allow_leak=True)
    path, count = written(tmp_path, data, [picture()])
    with h5py.File(path) as file:
        assert set(file) == set(PATCH_DATASETS)
        assert set(file.attrs) == {MEAN, STD, PARAMETERS, SOURCES, DIGEST}
        assert file["train_input"].shape == (count, 9, 9)
        parameters = json.loads(file.attrs[PARAMETERS])
        assert parameters["scale"] == data.scale
        assert parameters["patch_size"] == 9
        assert not {"test", "eval", "allow_leak"} & set(parameters)
        assert json.loads(file.attrs[SOURCES]) == [{"name": "a", "digest": "0"}]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("size", [9, 33, 64, 128])
def test_chunks_are_many_patches_but_about_a_megabyte(tmp_path, size, dtype):
    data = config(patch_size=size, dtype=dtype)
    path, _ = written(tmp_path, data, [picture(300, 130)])
    with h5py.File(path) as file:
        for name in PATCH_DATASETS:
            patches, *shape = file[name].chunks
            assert shape == [size, size]
            assert patches == 1 or patches * size**2 * file[name].dtype.itemsize <= 1 << 20
            assert (patches + 1) * size**2 * file[name].dtype.itemsize > 1 << 20


def test_a_few_large_patches_make_a_small_file(tmp_path):
    path, count = written(tmp_path, config(patch_size=256, stride=256), [picture(600, 300)])
    assert count == 1
    assert path.stat().st_size < 8 << 20


def test_without_any_training_patch_there_is_an_error_and_no_file(tmp_path):
    with pytest.raises(ValueError, match="no training picture holds a patch of 9x9"):
        written(tmp_path, config(), [picture(8, 40), picture(40, 8)])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_no_file(tmp_path):
    def cut():
        yield cut_patches(picture(), config(), None)
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire"):
        write_patches(tmp_path / "d.h5", cut(), config(), [])
    assert list(tmp_path.iterdir()) == []


def test_nothing_held_out_is_an_empty_data_set(tmp_path):
    path, _ = written(tmp_path, config(holdout=0), [picture()])
    assert read_patches(path).holdout_input.shape == (0, 9, 9)


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
    "from srcnn.dataset import cut_patches, read_patches, write_patches\n"
    "from srcnn.experiment import DataConfig\n"
    "from runner.checks import disk\n"
    "from runner.checks.circumstances import Circumstances\n"
    "data = DataConfig(train='unused', patch_size=9, stride=4)\n"
    "picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)\n"
    "file = Path(sys.argv[3])\n"
    "write_patches(file, [cut_patches(picture, data, None)], data, [])\n"
    "print(len(read_patches(file).train_input), [each.what for each in disk.locks(Circumstances(file.parent))])\n"
)


def test_patches_are_read_while_another_program_locks_their_file(tmp_path):
    file, _ = written(tmp_path, config(), [picture()])
    command = [sys.executable, "-c", LOCKED, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        assert len(read_patches(file).train_input)
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
