"""What can be known when a study is submitted is refused then, and names that are merely unusual work."""

import os

import pytest
from conftest import tiny_study, write_pictures

from analysis.plot import main as plot
from jobs.compare_folders import main as evaluate
from jobs.names import too_long
from jobs.restore import main as restore
from runner.submit import main as submit
from srcnn.models.published import main as published


def dry(file, root):
    return file, "--dry-run", "--executor", "debug", "--root", root


@pytest.mark.parametrize("name", ["x" * 251, "é" * 125 + "x"])  # 251 bytes each, as long as NAME.png may be
def test_the_longest_name_that_a_file_system_takes_is_a_name(tmp_path, ends, name):
    file = tiny_study(tmp_path)
    os.rename(tmp_path / "test" / "photo3.png", tmp_path / "test" / f"{name}.png")
    assert ends(submit, *dry(file, tmp_path / "root")).status == 0
    assert len(os.fsencode(name)) == 251


def test_a_name_that_is_too_long_for_a_restored_picture_is_refused(tmp_path, ends):
    file = tiny_study(tmp_path)
    # Letters that are composed by their decomposition, which is longer: U+0958 is two letters in NFC.
    name = "\u0958" * 80
    os.rename(tmp_path / "test" / "photo3.png", tmp_path / "test" / f"{name}.png")
    ended = ends(submit, *dry(file, tmp_path / "root"))
    assert ended.status == 2
    assert "is a name of 484 bytes" in ended.err
    assert "takes 255; shorten it" in ended.err


def test_a_set_with_a_name_that_no_folder_can_have_is_refused(tmp_path, ends):
    file = tiny_study(tmp_path, data__test={"x" * 300: ["test"]})
    ended = ends(submit, *dry(file, tmp_path / "root"))
    assert ended.status == 2
    assert "is a name of 300 bytes" in ended.err


def test_a_path_that_is_too_long_as_a_whole_is_refused(tmp_path):
    path = tmp_path.joinpath(*["x" * 200] * 20, "a.png")
    assert "choose a shorter --root" in too_long(path, tmp_path)
    assert too_long(tmp_path.joinpath(*["x" * 200] * 15, "a.png"), tmp_path) is None


def test_a_name_that_is_no_utf8_is_refused(tmp_path, ends):
    file = tiny_study(tmp_path)
    os.rename(tmp_path / "test" / "photo3.png", os.fsencode(tmp_path / "test") + b"/caf\xe9.png")
    ended = ends(submit, *dry(file, tmp_path / "root"))
    assert ended.status == 2
    assert "its name is no UTF-8; rename it" in ended.err


@pytest.mark.parametrize("name", ["$x_1^{$", "[red]a[red] [bold", "{a} %d %j #'\"", "-n", "a\nb", "<b>&amp;"])
def test_markup_in_names_of_pictures_is_a_name(tmp_path, ends, name):
    file = tiny_study(tmp_path)
    os.rename(tmp_path / "test" / "photo3.png", tmp_path / "test" / f"{name}.png")
    assert ends(submit, *dry(file, tmp_path / "root")).status == 0


@pytest.mark.parametrize("place", ["below a file", "a pipe", "in /proc"])
def test_an_out_that_cannot_be_written_is_refused_before_the_work(tmp_path, ends, finished, place):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    out = {"below a file": tmp_path / "file" / "out", "a pipe": tmp_path / "pipe", "in /proc": "/proc/nowhere/out"}[
        place
    ]
    pictures = write_pictures(tmp_path / "pictures", [1])
    run = next(finished.runs.iterdir())
    ended = ends(restore, pictures, "--model", run, "--out", out)
    assert ended.status == 2
    assert not ended.out
    ended = ends(evaluate, "--reference", pictures, "--estimate", pictures, "--metrics", "psnr", "--out", out)
    assert ended.status == 2
    assert "comparison" not in ended.out
    if place != "a pipe":  # which is no folder, but as a file's name it may be replaced
        picture = f"{out}/a.png"
        assert ends(plot, finished.folder, "--x", "epoch", "--y", "psnr", "--out", picture).status == 2
        checkpoint = next(finished.runs.glob("*/checkpoints/best.pt"))
        assert ends(published, checkpoint, "--scale", 2, "--out", f"{out}/a.pt").status == 2
        assert ends(submit, *dry(tiny_study(tmp_path), out)).status == 2
