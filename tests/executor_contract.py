"""What holds for every executor: a test that lists one gives it as the fixture ``place``."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import REPOSITORY, HeldStub, tiny_study, wait_for


@dataclass(frozen=True)
class Place:
    """An executor, a halting study for it, and the environment of the commands."""

    executor: str
    held: HeldStub
    commands: list[str]
    environment: dict[str, str]
    cluster: dict[str, Any] = field(default_factory=dict)
    keeps_logs: bool = True

    @property
    def folder(self) -> Path:
        return self.held.paths.folder

    def start(self, name: str, *words: object) -> "subprocess.Popen[str]":
        """A command that has begun."""
        return subprocess.Popen(
            [*self.commands, name, *map(str, words)],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, name: str, *words: object) -> tuple[int, str]:
        """The status of a command, and what it said."""
        process = self.start(name, *words)
        out, _ = process.communicate(timeout=300)
        return process.returncode, out

    def submit(self, study: object) -> "subprocess.Popen[str]":
        return self.start("submit", study, "--executor", self.executor, "--root", self.folder.parent)

    def tasks(self) -> list[dict[str, Any]]:
        """Every task as status tells it."""
        return json.loads(self.call("status", self.folder, "--json")[1])["tasks"]

    def ended(self) -> list[dict[str, Any]]:
        """Every task, once none is under way any more."""

        def at_rest() -> list[dict[str, Any]]:
            tasks = self.tasks()
            return [] if any(task["state"] in ("running", "waiting") for task in tasks) else tasks

        return wait_for(at_rest)


def test_a_task_that_fails_stops_only_what_needs_it(place: Place) -> None:
    cases = {"good": {}, "bad": {"training.learning_rate": 1e30}}
    out, _ = place.submit(tiny_study(place.held.folder, sweep={"cases": cases}, cluster=place.cluster)).communicate()
    tasks = {(task["stage"], task["label"]): task for task in place.ended()}
    assert {key for key, task in tasks.items() if task["state"] != "done"} == {
        ("train", "bad"),
        ("render", "bad"),
        ("evaluate", "bad"),
    }, out
    assert (tasks["train", "bad"]["cause"], tasks["render", "bad"]["cause"]) == ("exception", "dependency")
    assert tasks["report", ""]["state"] == "done"
    assert tasks["train", "good"]["name"] in place.held.paths.report_page.read_text()
    status, said = place.call("logs", place.folder, "--failed")
    assert status == 0
    assert "Diverged: training diverged" in said
    status, said = place.call("status", place.folder)
    assert (status, "failed: train: train bad: exception" in said) == (1, True), said
    # What nothing can be done about is tried again, and nothing else.
    place.submit(place.folder).communicate()
    again = {(task["stage"], task["label"]): task["attempts"] for task in place.ended()}
    assert (again["train", "bad"], again["train", "good"], again["render", "bad"]) == (2, 1, 0)


def test_what_runs_is_shown_and_cancelled_and_a_second_submission_goes_on(place: Place) -> None:
    held = place.held
    runner = place.submit(held.study(cluster=place.cluster))
    held.attempt()
    shown = {task["stage"]: task for task in place.tasks()}
    train = shown["train"]
    assert (train["state"], train["total"]) == ("running", held.epochs)
    assert {shown[stage]["state"] for stage in ("render", "evaluate", "report")} == {"waiting"}
    status, said = place.call("clean", place.folder, "--yes")
    assert (status, "is being run" in said) == (2, True), said
    status, said = place.call("cancel", place.folder, "--yes")
    assert status == 0, said
    assert "what was done is kept" in said
    runner.communicate(timeout=300)
    assert {task["stage"]: task["cause"] for task in place.tasks()}["train"] == "cancelled"
    held.let_go()
    place.submit(place.folder).communicate(timeout=300)
    assert {task["state"] for task in place.ended()} == {"done"}
    assert held.counted() == list(range(1, held.epochs + 1))
    assert place.call("status", place.folder)[0] == 0
    status, said = place.call("logs", place.folder, "tiny", "--stage", "train")
    assert status == 0
    assert (f"{held.epochs}/{held.epochs}" if place.keeps_logs else "wrote no log") in said
    status, said = place.call("clean", place.folder, "--yes")
    assert status == 0, said
    assert "Everything is done." in place.submit(place.folder).communicate(timeout=300)[0]
