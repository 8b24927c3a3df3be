"""Cleaning takes what is not needed, says what the rest would cost, and leaves a study that is being run alone."""

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import time

import pytest
from conftest import REPOSITORY, tiny_study

from jobs.processes import born
from runner import clean, submit
from runner.actions import clean as actions
from runner.executors.job_state import SchedulerError
from runner.record.removable import DAY_S, REMOVABLE, StudyFiles
from runner.record.submission import SentArray, Submission
from runner.study.stages import remade_by
from srcnn.files import read_json, write_json, write_text
from srcnn.paths import StudyPaths
from srcnn.place import mark
from srcnn.schema import Attempt

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    """A tiny study, run to its end in this process."""
    folder = tmp_path_factory.mktemp("once")
    file = tiny_study(folder, keep={"every_s": 0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "analysis.build.write_report", lambda study, *_: write_text(StudyPaths(study).report_page, "page")
        )
        assert submit.main([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return folder / "results"


@pytest.fixture
def finished(run_once, tmp_path):
    """A copy of it to clean."""
    shutil.copytree(run_once, tmp_path / "results")
    return StudyPaths(tmp_path / "results" / "tiny")


def run_of(paths):
    return paths.run(read_json(paths.contents)["runs"][0]["run_id"])


def files_below(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def removed_by(paths, *arguments):
    """Names of the files that are gone after a cleaning."""
    before = files_below(paths.folder)
    assert clean.main([str(paths.folder), "--yes", *arguments]) == 0
    return before - files_below(paths.folder)


def record(paths, **changes):
    """Leave a record of an attempt that runs."""
    values = {"stage": "train", "task": "r0", "number": 1, "host": socket.gethostname(), "pid": os.getpid()}
    values |= {"start": time.time(), "born": born(os.getpid()), **changes}
    write_json(paths.attempts / "train-r0-1.json", Attempt(**values).to_json())


def test_a_cleaned_study_has_nothing_left_to_do(finished, capsys):
    aside = run_of(finished).checkpoint(1).with_suffix(".pt.damaged")
    aside.write_bytes(b"torn")
    gone = removed_by(finished)
    assert {name.rsplit("/", 1)[-1] for name in gone} >= {aside.name, "previous_1.pt"}
    whole = [name for name in gone if not name.endswith(".damaged")]
    assert not any(
        part in name for name in whole for part in ("epoch_0001.pt", "last.pt", "best.pt", ".parquet", ".png")
    )
    capsys.readouterr()
    assert submit.main([str(finished.folder), "--executor", "debug"]) == 0
    assert "Everything is done." in capsys.readouterr().out


def test_by_default_goes_only_what_costs_nothing():
    assert all(each.cost == "nothing" and not remade_by(kind) for kind, each in REMOVABLE.items() if each.default)
    assert any(each.default for each in REMOVABLE.values())


@pytest.mark.parametrize("kind", REMOVABLE)
def test_every_kind_is_removed_by_name_and_then_there_is_none(finished, kind, capsys):
    removed_by(finished, "--what", kind)
    found = {each.kind: each for each in actions.find(actions.study_files(finished), [kind])}
    assert found[kind].places == ()
    assert found[kind].chosen
    capsys.readouterr()
    assert clean.main([str(finished.folder), "--what", kind]) == 0
    assert "Nothing to remove." in capsys.readouterr().out


@pytest.mark.parametrize("kind", REMOVABLE)
def test_whatever_is_removed_the_next_submit_makes_the_study_whole_again(finished, kind):
    # Times, machines and earlier logs come from the attempts; the page is written from what is there.
    whole = {
        n for n in files_below(finished.folder) if n.startswith(("runs", "baselines", "scores")) and ".pt" not in n
    }
    removed_by(finished, "--what", kind)
    assert submit.main([str(finished.folder), "--executor", "debug"]) == 0
    assert whole <= files_below(finished.folder)
    assert run_of(finished).best.exists()
    assert run_of(finished).checkpoint(1).exists()


def test_what_the_next_submit_repeats_is_said_with_the_time_that_it_took(finished):
    attempts = [Attempt("render", "r0", 1, "host", 1, start=0, end=600), Attempt("evaluate", "r0.0", 1, "host", 1, 0)]
    found = {each.kind: each.cost for each in actions.find(actions.study_files(finished), None, attempts)}
    assert found["pictures"].endswith(
        "the next submit makes them again: restoring, then scoring (took 10 min of tasks)"
    )
    assert found["damaged"] == "nothing"


def test_networks_are_removed_only_by_name(finished):
    gone = removed_by(finished, "--what", "pictures,baselines,logs,code,runs,superseded,submissions")
    assert gone
    assert not any(name.endswith((".pt", ".parquet", ".jsonl", "index.html", ".yaml")) for name in gone)
    assert removed_by(finished, "--what", "checkpoints") >= {f"runs/{run_of(finished).folder.name}/checkpoints/last.pt"}


def test_states_before_the_last_stay_while_a_training_may_resume_from_them(finished):
    run_of(finished).checkpoint(2).unlink()
    assert not any("previous" in name for name in removed_by(finished))


def test_files_that_a_dead_process_of_this_machine_was_writing_go_and_a_living_ones_stay(finished):
    place, folder = mark().partition("-")[0], run_of(finished).checkpoints
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {f".{place}-{dead.pid}-0123abcd.pt": True, f".{mark()}-0123abcd.pt": False}
    names[".01234567-999999999-0123abcd.pt"] = False  # of another machine or container
    names[".notes-0123abcd"] = False  # a user's own
    for name in names:
        (folder / name).write_bytes(b"half")
    gone = {name.rsplit("/", 1)[-1] for name in removed_by(finished)}
    assert {name: name in gone for name in names} == names


def test_temporary_files_of_other_machines_and_half_deleted_folders_go_after_a_day(finished):
    file = run_of(finished).checkpoints / ".01234567-1-0123abcd.pt"
    file.write_bytes(b"half")
    folder = run_of(finished).folder / ".01234567-1-0123abcd"
    folder.mkdir()
    contents = read_json(finished.contents)
    now, find = time.time(), REMOVABLE["temporary"].find
    assert set(find(StudyFiles(finished, contents, now))) == set()
    assert set(find(StudyFiles(finished, contents, now + DAY_S + 60))) == {file, folder}


def test_submitits_files_go_and_records_logs_and_the_studys_copies_stay(finished):
    sent = finished.submission("0001-20260101T000000.000000Z")
    files = {"train/7_0_result.pkl": True, "train/submission_file_7.sh": True, "7_submitted.pkl": True}
    files |= {"study.yaml": False, "provenance.json": False, "train/7_0_log.out": False, "code/jobs/run.sh": False}
    for name in files:
        (sent / name).parent.mkdir(parents=True, exist_ok=True)
        (sent / name).write_text("x")
    gone = {name.partition(f"{sent.name}/")[2] for name in removed_by(finished)}
    assert {name: name in gone for name in files} == files


def test_scores_by_earlier_settings_go_by_name_and_the_present_ones_never(finished):
    present = set(finished.folder.glob("scores/*/*.parquet"))
    assert submit.main([str(finished.folder), "evaluate.upsamplers=[bicubic]", "--executor", "debug"]) == 0
    assert not any(name.endswith(".parquet") for name in removed_by(finished))
    gone = removed_by(finished, "--what", "superseded")
    assert gone == {str(file.relative_to(finished.folder)) for file in present}
    (run,) = read_json(finished.contents)["runs"]
    assert finished.shard(run["run_id"], run["eval_id"], 2, 0).exists()


def test_scores_by_earlier_settings_stay_until_the_present_ones_are_complete(finished):
    assert submit.main([str(finished.folder), "evaluate.upsamplers=[bicubic]", "--executor", "debug"]) == 0
    (run,) = read_json(finished.contents)["runs"]
    finished.shard(run["run_id"], run["eval_id"], 2, 0).unlink()
    assert not any(f"scores/{run['run_id']}" in name for name in removed_by(finished, "--what", "superseded"))


def test_merged_scores_stay_with_the_present_ones_that_they_hold(finished):
    from analysis.compaction import compact_study

    assert submit.main([str(finished.folder), "evaluate.upsamplers=[bicubic]", "--executor", "debug"]) == 0
    compact_study(finished.folder)
    assert removed_by(finished, "--what", "superseded") == set()
    assert submit.main([str(finished.folder), "--executor", "debug"]) == 0


def test_merged_scores_of_earlier_settings_alone_go_with_their_index(finished):
    from analysis.compaction import compact_study

    (run,) = read_json(finished.contents)["runs"]
    compact_study(finished.folder)
    merged = {path for path in files_below(finished.folder) if f"{run['run_id']}/compact-" in path}
    assert len(merged) == 2
    assert submit.main([str(finished.folder), "evaluate.upsamplers=[bicubic]", "--executor", "debug"]) == 0
    assert merged <= removed_by(finished, "--what", "superseded")


def test_runs_that_the_study_no_longer_has_go_only_by_name(finished):
    old = run_of(finished).folder.name
    assert submit.main([str(finished.folder), "seed=5", "--executor", "debug"]) == 0
    assert not any(old in name for name in removed_by(finished))
    gone = removed_by(finished, "--what", "runs")
    assert gone
    assert all(name.startswith((f"runs/{old}/", f"scores/{old}/")) for name in gone)
    assert run_of(finished).last.exists()


def test_a_study_with_a_living_task_is_left_alone_and_the_task_is_named(finished, capsys):
    record(finished)
    before = files_below(finished.folder)
    assert clean.main([str(finished.folder), "--yes"]) == 2
    assert f"train r0: process {os.getpid()} on this machine" in capsys.readouterr().err
    assert files_below(finished.folder) == before


def test_a_task_that_died_without_a_word_does_not_hold_a_study(finished):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    record(finished, pid=dead.pid, born=None)
    removed_by(finished)


def test_a_study_with_queued_jobs_is_left_alone_and_the_jobs_are_named(finished, capsys, monkeypatch):
    sent = Submission(finished.submission("0001-20260101T000000.000000Z"), "slurm")
    sent.folder.mkdir(parents=True, exist_ok=True)
    sent.add(SentArray("train", "71", ("r0", "r1"), "srcnn-0123456789abcdef"))
    monkeypatch.setattr(
        "runner.executors.slurm.scheduler.call",
        lambda *command, **_: "71_1|PENDING|0|tiny-train|srcnn-0123456789abcdef\n",
    )
    assert clean.main([str(finished.folder), "--yes"]) == 2
    assert "train r1: SLURM job 71_1, pending" in capsys.readouterr().err


def no_slurm(*command, **_):
    raise SchedulerError(f"{command[0]} is not installed here")


def test_without_an_answer_from_slurm_a_finished_study_is_cleaned_and_an_unfinished_one_is_not(
    finished, capsys, monkeypatch
):
    sent = Submission(finished.submission("0001-20260101T000000.000000Z"), "slurm")
    sent.folder.mkdir(parents=True, exist_ok=True)
    sent.add(SentArray("train", "71", ("r0",)))
    monkeypatch.setattr("runner.executors.slurm.scheduler.call", no_slurm)
    removed_by(finished)
    run_of(finished).checkpoint(2).unlink()
    assert clean.main([str(finished.folder), "--yes"]) == 2
    assert "SLURM, which does not answer here (squeue is not installed here)" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_removed_unless_yes_is_said(finished, capsys):
    before = files_below(finished.folder)
    assert clean.main([str(finished.folder)]) == 1
    assert "no terminal to ask at; add --yes" in capsys.readouterr().err
    assert files_below(finished.folder) == before


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("", 1)])
def test_at_a_terminal_it_asks_first(finished, answer, status):
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "runner.clean", str(finished.folder)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=theirs, stdout=subprocess.PIPE, text=True)
    os.close(theirs)
    os.write(terminal, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=120)
    os.close(terminal)
    assert process.returncode == status
    assert "[y/N]" in out
    assert run_of(finished).previous(1).exists() == bool(status)


def test_a_folder_without_a_study_and_an_unknown_kind_are_refused_with_what_there_is(tmp_path, capsys):
    assert clean.main([str(tmp_path)]) == 2
    assert f"is {tmp_path} the folder of a submitted study?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        clean.main([str(tmp_path), "--what", "everything"])
    assert end.value.code == 2
    assert "'everything': expected some of damaged, temporary" in capsys.readouterr().err


def test_the_lock_is_free_after_a_cleaning(finished):
    removed_by(finished)
    assert not finished.lock.exists()
    assert json.loads(finished.contents.read_text())["study"] == "tiny"
