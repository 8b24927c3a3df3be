"""Pictures of more than 8 bits or three bands are compared as they are, or refused; nothing is reduced."""

import json

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from pictures import noisy, photograph
from PIL import Image

from jobs.compare_folders import main as evaluate
from srcnn.deep import read_deep
from srcnn.files import PictureError, read_picture
from srcnn.metrics import METRICS, QUICK_METRICS, score
from srcnn.metrics.__main__ import main


def deep(bands=3, dtype=np.uint16, seed=0):
    """A picture and a worse one whose values 8 bits cannot hold."""
    rng = np.random.default_rng(seed)
    scale = {1: 1, 2: 257}.get(np.dtype(dtype).itemsize, 1 / 255)
    pair = []
    for image in (photograph(), noisy(photograph(), 9, seed)):
        stack = np.stack([image[..., band % 3] for band in range(bands)], axis=-1)
        values = stack * float(scale) + rng.uniform(0, 0.9 * scale, stack.shape)
        pair.append(values.astype(dtype))
    return pair


def png(path, picture):
    assert cv2.imwrite(str(path), picture[..., ::-1])


def tiff(path, picture, **options):
    tifffile.imwrite(path, picture, **{"photometric": "rgb" if picture.shape[2] == 3 else "minisblack"} | options)


def planar(path, picture):
    tiff(path, np.moveaxis(picture, 2, 0), photometric="minisblack", planarconfig="separate")


def lzw(path, picture):
    assert cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])


