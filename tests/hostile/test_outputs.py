"""No command writes over what it reads, nor over another file unless it is told to."""

import errno
import os
import shutil

import pytest
from conftest import write_pictures
from PIL import Image

from analysis import plot
from jobs.restore import main as restore
from srcnn.door import sentence
from srcnn.output import refuse_to_replace


def test_a_figure_replaces_a_file_only_if_that_is_said(finished, ends, tmp_path):
    out = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(out)
    before = out.read_bytes()
    ended = ends(plot.main, finished.folder, "--out", out)
    assert (ended.status, "is there already" in ended.err) == (2, True)
    assert out.read_bytes() == before
    assert ends(plot.main, finished.folder, "--out", out, "--overwrite").status == 0
    assert out.read_bytes() != before


@pytest.mark.parametrize("how", ["path", "link", "hard link"])
def test_a_figure_never_replaces_a_picture_of_the_study(finished, ends, tmp_path, how):
    picture = next(finished.runs.rglob("*.png"))
    out = tmp_path / "out.png"
    if how == "link":
        out.symlink_to(picture)
    elif how == "hard link":
        os.link(picture, out)
    else:
        out = picture
    before = picture.read_bytes()
    assert ends(plot.main, finished.folder, "--out", out, "--overwrite").status == 2
    assert picture.read_bytes() == before


def test_an_input_is_known_by_any_name(tmp_path):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"weights")
    (tmp_path / "linked.pt").symlink_to(weights)
    os.link(weights, tmp_path / "same.pt")
    shutil.copy(weights, tmp_path / "other.pt")
    for name in ("weights.pt", "linked.pt", "same.pt", "../" + tmp_path.name + "/weights.pt"):
        assert "read by this command" in (refuse_to_replace(tmp_path / name, True, weights) or "")
    assert refuse_to_replace(tmp_path / "other.pt", True, weights) is None
    assert "--overwrite" in (refuse_to_replace(tmp_path / "other.pt", False, weights) or "")
    assert refuse_to_replace(tmp_path / "new.pt", False, weights) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda place: place.symlink_to("/dev/null")])
def test_what_is_no_file_is_not_replaced_even_if_that_is_said(tmp_path, make):
    make(tmp_path / "out.pt")
    assert "is no file, but a folder, a pipe, a socket or a device" in (
        refuse_to_replace(tmp_path / "out.pt", True) or ""
    )
    (tmp_path / "link.pt").symlink_to("nothing")
    assert refuse_to_replace(tmp_path / "link.pt", True) is None


@pytest.mark.parametrize("place", ["a file", "a link to nothing", "a link to itself"])
def test_what_stands_in_the_place_of_a_folder_is_said_with_the_remedy(finished, ends, tmp_path, place):
    if place == "a file":
        (tmp_path / "out").touch()
    else:
        (tmp_path / "out").symlink_to("out" if place == "a link to itself" else "nothing/here")
    pictures = write_pictures(tmp_path / "pictures", [1])
    ended = ends(restore, pictures, "--model", next(finished.runs.iterdir()), "--out", tmp_path / "out")
    assert (ended.status, "; " in ended.err, f"error: {tmp_path}/out" in ended.err) == (2, True, True), ended


def test_a_folder_in_the_place_of_a_picture_is_named_and_not_its_temporary_name(finished, ends, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", [1])
    (tmp_path / "out" / "photo1.png").mkdir(parents=True)
    command = ["--model", next(finished.runs.iterdir()), "--out", tmp_path / "out", "--overwrite"]
    ended = ends(restore, pictures, *command)
    assert (ended.status, f"{tmp_path}/out/photo1.png is no file" in ended.err) == (1, True), ended
    error = IsADirectoryError(errno.EISDIR, "Is a directory", "/out/.temporary", None, "/out/a.png")
    assert sentence(error).startswith("/out/a.png: Is a directory; a folder is in the place of a file")
