"""Pictures that change between planning and reading go in under no old id, whatever their size and time say."""

import os
import sys

import numpy as np
import pytest
import torch
from conftest import photograph, tiny_study
from PIL import Image

from jobs.baseline import Baseline
from jobs.compare_folders import main as evaluate
from jobs.pictures import Picture, PictureError, load_set
from jobs.prepare import Prepare
from jobs.render import Render
from jobs.scoring import ScoringError
from jobs.train import Train
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.submit import main as submit
from srcnn.files import read_picture
from srcnn.models.build import build_model
from srcnn.paths import RootPaths


def disguise(file, picture):
    """Other pixels in a file of the same size and time."""
    before = file.stat()
    Image.fromarray(picture).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.fixture
def study(tmp_path):
    """The file of a tiny study whose pictures are BMP, so that all are of one size."""
    file = tiny_study(tmp_path, evaluate__protocols=["luma"], evaluate__metrics=["psnr"], training__epochs=1)
    for folder, seeds in {"train": (1, 2), "test": (3, 5), "eval": (4,)}.items():
        for png in (tmp_path / folder).iterdir():
            png.unlink()
        for seed in seeds:
            Image.fromarray(photograph(seed)).save(tmp_path / folder / f"photo{seed}.bmp")
    return file


def planned(study, verify=False):
    return make_plan(load_study(str(study))[0], RootPaths(study.parent / "results"), None, verify)


def job(plan, kind):
    return next(task.job for task in plan.tasks if isinstance(task.job, kind))


def test_a_training_picture_that_was_changed_is_not_cut_under_the_old_id(study):
    plan = planned(study)
    disguise(study.parent / "train" / "photo2.bmp", photograph(9))
    with pytest.raises(PictureError, match=r"photo2.bmp: is another picture than when the study was submitted"):
        job(plan, Prepare)()
    assert not job(plan, Prepare).is_done()
    assert planned(study).runs == plan.runs  # by size and time it is as it was
    assert planned(study, verify=True).runs != plan.runs


def test_a_scored_picture_that_was_changed_costs_its_rows_and_no_others(study):
    plan = planned(study)
    disguise(study.parent / "test" / "photo3.bmp", photograph(9))
    with pytest.raises(ScoringError, match=r"tests/photo3: .*photo3.bmp: is another picture") as caught:
        job(plan, Baseline)()
    assert "photo5" not in str(caught.value)


def test_a_picture_that_was_changed_keeps_no_other_from_being_restored(study, tmp_path):
    torch.save(build_model("9-1-5", residual=False, seed=0).state_dict(), tmp_path / "w.pt")
    study.write_text(study.read_text() + f"model: {{weights: {tmp_path / 'w.pt'}, residual: false}}\n")
    study.write_text(study.read_text().replace("epochs: 1", "epochs: 0"))
    plan = planned(study)
    disguise(tmp_path / "test" / "photo3.bmp", photograph(9))
    job(plan, Train)()
    with pytest.raises(PictureError, match=r"could not be restored:\n .*photo3.bmp: is another picture"):
        job(plan, Render)()
    restored = {file.name for file in plan.paths.folder.glob("runs/*/*/epoch_0000/*/*.png")}
    assert restored == {"photo4.png", "photo5.png"}


def test_submit_says_which_pictures_are_others_than_their_size_and_time_say(study, ends, tmp_path):
    root = ["--executor", "debug", "--root", tmp_path / "results", "--dry-run"]
    assert ends(submit, study, *root).status == 0
    disguise(tmp_path / "test" / "photo3.bmp", photograph(9))
    assert "changed while" not in ends(submit, study, *root).said
    said = ends(submit, study, *root, "--verify").said
    assert f"note: 1 picture changed while size and time stayed the same, such as {tmp_path}/test/photo3.bmp" in said


def test_a_picture_that_was_written_anew_with_the_same_pixels_is_the_same(study):
    plan = planned(study)
    file = study.parent / "test" / "photo3.bmp"
    Image.fromarray(photograph(3)).save(file, "PNG")  # its bytes are others
    (picture,) = (each for each in load_set(plan.paths.root, plan.runs[0].sets[0].set_id).pictures if "3" in each.name)
    assert np.array_equal(picture.read(), photograph(3))


def test_the_same_file_is_the_same_where_its_pixels_are_decoded_otherwise(study):
    file = study.parent / "test" / "photo3.bmp"
    content = planned(study) and next(
        each for each in load_set(RootPaths(study.parent / "results"), planned(study).runs[0].sets[0].set_id).pictures
    )
    elsewhere = Picture(**{**vars(content), "digest": "of another machine's decoder"})
    assert np.array_equal(elsewhere.read(), read_picture(file))


def test_scores_that_were_kept_of_a_picture_of_the_same_size_and_time_are_not_taken_over(tmp_path, ends, monkeypatch):
    (tmp_path / "dark_of_mine.py").write_text("def own(a, b, r):\n    assert a.mean() > 80\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    for folder in ("originals", "mine"):
        (tmp_path / folder).mkdir()
        for seed in (1, 2):
            Image.fromarray(photograph(seed) // (4 if seed == 2 else 1)).save(tmp_path / folder / f"photo{seed}.bmp")
    folders = ["--reference", tmp_path / "originals", "--estimate", tmp_path / "mine", "--out", tmp_path / "out"]
    options = [*folders, "--metrics", "psnr", "dark_of_mine:own", "--workers", 1]
    assert ends(evaluate, *options).status == 1  # photo2 is too dark, photo1 is kept
    assert "1 of 2 pictures were scored before" in ends(evaluate, *options).out
    disguise(tmp_path / "mine" / "photo1.bmp", photograph(7))
    assert "were scored before" not in ends(evaluate, *options).out
    sys.modules.pop("dark_of_mine", None)
