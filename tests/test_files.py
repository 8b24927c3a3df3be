import io
import os
import pickle

import cv2
import numpy as np
import pytest
from PIL import Image

from srcnn.damage import DamagedFile
from srcnn.files import (
    PICTURE_SUFFIXES,
    EncodingError,
    PictureError,
    atomic_path,
    holds,
    read_cache,
    read_json,
    read_picture,
    read_text,
    write_json,
    write_picture,
    write_text,
)


def picture(height=12, width=17, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def deep(bands):
    """16-bit noise; OpenCV writes what Pillow cannot."""
    return np.random.default_rng(0).integers(0, 65536, (12, 17, bands)).astype(np.uint16)


# --- red is red -------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_a_written_red_picture_is_red_in_opencv(tmp_path, suffix):
    red = np.zeros((8, 9, 3), np.uint8)
    red[..., 0] = 255
    write_picture(tmp_path / f"red{suffix}", red)
    blue_green_red = cv2.imread(str(tmp_path / f"red{suffix}"), cv2.IMREAD_UNCHANGED)
    assert np.all(blue_green_red == (0, 0, 255))
    assert np.array_equal(read_picture(tmp_path / f"red{suffix}"), red)


def test_a_red_picture_of_opencv_is_read_as_red(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((8, 9, 3), (0, 0, 255), np.uint8))
    assert np.all(read_picture(tmp_path / "red.png") == (255, 0, 0))


def test_every_pixel_survives_png(tmp_path):
    write_picture(tmp_path / "a.png", picture())
    assert np.array_equal(read_picture(tmp_path / "a.png"), picture())


def test_a_grey_array_is_written_as_a_grey_file(tmp_path):
    write_picture(tmp_path / "grey.png", picture()[..., 0])
    with Image.open(tmp_path / "grey.png") as image:
        assert image.mode == "L"
    assert np.array_equal(read_picture(tmp_path / "grey.png"), picture()[..., :1].repeat(3, axis=2))


# --- what is handled --------------------------------------------------------------------------
def test_one_bit_files_are_black_and_white(tmp_path):
    bits = picture()[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert np.array_equal(read_picture(tmp_path / "bits.png"), np.where(bits, 255, 0)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palettes_are_resolved(tmp_path, suffix):
    paletted = Image.fromarray(picture()).quantize(16)
    paletted.save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_picture(tmp_path / f"a.{suffix}"), np.asarray(paletted.convert("RGB")))


@pytest.mark.parametrize("grey", [False, True])
def test_an_opaque_alpha_band_is_dropped(tmp_path, grey):
    image = Image.fromarray(picture()[..., 0] if grey else picture())
    image.putalpha(255)
    image.save(tmp_path / "a.png")
    expected = picture()[..., :1].repeat(3, axis=2) if grey else picture()
    assert np.array_equal(read_picture(tmp_path / "a.png"), expected)


# EXIF 2.3: 6 means that the top row of what is seen is the right column of what is stored.
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (8, 1), (3, 2), (6, 3)])
def test_rotated_photographs_come_upright(tmp_path, orientation, turns):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=95)
    upright = read_picture(tmp_path / "a.jpg")
    assert upright.shape == np.rot90(stored, turns).shape
    assert np.abs(upright.astype(int) - np.rot90(stored, turns)).mean() < 3


@pytest.mark.parametrize("width", [17, 388, 389])
def test_the_length_of_a_bmp_row_is_not_taken_for_its_depth(tmp_path, width):
    # 388 pixels make rows of 1164 bytes; "16" in a format's numbers once passed for 16 bits.
    write_picture(tmp_path / "a.bmp", picture(3, width))
    assert np.array_equal(read_picture(tmp_path / "a.bmp"), picture(3, width))


@pytest.mark.parametrize("height", range(1, 30))
def test_the_offsets_in_a_compressed_tiff_are_not_taken_for_its_depth(tmp_path, height):
    Image.fromarray(picture(height, 18)).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_picture(tmp_path / "a.tif"), picture(height, 18))


def test_a_path_with_spaces_and_umlauts_is_a_path(tmp_path):
    file = tmp_path / "zwei Wörter" / "ein Bild.png"
    write_picture(file, picture())
    assert np.array_equal(read_picture(file), picture())


