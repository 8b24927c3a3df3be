"""No command writes over what it reads, nor over another file unless it is told to."""

import argparse
import errno
import os
import shutil
import sys

import pytest
import yaml
from conftest import tiny_study, write_pictures
from PIL import Image

from analysis import plot
from benchmarks import scoring
from benchmarks.written import require_free, write_figures
from jobs import compare_folders
from jobs.kept_scores import KeptScores, is_kept
from jobs.restore import main as restore
from runner import submit
from runner.study import config as submit_config
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
    assert "is not a file, but a folder, a pipe, a socket or a device" in (
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
    assert (ended.status, f"{tmp_path}/out/photo1.png is not a file" in ended.err) == (1, True), ended
    error = IsADirectoryError(errno.EISDIR, "Is a directory", "/out/.temporary", None, "/out/a.png")
    assert sentence(error).startswith("/out/a.png: Is a directory; a folder is in the place of a file")


# --- scores -----------------------------------------------------------------------------------
@pytest.fixture
def pictures(tmp_path):
    for folder in ("originals", "mine"):
        write_pictures(tmp_path / folder, [1])
    return tmp_path


def scored(ends, folder, out, *more):
    folders = ["--reference", folder / "originals", "--estimate", folder / "mine", "--out", out]
    return ends(compare_folders.main, *folders, "--metrics", "psnr", "--workers", "1", *more)


def test_scores_replace_their_own_table_and_no_other_file(ends, pictures):
    out = pictures / "out"
    target = out / "scores.parquet"
    for _ in range(2):
        assert scored(ends, pictures, out).status == 0
    shutil.copy(target, pictures / "mine.parquet")
    for place in ("link", "hard link"):
        target.unlink()
        picture = pictures / "originals" / "photo1.png"
        before = picture.read_bytes()
        target.symlink_to(picture) if place == "link" else os.link(picture, target)
        ended = scored(ends, pictures, out, "--overwrite")
        assert (ended.status, "is read by this command" in ended.said) == (2, True)
        assert picture.read_bytes() == before
    target.unlink()
    target.symlink_to(pictures / "mine.parquet")
    assert "is there already, and not written by this command" in scored(ends, pictures, out).said
    target.unlink()
    assert scored(ends, pictures, pictures / "originals").status == 0  # a table beside pictures harms none


@pytest.mark.parametrize("how", ["file", "link", "pipe"])
def test_kept_scores_are_added_to_no_file_of_somebody_else(ends, pictures, monkeypatch, how):
    out, names = pictures / "out", []
    real = KeptScores.adding
    monkeypatch.setattr(KeptScores, "adding", lambda self: names.append(self.file) or real(self))
    assert scored(ends, pictures, out).status == 0
    (kept,) = names
    assert not kept.exists()
    diary = pictures / "diary.jsonl"
    diary.write_text('{"day": 1}\n')
    if how == "pipe":
        os.mkfifo(kept)
    elif how == "link":
        kept.symlink_to(diary)
    else:
        os.link(diary, kept)
    ended = scored(ends, pictures, out)
    assert (ended.status, f"{kept} is there already, and not written by this command" in ended.said) == (2, True)
    assert scored(ends, pictures, out, "--overwrite").status == 2 * (how == "pipe")
    assert diary.read_text() == '{"day": 1}\n'


@pytest.mark.parametrize(
    ("content", "own"),
    [
        *((b"", True), (b"\n", True), (b'\n{"na', True), (b'\n\n{"name": "a", "state": []', True)),
        *((b"text", False), (b'{"name": "a"}', False), (b'\n{"day": 1}', False), (bytes(9), False)),
    ],
)
def test_kept_scores_are_known_by_how_they_begin_also_when_they_are_cut(tmp_path, content, own):
    (tmp_path / "kept").write_bytes(content)
    assert is_kept(tmp_path / "kept") == own
    assert not is_kept(tmp_path)


# --- studies ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["study.yaml", "report/index.html"])
def test_a_study_replaces_no_file_in_a_folder_into_which_none_was_submitted(ends, tmp_path, name):
    own = tmp_path / "mine" / name
    own.parent.mkdir(parents=True)
    study = tiny_study(tmp_path, name="mine")
    study = study.rename(own) if name == "study.yaml" else study
    for path in ("train", "test", "eval"):
        if name == "study.yaml":
            (tmp_path / path).rename(own.parent / path)
    own.write_text(f"# by hand\n{study.read_text()}")
    before = own.read_text()
    for more in (["--dry-run"], []):
        ended = ends(submit.main, study, "--executor", "debug", "--root", tmp_path, *more)
        assert (ended.status, f"error: {own} is there already" in ended.said) == (2, True)
    assert own.read_text() == before
    assert ends(submit.main, study, "name=other", "--executor", "debug", "--root", tmp_path, "--dry-run").status == 0


def test_a_submission_that_ended_at_its_first_file_is_submitted_again(ends, tmp_path):
    study = tiny_study(tmp_path)
    resolved, _ = submit_config.load_study(str(study))
    submit_config.save_study(resolved, tmp_path / "results" / "tiny" / "study.yaml")
    assert ends(submit.main, study, "--executor", "debug", "--root", tmp_path / "results", "--dry-run").status == 0


# --- benchmarks -------------------------------------------------------------------------------
def test_a_benchmark_replaces_its_own_figures_and_no_other_file(tmp_path, monkeypatch):
    (tmp_path / "other.json").write_text(yaml.safe_dump([1]))
    monkeypatch.setattr(sys, "argv", ["scoring", "--json", str(tmp_path / "other.json")])
    with pytest.raises(SystemExit, match="is there already, and not written by this command; choose another --json"):
        scoring.main()
    arguments = argparse.Namespace(json=tmp_path / "own.json", overwrite=False)
    for _ in range(2):
        require_free(arguments)
        write_figures(arguments, "scoring", {"a": 1})
