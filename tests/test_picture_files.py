"""What is called a picture and is none, or is one of an unusual kind, is named at every door and starts nothing."""

import errno
import os
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from conftest import photograph, tiny_study, write_pictures
from PIL import Image

from jobs.checkpoint import set_aside_damaged
from jobs.compare_folders import main as evaluate
from jobs.restore import main as restore
from runner.submit import main as submit
from srcnn.checkpoint import Checkpoint, CheckpointError
from srcnn.damage import DamagedFile
from srcnn.dataset import read_planes
from srcnn.files import PictureError, is_grey_file, read_json, read_picture
from srcnn.history import read_history
from srcnn.models.weights import WeightsError, read_weights
from srcnn.shard_rows import read_shards
from srcnn.whole import is_cut

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 80\n%%EndComments\nshowpage\n"


def postscript(path):
    path.write_bytes(EPS)


def xbm(path):
    path.write_bytes(b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = { 0x01 };\n")


def icon(path):
    Image.fromarray(photograph(9)).save(path, "ICO")


def bomb(path):
    """A PNG of 180 bytes that says it has 10^10 pixels."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def cut(path):
    Image.fromarray(photograph(9)).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:900])


def animated(path):
    frames = [Image.fromarray(photograph(seed)) for seed in (8, 9)]
    frames[0].save(path, "PNG", save_all=True, append_images=frames[1:])


def deep(path):
    Image.fromarray(np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)).save(path, "PNG")


def cmyk(path):
    Image.fromarray(photograph(9)).convert("CMYK").save(path, "JPEG")


UNUSABLE = {
    "PostScript": (postscript, "is not a picture of a kind that is read"),
    "XBM": (xbm, "is not a picture of a kind that is read"),
    "an icon": (icon, "is not a picture of a kind that is read"),
    "a bomb": (bomb, "is too large"),
    "a cut file": (cut, "is broken"),
    "an animation": (animated, "holds 2 frames"),
    "16 bits": (deep, "has more than 8 bits"),
    "CMYK": (cmyk, "has colour mode CMYK"),
    "an empty file": (lambda path: path.touch(), "is not a picture of a kind that is read"),
    "a pipe": (os.mkfifo, "is a pipe, a socket or a device"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a pipe, a socket or a device"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a link to nothing": (lambda path: path.symlink_to("nothing.png"), "is a link that leads nowhere"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_used_as_a_picture_is_named_with_the_reason(tmp_path, kind):
    make, reason = UNUSABLE[kind]
    make(tmp_path / "a.png")
    for read in (read_picture, is_grey_file):
        if read is is_grey_file and reason.startswith(("is broken", "holds", "has")):
            continue  # its header is all that is looked at
        with pytest.raises(PictureError, match=reason) as caught:
            read(tmp_path / "a.png")
        assert str(tmp_path / "a.png") in str(caught.value)


def test_a_postscript_file_called_png_starts_no_program_at_any_door(ends, tmp_path, monkeypatch, finished):
    (tmp_path / "bin").mkdir()
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    file = tiny_study(tmp_path)
    for folder in ("train", "test", "eval"):
        postscript(tmp_path / folder / "photo9.png")
    ended = ends(submit, file, "--dry-run", "--executor", "debug", "--root", tmp_path / "root")
    assert ended.status == 2
    assert "train/photo9.png: is not a picture of a kind that is read" in ended.said
    run = next(finished.runs.iterdir())
    ended = ends(restore, tmp_path / "test", "--model", run, "--out", tmp_path / "restored")
    assert ended.status == 1
    assert "photo9.png: is not a picture of a kind" in ended.said
    ended = ends(
        evaluate, "--reference", tmp_path / "test", "--estimate", tmp_path / "test", "--out", tmp_path / "scores"
    )
    assert ended.status == 1
    assert "photo9.png: is not a picture of a kind" in ended.said
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a bomb"])
def test_a_pipe_a_device_or_a_bomb_among_pictures_stops_no_command_for_ever(ends, tmp_path, finished, kind):
    make, reason = UNUSABLE[kind]
    pictures = write_pictures(tmp_path / "pictures", [3])
    make(pictures / "b.png")
    run = next(finished.runs.iterdir())
    assert reason in ends(restore, pictures, "--model", run, "--out", tmp_path / "restored").said
    assert reason in ends(evaluate, "--reference", pictures, "--estimate", pictures, "--out", tmp_path / "scores").said
    file = tiny_study(tmp_path, data={"train": "pictures", "scale": 2, "patch_size": 17, "stride": 8})
    assert reason in ends(submit, file, "--dry-run", "--executor", "debug", "--root", tmp_path / "root").said


def test_a_pipe_or_a_device_is_opened_by_no_reader_of_files(tmp_path):
    readers = {
        Checkpoint.load: CheckpointError,
        read_weights: WeightsError,
        read_json: DamagedFile,
        read_history: DamagedFile,
        lambda path: list(read_shards([path])): DamagedFile,
        read_planes: DamagedFile,
    }
    for read, error in readers.items():
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
            make(tmp_path / "a")
            with pytest.raises(error, match="/a: "):
                read(tmp_path / "a")
            (tmp_path / "a").unlink(missing_ok=True)  # some set it aside
    os.mkfifo(tmp_path / "a")
    assert is_cut(tmp_path / "a")
    assert set_aside_damaged(tmp_path / "a")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "gif", "bmp", "ppm"])
def test_a_picture_with_changed_bytes_is_read_or_refused_by_name(tmp_path, suffix):
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(photograph(9)).save(whole)
    rng, content = np.random.default_rng(7), whole.read_bytes()
    for _ in range(60):
        spoilt = bytearray(content[: rng.integers(1, len(content) + 1)])
        for place in rng.integers(0, min(len(spoilt), 400), rng.integers(1, 6)):
            spoilt[place] = rng.integers(256)
        (tmp_path / f"a.{suffix}").write_bytes(spoilt)
        with suppress(PictureError):  # no other error
            assert read_picture(tmp_path / f"a.{suffix}").dtype == np.uint8


def test_a_folder_that_cannot_be_looked_into_is_no_folder_without_pictures(tmp_path, ends, monkeypatch):
    """Root may look into every folder: for it the refusal is played."""
    file = tiny_study(tmp_path)
    (tmp_path / "train" / "more").mkdir()
    for name in ("photo1.png", "photo2.png"):  # a folder with pictures itself is looked into no deeper
        (tmp_path / "train" / name).rename(tmp_path / "train" / "more" / name)
    closed = tmp_path / "train" / "closed"
    closed.mkdir(mode=0o000)
    real = os.scandir

    def scandir(place):
        if os.fspath(place) == os.fspath(closed):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
        return real(place)

    monkeypatch.setattr("os.scandir", scandir)
    ended = ends(submit, file, "--dry-run", "--executor", "debug", "--root", tmp_path / "root")
    assert (ended.status, f"{closed}: cannot be looked into (Permission denied)" in ended.err) == (2, True), ended
