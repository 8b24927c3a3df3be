"""What holds for every executor: a test that lists one gives it as the fixture ``place``."""

import importlib
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, HeldStub, tiny_study, wait_for
from stub_stages import installed

from runner.record.judged import JudgedTask
from runner.record.state import study_status


@dataclass(frozen=True)
class Place:
    """An executor, a halting study for it, and how to start a process that knows both."""

    executor: str
    held: HeldStub
    commands: list[str]
    capsys: pytest.CaptureFixture[str]
    cluster: dict[str, Any] = field(default_factory=dict)
    keeps_logs: bool = True
    known_here: bool = True  # False: only the processes that ``commands`` start know the executor

    @property
    def folder(self) -> Path:
        return self.held.paths.folder

    def submit(self, study: object) -> "subprocess.Popen[str]":
        """A submission that has begun, in a process of its own."""
        return subprocess.Popen(
            [*self.commands, "submit", str(study), "--executor", self.executor, "--root", str(self.folder.parent)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def submit_to_the_end(self, study: object) -> str:
        """What a submission says that has ended, in this process where that can be."""
        if not self.known_here:
            return self.submit(study).communicate(timeout=300)[0]
        with installed():
            return self.call("submit", study, "--executor", self.executor, "--root", self.folder.parent)[1]

    def call(self, name: str, *words: object) -> tuple[int, str]:
        """The status of another command, and what it said."""
        self.capsys.readouterr()
        status = importlib.import_module(f"runner.{name}").main(list(map(str, words)))
        return status, "".join(self.capsys.readouterr())

    def tasks(self) -> dict[tuple[str, str], JudgedTask]:
        """Where every task stands, by stage and label."""
        return {(task.stage, task.label): task for task in study_status(self.held.paths, time.time()).tasks}

    def ended(self) -> dict[tuple[str, str], JudgedTask]:
        """Where every task stands, once none is under way any more."""

        def at_rest() -> dict[tuple[str, str], JudgedTask] | None:
            tasks = self.tasks()
            return None if any(task.under_way for task in tasks.values()) else tasks

        return wait_for(at_rest)


def test_a_task_that_fails_stops_only_what_needs_it(place: Place) -> None:
    cases = {"good": {}, "bad": {"training.learning_rate": 1e30}}
    out = place.submit_to_the_end(tiny_study(place.held.folder, sweep={"cases": cases}, cluster=place.cluster))
    tasks = place.ended()
    assert {key for key, task in tasks.items() if task.state != "done"} == {
        ("train", "bad"),
        ("render", "bad"),
        ("evaluate", "bad"),
    }, out
    assert (tasks["train", "bad"].cause, tasks["render", "bad"].cause) == ("exception", "dependency")
    assert tasks["train", "good"].name in place.held.paths.report_page.read_text()
    status, said = place.call("logs", place.folder, "--failed")
    assert status == 0
    assert "Diverged: training diverged" in said
    status, said = place.call("status", place.folder)
    assert (status, "failed: train: train bad: exception" in said) == (1, True), said
    # What nothing can be done about is tried again, and nothing else.
    place.submit_to_the_end(place.folder)
    again = place.ended()
    assert [again[key].attempts for key in (("train", "bad"), ("train", "good"), ("render", "bad"))] == [2, 1, 0]


def test_what_runs_is_shown_and_cancelled_and_a_second_submission_goes_on(place: Place) -> None:
    held = place.held
    runner = place.submit(held.study(cluster=place.cluster))
    held.attempt()
    shown = {task.stage: task for task in place.tasks().values()}
    assert (shown["train"].state, shown["train"].total) == ("running", held.epochs)
    assert {shown[stage].state for stage in ("render", "evaluate", "report")} == {"waiting"}
    status, said = place.call("clean", place.folder, "--yes")
    assert (status, "is being run" in said) == (2, True), said
    status, said = place.call("cancel", place.folder, "--yes")
    assert status == 0, said
    assert "what was done is kept" in said
    runner.communicate(timeout=300)
    assert place.tasks()["train", "tiny"].cause == "cancelled"
    held.let_go()
    place.submit_to_the_end(place.folder)
    assert {task.state for task in place.ended().values()} == {"done"}
    assert held.counted() == list(range(1, held.epochs + 1))
    assert place.call("status", place.folder)[0] == 0
    status, said = place.call("logs", place.folder, "tiny", "--stage", "train")
    assert status == 0
    assert (f"{held.epochs}/{held.epochs}" if place.keeps_logs else "left no log") in said
    wait_for(lambda: place.call("clean", place.folder, "--yes")[0] == 0)  # the last job may be just ending
    assert "Everything is done." in place.submit_to_the_end(place.folder)
