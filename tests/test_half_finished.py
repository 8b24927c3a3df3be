"""The page of a study that is not finished: what is done, how long the rest takes, and that a page is old."""

import json
import re

import pytest
from score_tables import row, write_study

from analysis.build import write_report
from analysis.progress import progress, progress_sentence
from analysis.study import open_study
from runner.executors.task import TaskCall
from srcnn.changed import SCRIPT
from srcnn.files import write_json
from srcnn.outputs import Output
from srcnn.paths import StudyPaths

ROWS = [row(f"photo{i}", protocol="luma", psnr=30.0 + i) for i in range(3)]


def attempt(paths: StudyPaths, run: str, stage: str, outcome: str, seconds: float, **more: object) -> None:
    """Put an attempt on record that took these seconds."""
    record = {"stage": stage, "task": run, "number": 1, "host": "h", "pid": 1, "start": 0.0, "outcome": outcome}
    record |= {"end": None if outcome == "running" else seconds, **more}
    write_json(paths.run(run).attempts / f"{stage}-{run}-1.json", record)


@pytest.fixture
def half(tmp_path, without_figures) -> StudyPaths:
    """A study of four runs: one is done, one trains, one failed, one waits."""
    waiting = {"epochs": {}, "wanted": [1]}
    runs = {"done": {"epochs": {1: ROWS}}, "trains": waiting, "failed": waiting, "waits": waiting}
    paths = StudyPaths(write_study(tmp_path / "half", runs, []))
    contents = json.loads(paths.contents.read_text())
    for run in contents["runs"]:
        run_id = run["run_id"]
        shard = paths.shard(run_id, run["eval_id"], 1, 0)
        outputs = {"train": Output("file", paths.run(run_id).history), "evaluate": Output("shard", shard)}
        contents["tasks"] += [
            {"stage": stage, "name": run_id, "run": run_id, "outputs": [output.to_json(paths)]}
            for stage, output in outputs.items()
        ]
    report = Output("report", paths.report_page)
    contents["tasks"].append({"stage": "report", "name": "report", "outputs": [report.to_json(paths)]})
    write_json(paths.contents, contents)
    first, second, third, _ = (run["run_id"] for run in contents["runs"])
    paths.run(first).history.write_text("")
    attempt(paths, first, "train", "done", 600.0)
    attempt(paths, first, "evaluate", "done", 60.0)
    attempt(paths, second, "train", "running", 0.0, seconds_left=150.0)
    attempt(paths, third, "train", "failed", 5.0, cause="OSError", message="no room")
    return paths


def test_the_rest_takes_what_its_stages_took_and_what_running_tasks_promise(half):
    table = progress(open_study(half.folder)).set_index("stage")
    assert list(table.index) == ["train", "evaluate"]
    assert table.loc["train", ["tasks", "done", "running", "failed"]].tolist() == [4, 1, 1, 1]
    assert table.loc["train", "seconds"] == 150.0 + 2 * 600.0
    assert table.loc["evaluate", ["tasks", "done", "seconds"]].tolist() == [4, 1, 3 * 60.0]


def test_a_stage_of_which_nothing_ended_is_said_to_be_unknown(half):
    for file in half.folder.glob("runs/*/attempts/evaluate-*.json"):
        file.unlink()
    sentence = progress_sentence(progress(open_study(half.folder)))
    assert sentence == (
        "2 of 8 tasks are done, 1 under way; how long evaluate will take is not known before the first of them ends, "
        "the rest is about 22 min of work."
    )


def test_the_page_says_what_is_done_and_how_long_the_rest_takes(half):
    page = write_report(half.folder).read_text()
    assert "2 of 8 tasks are done, 1 under way; the rest is about 26 min of work." in page
    assert f"python -m analysis.report {half.folder}" in page
    assert (half.report / "tables" / "progress.csv").read_text().count("\n") == 3


def told(paths: StudyPaths) -> int:
    """What the script beside the page says."""
    return int(re.fullmatch(r"studyChanged\((\d+)\);\n", (paths.report / SCRIPT).read_text())[1])


def made(page: str) -> int:
    """What the page was made from."""
    return int(re.search(r'data-made="(\d+)"', page)[1])


class Scores:
    """A task that makes scores, or nothing that a page shows."""

    def __init__(self, output: Output) -> None:
        self.output = output

    def outputs(self) -> tuple[Output, ...]:
        return (self.output,)

    def __call__(self, progress: object = None) -> None:
        pass


def test_a_page_is_older_than_its_study_once_a_task_has_made_what_it_shows(half):
    page = write_report(half.folder).read_text()
    assert told(half) == made(page)
    run = half.run("r0000000001")
    for output, newer in ((Output("file", half.folder / "x"), False), (Output("shard", half.folder / "x"), True)):
        TaskCall(Scores(output), "evaluate", "r0000000001", run.attempts, "1")()
        assert (told(half) > made(page)) == newer
    page = write_report(half.folder).read_text()
    assert told(half) == made(page)


def test_no_script_is_written_where_no_page_is(half):
    TaskCall(Scores(Output("shard", half.folder / "x")), "evaluate", "e", half.attempts, "1")()
    assert not half.report.exists()
