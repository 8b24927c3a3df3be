"""The page of `runner.status` says what matters, also where there is little room."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from runner.actions.status import exit_status
from runner.record.array_ids import collapse, expand
from runner.record.groups import TaskGroup
from runner.record.judged import JudgedTask
from runner.record.state import StudyStatus
from runner.status_page import page
from srcnn.words import counted

NOON = 1_800_000_000.0


def task(stage, number, state, **fields):
    return JudgedTask(stage, f"r{number}", f"seed={number}", state, job=f"{len(stage)}00_{number}", **fields)


def busy_study(folder="/home/somebody/projects/super-resolution/results/sixty_runs_of_everything"):
    """Sixty runs of which some train, some wait, some are held and some failed, each for several reasons."""
    waiting = [task("render", n, "waiting", detail="train") for n in range(60)]
    waiting += [task("evaluate", n, "waiting", detail="render") for n in range(60)]
    running = {
        "done": 3,
        "total": 20,
        "note": "loss 0.00123, rate 0.002, 1500 patches/s, held 31.20 dB 0.8812 (bicubic",
    }
    tasks = [
        JudgedTask("prepare", "d0", "", "done"),
        *(task("train", n, "running", host=f"node{n}", seconds_left=90.0, **running) for n in range(20)),
        *(task("train", n, "waiting", detail="its turn") for n in range(20, 50)),
        *(
            task("train", n, "held", detail="launch failed requeued held: no job could be started on node7")
            for n in (50, 51, 53)
        ),
        *(task("train", n, "failed", cause="exception", detail=f"TooBad{'ABC'[n % 3]}: no.") for n in range(54, 60)),
        *waiting,
        task("report", 0, "waiting", detail="train, evaluate (120 tasks)"),
    ]
    return StudyStatus(Path(folder), tasks, NOON)


def shown(status, width=80, height=None):
    console = Console(file=io.StringIO(), width=width, height=height or 100, highlight=False)
    console.print(page(status, console, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 12), (200, 24), (80, 40)])
def test_what_to_do_the_first_failure_and_what_is_held_are_on_a_small_screen(width, height):
    lines = shown(busy_study(), width, height)
    assert len(lines) <= height
    text = "".join(line.ljust(width) if len(line) < width else line for line in lines)
    for needed in (
        "failed: train: 2 runs, one cause: exception",
        "TooBad",
        "held: train: 3 runs, jobs 500_[50-51,53]",
        "python -m runner.submit",
        "python -m runner.logs",
        "--failed",
    ):
        assert needed in text, lines


def test_a_screen_has_room_for_what_runs_once_the_rest_is_said():
    lines = shown(busy_study(), 80, 30)
    assert len(lines) <= 30
    running = [line for line in lines if line.startswith("  train seed=")]
    assert running
    (left,) = [line for line in lines if line.endswith("more tasks")]
    assert left == f"  and {20 - len(running)} more tasks"


def test_what_has_room_is_shown_as_without_a_limit():
    few = replace(busy_study(), tasks=busy_study().tasks[:4])
    assert shown(few, height=60) == shown(few)


def test_the_page_is_never_higher_than_the_screen():
    for height in range(2, 60, 3):
        assert len(shown(busy_study(), 80, height)) <= height


def test_commands_are_short_where_the_study_is_near(tmp_path, monkeypatch):
    near = tmp_path / "results" / "tiny study"
    near.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    status = busy_study(near)
    assert "  python -m runner.submit 'results/tiny study'" in shown(status, height=24)
    assert f"python -m runner.submit '{near}'" in "\n".join(shown(status, 300))


def test_the_page_says_when_it_was_looked_at():
    import time

    assert shown(busy_study())[0].startswith(time.strftime("%H:%M:%S  ", time.localtime(NOON)))


def test_jobs_are_named_where_tasks_are():
    text = "\n".join(shown(busy_study(), 200))
    assert "train seed=3: epoch 3 of 20, about 90 s left on node3, job 500_3  loss" in text
    assert "  train (30) for its turn; jobs 500_[20-49]\n" in text
    assert "  render (60) for train; jobs 600_[0-59]\n" in text
    assert "  jobs 500_[54,57]\n" in text


def test_a_single_thing_is_not_many():
    one = StudyStatus(Path("s"), [task("train", 1, "waiting", detail="its turn")], NOON)
    assert "  train (1) for its turn; job 500_1" in shown(one)
    assert TaskGroup(one.tasks).text == "train seed=1"
    assert [counted(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]
    assert counted(2, "process", "processes") == "2 processes"


def test_jobs_are_collapsed_as_slurm_writes_them():
    assert collapse(["12_2", "12_0", "12_1", "12_7", "13", "14_3"]) == ["12_[0-2,7]", "13", "14_3"]
    assert [each for group in collapse(["12_2", "12_0", "12_1", "12_7"]) for each in expand(group)] == [
        "12_0",
        "12_1",
        "12_2",
        "12_7",
    ]


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["done", "done"], 0),
        (["done", "failed"], 1),
        (["failed", "running"], 3),
        (["missing", "done"], 3),
        (["held", "waiting"], 4),
        (["held", "failed", "running"], 4),
    ],
)
def test_the_exit_status_says_whether_somebody_must_act(states, status):
    tasks = [task("train", n, state) for n, state in enumerate(states)]
    assert exit_status(StudyStatus(Path("s"), tasks, NOON)) == status