# --- what is refused, by name and reason ------------------------------------------------------
def _refused(tmp_path, name, reason):
    with pytest.raises(PictureError) as caught:
        read_picture(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert reason in str(caught.value)


def test_a_partly_transparent_picture_is_refused(tmp_path):
    alpha = np.full((12, 17), 255, np.uint8)
    alpha[3, 4] = 254
    Image.fromarray(np.dstack([picture(), alpha])).save(tmp_path / "a.png")
    _refused(tmp_path, "a.png", "partly transparent")


def test_a_transparent_palette_entry_is_refused_where_it_is_used(tmp_path):
    Image.fromarray(picture()).quantize(8).save(tmp_path / "a.png", transparency=0)
    _refused(tmp_path, "a.png", "partly transparent")


def test_a_transparent_colour_is_refused_where_it_is_used(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "used.png", transparency=tuple(picture()[5, 5].tolist()))
    _refused(tmp_path, "used.png", "partly transparent")
    even = picture() // 2 * 2
    Image.fromarray(even).save(tmp_path / "unused.png", transparency=(1, 1, 1))
    assert np.array_equal(read_picture(tmp_path / "unused.png"), even)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.pgm", "rgb.png", "rgba.png", "rgb.tif", "rgb.ppm"])
def test_more_than_8_bits_a_band_are_refused(tmp_path, name):
    bands = {"grey": 1, "rgb": 3, "rgba": 4}[name.split(".")[0]]
    assert cv2.imwrite(str(tmp_path / name), deep(bands))
    _refused(tmp_path, name, "more than 8 bits")


def test_12_bit_samples_in_a_ppm_file_are_refused(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 2 1 4095\n" + bytes(12))
    _refused(tmp_path, "a.ppm", "more than 8 bits")


def test_floating_point_samples_are_refused(tmp_path):
    Image.fromarray(np.zeros((5, 6), np.float32)).save(tmp_path / "a.tif")
    _refused(tmp_path, "a.tif", "more than 8 bits")


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "jpg"), ("CMYK", "tif"), ("LAB", "tif")])
def test_other_colour_models_are_refused(tmp_path, mode, suffix):
    Image.new(mode, (12, 8)).save(tmp_path / f"a.{suffix}")
    _refused(tmp_path, f"a.{suffix}", f"colour mode {mode}")