KINDS = {
    "PNG of 16 bits": ("a.png", png, 3, np.uint16),
    "TIFF of 16 bits": ("a.tif", tiff, 3, np.uint16),
    "TIFF of 16 bits, LZW": ("a.tiff", lzw, 3, np.uint16),
    "TIFF of 16 bits, deflate": ("a.tif", lambda path, picture: tiff(path, picture, compression="zlib"), 3, np.uint16),
    "TIFF of floats": ("a.tif", tiff, 3, np.float32),
    "TIFF of doubles": ("a.tif", tiff, 3, np.float64),
    "TIFF of 7 bands": ("a.tif", lambda path, picture: tiff(path, picture, planarconfig="contig"), 7, np.uint16),
    "TIFF of 5 planes": ("a.tif", planar, 5, np.float32),
    "TIFF of 6 bands of bytes": (
        "a.tif",
        lambda path, picture: tiff(path, picture, planarconfig="contig"),
        6,
        np.uint8,
    ),
    "TIFF of 2 bands": ("a.tif", lambda path, picture: tiff(path, picture, planarconfig="contig"), 2, np.uint16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_read_to_the_last_bit_of_every_band(tmp_path, kind):
    name, write, bands, dtype = KINDS[kind]
    picture, _ = deep(bands, dtype)
    write(tmp_path / name, picture)
    found = read_deep(tmp_path / name)
    assert found.dtype == dtype
    assert np.array_equal(found, picture)
    if dtype != np.uint8:
        with pytest.raises(PictureError):  # what trains and restores takes none of them
            read_picture(tmp_path / name)


def test_one_band_becomes_three_and_an_opaque_alpha_band_goes(tmp_path):
    (picture, _), full = deep(), 65535
    cv2.imwrite(str(tmp_path / "grey.png"), picture[..., 0])
    tifffile.imwrite(tmp_path / "grey.tif", picture[..., 0])
    for name in ("grey.png", "grey.tif"):
        assert np.array_equal(read_deep(tmp_path / name), np.repeat(picture[..., :1], 3, axis=2))
    alpha = np.dstack([picture, np.full(picture.shape[:2], full, np.uint16)])
    cv2.imwrite(str(tmp_path / "alpha.png"), alpha[..., [2, 1, 0, 3]])
    tifffile.imwrite(tmp_path / "alpha.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    for name in ("alpha.png", "alpha.tif"):
        assert np.array_equal(read_deep(tmp_path / name), picture)
    alpha[3, 4, 3] = 7
    cv2.imwrite(str(tmp_path / "alpha.png"), alpha)
    tifffile.imwrite(tmp_path / "alpha.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    for name in ("alpha.png", "alpha.tif"):
        with pytest.raises(PictureError, match="is partly transparent"):
            read_deep(tmp_path / name)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_a_picture_of_8_bits_is_read_as_everywhere(tmp_path, suffix):
    for mode in ("RGB", "L"):
        Image.fromarray(photograph()).convert(mode).save(tmp_path / f"a{suffix}")
        assert np.array_equal(read_deep(tmp_path / f"a{suffix}"), read_picture(tmp_path / f"a{suffix}"))


def cut(path, picture):
    png(path, picture)
    path.write_bytes(path.read_bytes()[:3000])


def changed(path, picture):
    png(path, picture)
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)


def cut_tiff(path, picture):
    tiff(path, picture)
    path.write_bytes(path.read_bytes()[:4000])


def cut_lzw(path, picture):
    lzw(path, picture)
    path.write_bytes(path.read_bytes()[:4000])


REFUSED = {
    "a cut PNG": ("a.png", cut, "is broken"),
    "a PNG with a bit changed": ("a.png", changed, "is broken"),
    "a cut TIFF": ("a.tif", cut_tiff, "is broken|is not a picture"),
    "a cut TIFF, LZW": ("a.tif", cut_lzw, "is broken|is not a picture"),
    "pages": (
        "a.tif",
        lambda path, p: tifffile.imwrite(path, np.moveaxis(p, 2, 0), photometric="minisblack"),
        "3 pages",
    ),
    "white as 0": ("a.tif", lambda path, p: tifffile.imwrite(path, p[..., 0], photometric="miniswhite"), "MINISWHITE"),
    "CMYK": ("a.tif", lambda path, p: tiff(path, np.dstack([p, p[..., :1]]), photometric="separated"), "SEPARATED"),
    "turned": (
        "a.tif",
        lambda path, p: tiff(path, p, extratags=[(274, 3, 1, 6, True)]),
        r"orientation 6\); save it up",
    ),
    "complex numbers": ("a.tif", lambda path, p: tifffile.imwrite(path, p[..., 0] * 1j), "bits of type complex"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_plain_meaning_or_is_not_whole_is_refused_with_the_reason(tmp_path, kind):
    name, write, reason = REFUSED[kind]
    write(tmp_path / name, deep()[0])
    with pytest.raises(PictureError, match=reason) as caught:
        read_deep(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_two_files_are_compared_on_the_range_of_their_type_or_the_stated_one(tmp_path, capsys):
    x, y = deep()
    files = [str(tmp_path / name) for name in ("x.png", "y.png")]
    for file, picture in zip(files, (x, y), strict=True):
        png(file, picture)
    assert main([*files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == score(x, y, data_range=65535)
    assert main([*files, "--json", "--data-range", "4095"]) == 0
    assert json.loads(capsys.readouterr().out) == score(x, y, data_range=4095)
    assert main([*files, "--definition", "package"]) == 2
    assert "has 16 bits in 3 bands, and definition package is of 8 bits" in capsys.readouterr().err
    png(files[1], y.astype(np.uint8))
    assert main(files) == 2
    assert "uint16 but estimate is (48, 64, 3) uint8" in capsys.readouterr().err


def test_floats_need_their_range(tmp_path, capsys):
    x, y = deep(4, np.float32)
    files = [str(tmp_path / name) for name in ("x.tif", "y.tif")]
    for file, picture in zip(files, (x, y), strict=True):
        tiff(file, picture, planarconfig="contig")
    assert main(files) == 2
    assert "x.tif: has floats of 32 bits in 4 bands: say the full span of the values, such" in capsys.readouterr().err
    assert main([*files, "--json", "--data-range", "1", "--metrics", "all"]) == 0
    assert json.loads(capsys.readouterr().out) == score(x, y, METRICS, data_range=1.0)


@pytest.fixture
def folders(tmp_path):
    """Two folders of multi-band pictures, and what they hold."""
    pairs = {name: deep(5, np.uint16, seed) for seed, name in enumerate(("one", "two"))}
    for name, pair in pairs.items():
        for folder, picture in zip(("x", "y"), pair, strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            tiff(tmp_path / folder / f"{name}.tif", picture, planarconfig="contig")
    return tmp_path, pairs


@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_folders_of_spectral_pictures_are_compared_band_by_band(ends, folders, backend):
    place, pairs = folders
    options = ["--reference", place / "x", "--estimate", place / "y", "--out", place / "out", "--workers", 1]
    ended = ends(evaluate, *options, "--backend", backend, "--crop", 24, 32)
    assert ended.status == 0, ended.said
    rows = pq.read_table(place / "out" / "scores.parquet").to_pylist()
    assert len(rows) == 8
    for row in rows:
        at = np.s_[row["y"] : row["y"] + 24, row["x"] : row["x"] + 32]
        expected = score(*(np.ascontiguousarray(p[at]) for p in pairs[row["image"]]), data_range=65535)
        assert {name: row[name] for name in QUICK_METRICS} == pytest.approx(expected, rel=1e-4)


def test_a_range_that_was_stated_holds_for_folders_and_makes_another_comparison(ends, folders):
    place, pairs = folders
    options = ["--reference", place / "x", "--estimate", place / "y", "--out", place / "out", "--workers", 1]
    table, comparisons = place / "out" / "scores.parquet", set()
    for stated, data_range in (((), 65535), (("--data-range", 4095), 4095)):
        assert ends(evaluate, *options, "--metrics", "psnr", *stated).status == 0
        row, _ = pq.read_table(table).to_pylist()
        assert row["psnr"] == score(*pairs[row["image"]], ["psnr"], data_range=data_range)["psnr"]
        comparisons.add(pq.read_schema(table).metadata[b"made_from"])
    assert len(comparisons) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--protocol", "luma"], "has 16 bits in 5 bands; only protocol region compares others than 8-bit RGB"),
        (["--protocol", "whole", "--crop", 24, 32], "say --protocol region"),
        (["--definition", "package"], "and definition package is of 8 bits: say --definition paper"),
    ],
)
def test_what_would_reduce_pictures_is_refused(ends, folders, options, reason):
    place, _ = folders
    ended = ends(
        evaluate,
        "--reference",
        place / "x",
        "--estimate",
        place / "y",
        "--out",
        place / "out",
        *options,
        "--workers",
        1,
    )
    assert ended.status == 2
    assert reason in ended.said
