"""Folders of results with any name: tasks run there and their logs are found, or the submission is refused."""

import pytest

from .studies import Submitted, stub_study


def test_tasks_run_below_a_folder_of_any_name_and_leave_their_logs(slurm, tmp_path):
    folder = tmp_path / '100% it\'s "two" 50%%i %x $HOME `id` #;&| é'
    folder.mkdir()
    study = Submitted(slurm, stub_study(folder, sweep={"grid": {"seed": [1, 2]}}))
    study.wait_until_done()
    for task in study.tasks("train") + study.tasks("report"):  # an array, and a single job
        out = study.command("logs", str(study.folder), task["name"], "--stage", task["stage"]).stdout
        assert out.count(" - Job completed successfully") == 1, out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a%j", "the job's number in the place of %j"),
        ("a%Ab", "the job's number in the place of %A"),
        ("back\\slash", "a backslash"),
        ("co:lon", "splits PYTHONPATH at the colon"),
        ("two\nlines", "a line break"),
    ],
)
def test_a_folder_that_slurm_or_python_would_misread_is_refused_and_nothing_written(slurm, tmp_path, name, why):
    file = stub_study(tmp_path)
    root = tmp_path / name
    with pytest.raises(RuntimeError, match="returned 2") as refused:
        Submitted(slurm, file, "--root", str(root))
    assert why in str(refused.value)
    assert "choose another folder with --root" in str(refused.value)
    assert not root.exists()
