"""Every executor of this machine keeps the contract; others are found by entry points, and missed by name."""

import json
import os
import subprocess
import sys

import pytest
from conftest import REPOSITORY, tiny_study
from executor_contract import (
    Place,
    test_a_task_that_fails_stops_only_what_needs_it,  # noqa: F401 - the contract
    test_what_runs_is_shown_and_cancelled_and_a_second_submission_goes_on,  # noqa: F401
)

from runner.executors.listed import GROUP
from runner.record.submission import SentArray, Submission, new_submission

OTHERS = {
    "threads": "threads_executor:Threads",
    "broken": "no_such_module:Executor",
    "local": "threads_executor:Threads",
}


@pytest.fixture
def installed(tmp_path) -> str:
    """PYTHONPATH with a package that brings executors, as pip would install it."""
    about = tmp_path / "site" / "other_executors-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other-executors\nVersion: 1.0\n")
    lines = [f"[{GROUP}]", *(f"{name} = {where}" for name, where in OTHERS.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return os.pathsep.join(map(str, (about.parent, REPOSITORY / "tests")))


@pytest.fixture(params=["local", "debug", "threads"])
def place(request, held, stubs, installed, monkeypatch, capsys) -> Place:
    monkeypatch.setenv("PYTHONPATH", installed)
    name = request.param
    return Place(name, held, stubs, capsys, keeps_logs=name != "debug", known_here=name != "threads")


def submit(installed: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "stub_stages", "submit", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": installed},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


def test_an_unknown_executor_is_refused_with_the_names_that_there_are(installed):
    done = submit(installed, "--executor", "flux")
    assert done.returncode == 2
    assert "invalid choice: 'flux' (choose from " in done.stderr
    names = done.stderr.rpartition("(choose from ")[2].replace("'", "").strip(" )\n")
    assert names == "auto, slurm, broken, threads, local, debug"


def test_an_executor_that_cannot_be_imported_is_named_with_the_reason(installed, tmp_path, study_file):
    done = submit(installed, study_file, "--executor", "broken", "--root", tmp_path / "results")
    assert done.returncode == 2
    assert "error: the executor broken (no_such_module:Executor) cannot be imported: ModuleNotFoundError" in done.stderr


@pytest.mark.usefixtures("training_alone")
def test_an_installed_package_takes_the_name_of_none_of_ours(installed, tmp_path, study_file):
    done = submit(installed, study_file, "--executor", "local", "--root", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("results/tiny/submissions/*/*_log.out"))


def test_a_study_whose_executor_is_gone_says_so_and_what_helps(held, stubs, capsys):
    """Jobs of it may run that nobody can ask about: nothing of it is sent again or removed."""
    place = Place("debug", held, stubs, capsys)
    place.submit_to_the_end(tiny_study(held.folder, training={"epochs": 5, "learning_rate": 2.0}))
    name = place.tasks()["train", "tiny"].name
    folder = new_submission(held.paths)
    Submission(folder, "flux").add(SentArray("train", "f7", (name,), "srcnn-0123456789abcdef"))
    why = "there is no executor flux here; there are slurm, local, debug; install the package that brings it"
    answer = json.loads(place.call("status", held.paths.folder, "--json")[1])
    assert answer["notes"] == [f"what became of jobs is unknown ({why})"]
    states = {task["stage"]: (task["state"], task["executor"]) for task in answer["tasks"]}
    assert states["train"] == ("waiting", "flux")
    for name, words in (
        ("cancel", f"error: {why}"),
        ("clean", f"perhaps it has jobs on flux, which does not answer here ({why})"),
    ):
        status, said = place.call(name, held.paths.folder, "--yes")
        assert status != 0
        assert words in said
    status, said = place.call("submit", held.paths.folder, "--executor", "debug")
    assert status == 2
    assert "tiny has 1 task queued or running on flux; wait for the end" in said


def test_auto_asks_each_in_turn_and_says_which_it_took(installed, tmp_path, study_file):
    done = submit(installed, study_file, "--dry-run", "--root", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("executor: ")]
    assert line.startswith("executor: local (no SLURM answers here; the executor broken")


def test_help_names_the_executors_and_imports_none():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "runner.submit", "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert "slurm, local (this machine), debug" in " ".join(done.stdout.split())
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in imported if name.startswith("runner.executors")} == {
        "runner.executors",
        "runner.executors.listed",
    }
