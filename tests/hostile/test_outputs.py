"""No command writes over what it reads, nor over another file unless it is told to."""

import os
import shutil

import pytest
from PIL import Image

from analysis import plot
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
