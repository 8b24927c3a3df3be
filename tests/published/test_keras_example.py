"""Keras's sub-pixel example: the bicubic figure that its page prints, and the leak in what it trains on."""

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn, idctn

from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from srcnn.color import to_uint8, ycbcr_to_rgb
from srcnn.dataset import held_out_pictures
from srcnn.degrade import degrade
from srcnn.files import read_picture
from srcnn.metrics import score
from srcnn.paths import RootPaths
from srcnn.views import interpolated_bands, reference

# keras.io/examples/vision/super_resolution_sub_pixel: RGB PSNR of its ten pictures, bicubic, and their mean.
PAGE_DB = [29.8502, 24.9783, 27.7724, 28.0314, 25.7630, 25.7874, 26.2512, 23.3820, 29.8914, 25.1712]
PAGE_MEAN_DB = 26.6879


def as_decoded_then(path):
    """A JPEG picture (H, W, 3) as IJG's libjpeg from 7 on decodes it, which Pillow's wheels of 2020 held.

    It enlarges chroma by the inverse transform of 16x16 whose higher frequencies are zero; libjpeg-turbo interpolates.
    """
    luma, chroma = Image.open(path), Image.open(path)
    luma.draft("L", None)
    width, height = luma.size
    chroma.draft("YCbCr", (width // 2, height // 2))  # half the size is what chroma is stored in
    bands = [np.asarray(luma, float)]
    for band in (1, 2):
        half = np.asarray(chroma, float)[..., band]
        half = np.pad(half, [(0, -side % 8) for side in half.shape], mode="edge")
        blocks = half.reshape(half.shape[0] // 8, 8, -1, 8).swapaxes(1, 2)
        spectrum = np.zeros((*blocks.shape[:2], 16, 16))
        spectrum[..., :8, :8] = 2 * dctn(blocks, axes=(2, 3), norm="ortho")
        whole = idctn(spectrum, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(2 * half.shape[0], -1)
        bands.append(to_uint8(whole)[:height, :width])
    return ycbcr_to_rgb(np.dstack(bands), "jpeg")


def study():
    return load_study("keras_espcn")[0]


def ten(data_root):
    files = [data_root / source for source in study().data.test["ten"]]
    assert files == sorted((data_root / "bsds500" / "test").iterdir())[50:60]
    return files


def psnr(hr, estimate):
    return score(hr, estimate, ["psnr"])["psnr"]


def test_the_bicubic_figure_of_the_ten_pictures_is_the_pages(data_root):
    found = []
    for file in ten(data_root):
        hr = reference(as_decoded_then(file), study().data)
        found.append(psnr(hr, to_uint8(degrade(hr, scale=3, resampling=study().data.resampling))))
    assert np.mean(found) == pytest.approx(PAGE_MEAN_DB, abs=0.01)
    assert found == pytest.approx(PAGE_DB, abs=0.02)


def test_by_the_studys_own_bands_bicubic_scores_as_docs_keras_says(data_root):
    data, found = study().data, []
    for file in ten(data_root):
        hr = reference(read_picture(file), data)
        found.append(psnr(hr, ycbcr_to_rgb(np.rint(interpolated_bands(hr, data)), data.luma)))
    assert np.mean(found) == pytest.approx(26.725, abs=0.001)


def test_the_ten_pictures_are_among_those_that_keras_trains_on(data_root):
    data = study().data
    held_out = held_out_pictures([str(number) for number in range(500)], data.holdout, data.holdout_seed)
    assert len(held_out) == 100
    assert not held_out & set(range(50, 60))


def test_the_examples_leak_is_named_unless_it_is_declared(data_root, tmp_path):
    refused, _ = load_study("keras_espcn", ["data.allow_leak=false"])
    with pytest.raises(ConfigError, match=r"^10 evaluation pictures are among the training pictures") as caught:
        make_plan(refused, RootPaths(tmp_path), data_root)
    assert all(f"{file} (set ten) is training picture {file}" in str(caught.value) for file in ten(data_root))
    plan = make_plan(study(), RootPaths(tmp_path), data_root)
    assert any(note.startswith("10 evaluation pictures are among the training pictures") for note in plan.notes)
    assert [run.label for run in plan.runs] == ["leaked", "apart"]


def test_without_its_leak_the_study_needs_nothing_declared(data_root, tmp_path):
    apart = ["data.allow_leak=false", "sweep={}", "data.train=[bsds500/train, bsds500/val]"]
    plan = make_plan(load_study("keras_espcn", apart)[0], RootPaths(tmp_path), data_root)
    assert len(plan.runs) == 1
    assert not plan.notes