@pytest.mark.parametrize("suffix", ["gif", "png", "tif"])
def test_several_frames_are_refused(tmp_path, suffix):
    frames = [Image.fromarray(picture(seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    _refused(tmp_path, f"a.{suffix}", "3 frames")


@pytest.mark.parametrize("suffix", ["png", "jpeg", "bmp", "ppm", "gif"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    buffer = io.BytesIO()
    Image.fromarray(picture(64, 64)).save(buffer, suffix)
    whole = buffer.getvalue()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: int(len(whole) * share)])
    _refused(tmp_path, f"a.{suffix}", "is ")


def test_a_header_that_claims_an_enormous_size_is_refused(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "bmp")
    damaged = bytearray(buffer.getvalue())
    damaged[18:26] = (1 << 20).to_bytes(4, "little") * 2  # width and height of BITMAPINFOHEADER
    (tmp_path / "a.bmp").write_bytes(damaged)
    _refused(tmp_path, "a.bmp", "too large")


def test_a_tiff_without_its_size_is_refused(tmp_path):
    # An image file directory with no entries: valid TIFF 6.0 as far as it goes, but no picture.
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    _refused(tmp_path, "a.tif", "is ")


def test_a_text_an_empty_file_and_a_folder_are_refused(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    _refused(tmp_path, "a.png", "is not a picture of a kind that is read")
    (tmp_path / "b.png").touch()
    _refused(tmp_path, "b.png", "is not a picture of a kind that is read")
    (tmp_path / "c.png").mkdir()
    _refused(tmp_path, "c.png", "is a folder, not a picture")


def test_a_missing_file_is_refused_and_the_cause_is_chained(tmp_path):
    _refused(tmp_path, "a.png", "no such file")
    with pytest.raises(PictureError) as caught:
        read_picture(tmp_path / "a.png")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_every_suffix_that_counts_as_a_picture_can_be_read(tmp_path):
    for suffix in sorted(PICTURE_SUFFIXES):
        file = tmp_path / f"a{suffix}"
        write_picture(file, picture()[..., 0] if suffix == ".pgm" else picture())
        assert read_picture(file).shape == (12, 17, 3)


# --- complete or absent -----------------------------------------------------------------------
def test_a_file_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "new folder" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == target.suffix
    assert target.read_text() == "half"
    assert os.listdir(target.parent) == ["a.txt"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail_half_way():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        fail_half_way()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failure_before_anything_was_written_is_not_hidden(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a.txt"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_two_writers_of_one_file_use_two_names_and_the_last_wins(tmp_path):
    target = tmp_path / "a.txt"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_temporary_name_is_hidden_from_globs_for_pictures(tmp_path):
    with atomic_path(tmp_path / "a.png") as temporary:
        temporary.touch()
        assert temporary.name.startswith(".")


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="unknown file extension"):
        write_picture(tmp_path / "a.nonsense", picture())
    with pytest.raises(TypeError):
        write_picture(tmp_path / "a.png", np.zeros((4, 4, 7), np.uint8))
    assert os.listdir(tmp_path) == []


def test_json_comes_back_as_it_was_and_a_missing_file_is_none(tmp_path):
    value = {"ü": [1, 2.5, None, True], "nested": {"a": "b"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert read_json(tmp_path / "b.json") is None


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert read_json(tmp_path / "a.json") == 1
    assert os.listdir(tmp_path) == ["a.json"]


# --- damage -----------------------------------------------------------------------------------
@pytest.mark.parametrize("content", [b"", b'{"a": [1, 2', b"\x00\xff\xfe", b"null", b"[]"])
def test_a_damaged_json_file_is_named_with_the_remedy(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.json: is damaged \(.+\); submit the study again"):
        read_json(tmp_path / "a.json", lambda value: value["a"])


def test_a_damaged_cache_is_set_aside_and_counts_as_absent(tmp_path):
    (tmp_path / "a.json").write_bytes(b"")
    assert read_cache(tmp_path / "a.json") is None
    assert [file.name for file in tmp_path.iterdir()] == ["a.json.damaged"]


def test_a_damaged_file_holds_nothing(tmp_path):
    (tmp_path / "a.json").write_text("{")
    assert not holds(tmp_path / "a.json", {})
    write_json(tmp_path / "a.json", {})
    assert holds(tmp_path / "a.json", {})


def test_a_damaged_file_is_named_by_worker_processes_too(tmp_path):
    error = DamagedFile(tmp_path / "a", "it is empty")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path) == (str(error), error.path)


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "a." + "x" * 240])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path, name):
    write_text(tmp_path / name, "content")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_what_must_outlive_a_power_loss_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr("os.fsync", lambda _: done.append("fsync"))
    monkeypatch.setattr("os.replace", lambda *_: done.append("rename"))
    write_json(tmp_path / "a.json", {}, durable=True)
    assert done == ["fsync", "rename"]
    write_json(tmp_path / "a.json", {})
    assert done[2:] == ["rename"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("size: 3\nname: é".encode("latin-1"), r"line 2, byte 7 \(0xe9\) is not UTF-8; .*iconv -f WINDOWS-1252"),
        ("é".encode("utf-16"), r"is UTF-16 or UTF-32, not UTF-8; .*iconv -f UTF-16"),
        ("name: é".encode("utf-16-le"), "is UTF-16 or UTF-32"),
        ("name: é".encode("utf-32-be"), "is UTF-16 or UTF-32"),
        (b"abc\xed\xa0\x80", r"line 1, byte 4 \(0xed\)"),
    ],
)
def test_text_that_is_not_in_utf8_is_named_with_its_place(tmp_path, content, complaint):
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    with pytest.raises(EncodingError, match=complaint):
        read_text(file)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + '["é"]'.encode())
    assert read_json(tmp_path / "a.json") == ["é"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: os.mkfifo(path), "is a pipe, a socket or a device"),
        (lambda path: path.symlink_to("nowhere"), "is a link that leads nowhere"),
        (lambda path: path.symlink_to(path), "is a link that leads nowhere"),
    ],
)
def test_what_is_no_file_is_no_picture_and_nobody_waits_for_it(tmp_path, make, reason):
    make(tmp_path / "a.png")
    _refused(tmp_path, "a.png", reason)
