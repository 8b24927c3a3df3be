"""A copied study is its own: it is called like its folder, and nothing of the original's is taken for its own."""

import os
import shlex
import shutil
import socket
import time

import pytest

from analysis import report
from jobs.processes import born
from runner import cancel, clean, logs, status, submit
from runner.executors.snapshot import write_provenance
from runner.record.lock import Holder, _text, holder, study_lock
from runner.record.submission import Submission, submissions
from srcnn.paths import StudyPaths


def whole(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("named", ["folder", "study.yaml", "link"])
def test_a_submission_of_a_copy_leaves_the_original_as_it_was(finished, ends, named, tmp_path):
    copy = finished.folder.with_name("tiny_try")
    shutil.copytree(finished.folder, copy)
    before = whole(finished.folder)
    (tmp_path / "link").symlink_to(copy)
    study = {"folder": copy, "study.yaml": copy / "study.yaml", "link": tmp_path / "link"}[named]
    ended = ends(submit.main, study, "--executor", "debug", "--dry-run", "training.epochs=2")
    assert (ended.status, f"below {copy}" in ended.said) == (0, True), ended
    assert whole(finished.folder) == before


def test_a_renamed_study_has_nothing_to_train(finished, ends):
    renamed = finished.folder.rename(finished.folder.with_name("other"))
    ended = ends(submit.main, renamed, "--executor", "debug")
    assert (ended.status, "other was tiny" in ended.said, "train running" in ended.said) == (0, True, False), ended
    assert not finished.folder.exists()


def test_jobs_of_the_original_are_not_the_copys_and_go_with_a_renamed_folder(tmp_path):
    paths = StudyPaths(tmp_path / "one")
    folder = paths.submission("0001-now")
    folder.mkdir(parents=True)
    write_provenance(folder, [])
    Submission(folder, "slurm").intend("train", ["r1"], "one-train")
    shutil.copytree(paths.folder, tmp_path / "copy")
    assert (len(list(submissions(paths))), len(list(submissions(StudyPaths(tmp_path / "copy"))))) == (1, 0)
    paths.folder.rename(tmp_path / "renamed")
    assert len(list(submissions(StudyPaths(tmp_path / "renamed")))) == 1
    assert list(submissions(StudyPaths(tmp_path / "copy"))) == []


def test_the_process_that_works_on_the_original_does_not_hold_the_copy(tmp_path):
    one, copy = StudyPaths(tmp_path / "one"), StudyPaths(tmp_path / "copy")
    mine = Holder(socket.gethostname(), os.getpid(), born(os.getpid()), "local", time.time(), str(one.folder))
    for paths in (one, copy):
        paths.folder.mkdir()
        paths.lock.write_bytes(_text(mine))
    assert holder(one) == mine
    assert holder(copy) is None
    with study_lock(copy, "local") as replaced:
        assert replaced is None


@pytest.mark.parametrize("name", ["my study (copy)", "data", ".hidden", "na\u00efve", "x" * 220, "-x", "a\nb", "[red]"])
def test_a_folder_that_is_called_as_no_study_may_be_is_read_and_before_it_is_submitted_renamed(finished, ends, name):
    folder = finished.folder.parent.parent / "elsewhere" / name
    shutil.copytree(finished.folder, folder)
    ended = ends(submit.main, folder, "--executor", "debug", "--dry-run")
    assert (ended.status, "a study is called like its folder" in ended.err) == (2, True)
    before = len(list(folder.parent.iterdir()))
    for main, *more in (
        (status.main,),
        (cancel.main, "--yes"),
        (logs.main,),
        (clean.main, "--what", "baselines", "--yes"),
    ):
        assert ends(main, folder, *more).status == 0
    if name == "my study (copy)":
        assert ends(report.main, folder).status == 0
    (_, command) = ended.err.rstrip("\n").split("; rename it: ")
    words = shlex.split(command)
    if name != "a\nb":  # which the message shows written out
        assert words[:2] == ["mv", str(folder)]
    folder.rename(words[2])
    assert len(list(folder.parent.iterdir())) == before
    assert ends(submit.main, words[2], "--executor", "debug", "--dry-run", "--root", finished.folder.parent).status == 0
