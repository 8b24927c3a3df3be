"""Folders of any name, and code that can only be what was submitted."""

from pathlib import Path

import pytest
from conftest import tiny_study

from jobs.attempt import last_attempt
from runner.executors.executor import Request
from runner.executors.local import Local
from runner.executors.task import OtherCode, TaskCall
from runner.record.submission import Submission
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.submit import main
from srcnn.paths import RootPaths


def test_tasks_run_on_this_machine_below_a_folder_of_any_name(tmp_path):
    root = tmp_path / '100% it\'s "two" back\\slash %x $HOME `id` #;&| é'
    plan = make_plan(load_study(str(tiny_study(tmp_path)))[0], RootPaths(root))
    request = Request(plan, plan.stage("prepare"), Submission(plan.paths.submission("now"), "local"))
    (state,) = Local().submit(request)
    assert state.state == "done", state.error
    assert "Job completed successfully" in Path(state.log).read_text()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("co:lon", "splits PYTHONPATH at the colon"),
        ("a%tb", "the job's number in the place of %t"),
        ("two\nlines", "a line break"),
        ("bell\a", "control character"),
        ("latin\udce9", "no UTF-8"),
    ],
)
def test_a_folder_that_a_task_would_not_find_is_refused_and_nothing_written(tmp_path, capsys, name, why):
    root = tmp_path / name
    assert main([str(tiny_study(tmp_path)), "--executor", "local", "--root", str(root)]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "choose another folder with --root" in said
    assert not root.exists()


def test_code_of_ones_own_that_tasks_could_not_import_is_refused(tmp_path, capsys, monkeypatch):
    home = tmp_path / "co:lon"
    home.mkdir()
    (home / "colonmetric.py").write_text("def score(reference, estimate):\n    return 0.0\n")
    monkeypatch.syspath_prepend(str(home))
    file = tiny_study(tmp_path, evaluate__metrics=["psnr", "colonmetric:score"])
    assert main([str(file), "--executor", "local", "--root", str(tmp_path / "results")]) == 2
    said = capsys.readouterr().err
    assert "splits PYTHONPATH at the colon" in said
    assert "move colonmetric to another folder" in said
    assert not (tmp_path / "results" / "tiny").exists()


def test_a_task_that_imports_other_code_than_was_submitted_stops_and_says_so(tmp_path):
    plan = make_plan(load_study(str(tiny_study(tmp_path)))[0], RootPaths(tmp_path / "results"))
    (task,) = plan.stage("prepare")
    (tmp_path / "code").mkdir()
    with pytest.raises(OtherCode, match="not the copy that was submitted"):
        TaskCall(task.job, task.stage, task.name, task.attempts, "now", code=tmp_path / "code")()
    assert not task.job.is_done()
    attempt = last_attempt(task.attempts, *task.key)
    assert (attempt.outcome, attempt.cause) == ("failed", "OtherCode")
    assert "cluster.python" in attempt.message
