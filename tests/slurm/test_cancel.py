"""On SLURM: cancelling takes what it should and nothing else, and a log is followed to its end."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import REPOSITORY

from jobs.attempt import last_attempt
from srcnn.files import read_json, write_json
from srcnn.paths import StudyPaths

from .cluster import Cluster
from .studies import Submitted, done_with, hold, let_go, stub_study

TWO = {"grid": {"seed": [1, 2]}}


def halted(slurm: Cluster, folder: Path, name: str = "tiny", **changes: object) -> Submitted:
    """A study whose training halts, once it does."""
    study = Submitted(slurm, named(hold(stub_study(folder, **changes)), name))
    study.wait_for_epoch(1)
    return study


def named(file: Path, name: str) -> Path:
    return file.rename(file.with_name(f"{name}.yaml"))


def cancel(slurm: Cluster, folder: Path, *arguments: str, status: int = 0) -> str:
    """What ``runner.cancel`` printed, which must have this exit status."""
    done = done_with(slurm, "cancel", folder, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def queue(slurm: Cluster) -> Counter[str]:
    """How many jobs of each name wait or run."""
    return Counter(slurm.run("squeue", "-h", "--array", "-o", "%j", check=True).stdout.split())


def states(study: Submitted) -> dict[str, set[tuple[str, str | None]]]:
    """State and cause of each stage's tasks."""
    found: dict[str, set[tuple[str, str | None]]] = {}
    for task in study.status()["tasks"]:
        found.setdefault(task["stage"], set()).add((task["state"], task["cause"]))
    return found


def sent(study: Submitted) -> dict[str, str]:
    """The number of the array of each stage, by the record of the only submission."""
    (record,) = study.folder.glob("submissions/*/jobs.json")
    return {array["stage"]: array["job"] for array in read_json(record)["arrays"]}


def test_a_cancelled_study_leaves_nothing_in_the_queue_and_what_was_done(slurm, tmp_path):
    file = stub_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}})
    for label in ("seed=2", "seed=3"):
        hold(file, label=label)
    study = Submitted(slurm, file)
    for label in ("seed=2", "seed=3"):
        study.wait_for_epoch(1, label=label)
    slurm.wait_for(lambda: queue(slurm)["tiny-evaluate"] == 2, "the score of the first run", every=0.3)
    assert set(queue(slurm)) == {"tiny-train", "tiny-render", "tiny-evaluate", "tiny-report"}
    out = cancel(slurm, study.folder)
    assert out.startswith("cancelled 7 jobs: train 2, render 2, evaluate 2, report 1; what was done ")
    assert out.endswith(f"; python -m runner.submit {study.folder} goes on\n")
    assert not queue(slurm)
    found = states(study)
    assert found["train"] == {("done", None), ("failed", "cancelled")}
    assert ("done", None) in found["evaluate"]
    after = {state for stage in ("render", "evaluate", "report") for state, _ in found[stage]}
    assert after <= {"failed", "missing", "done"}
    assert cancel(slurm, study.folder) == "Nothing of tiny is queued or runs.\n"


def test_jobs_of_an_earlier_submission_are_found_too(slurm, tmp_path):
    """The study was changed and submitted again: its first run is no longer part of it, and still trains."""
    study = halted(slurm, tmp_path)
    study.submit(str(study.file), "seed=5", "--root", str(tmp_path / "results"))
    assert len(list((study.folder / "submissions").iterdir())) == 2
    assert queue(slurm)["tiny-train"] == 2
    assert ": train 2, render 2, " in cancel(slurm, study.folder)
    assert not queue(slurm)


def test_a_cancelled_stage_takes_what_needs_it_and_no_other_study(slurm, tmp_path):
    other = halted(slurm, tmp_path, "other")
    study = halted(slurm, tmp_path, epochs=6)
    before = queue(slurm)
    out = cancel(slurm, study.folder, "--stage", "train")
    assert out.startswith("cancelled ")
    assert "train 1, render 1, evaluate " in out
    assert "report" not in out.partition(";")[0]
    after = queue(slurm)
    assert {name for name in after if name.startswith("tiny-")} <= {"tiny-report"}  # it tells of what is there
    assert {name: n for name, n in after.items() if name.startswith("other-")} == {
        name: n for name, n in before.items() if name.startswith("other-")
    }
    assert states(study)["train"] == {("failed", "cancelled")}
    assert states(other)["train"] == {("running", None)}


def test_a_cancelled_run_leaves_the_other_runs_alone(slurm, tmp_path):
    study = halted(slurm, tmp_path, sweep=TWO)
    study.wait_for_epoch(1, label="seed=1")
    study.wait_for_epoch(1, label="seed=2")
    before = queue(slurm)
    out = cancel(slurm, study.folder, "--run", "seed=2")
    assert "train 1, render 1, evaluate " in out
    after = queue(slurm)
    assert after["tiny-train"] == 1
    assert after["tiny-render"] == 1
    assert after["tiny-evaluate"] == before["tiny-evaluate"] // 2
    assert after["tiny-report"] == 1
    assert states(study)["train"] == {("failed", "cancelled"), ("running", None)}


def test_neither_a_copy_nor_a_part_that_there_is_not_has_jobs_to_cancel(slurm, tmp_path):
    study = halted(slurm, tmp_path)
    before = queue(slurm)
    copy = Submitted.of(slurm, study.file.with_name("tried.yaml"))
    shutil.copytree(study.folder, copy.folder)
    assert cancel(slurm, copy.folder) == "Nothing of tried is queued or runs.\n"
    for arguments in (["--stage", "trian"], ["--run", "seed=3"]):
        cancel(slurm, study.folder, *arguments, status=2)
    assert queue(slurm) == before
    assert not {"running", "waiting"} & {state for stage in states(copy).values() for state, _ in stage}
    assert states(study)["train"] == {("running", None)}


def test_a_job_of_another_submission_with_the_same_number_is_not_ours(slurm, tmp_path):
    """A cluster that was set up anew counts from 1 again: a number on record may be somebody else's."""
    other = halted(slurm, tmp_path, "other")
    study = Submitted(slurm, stub_study(tmp_path, epochs=6))
    cancel(slurm, study.folder)
    (record,) = study.folder.glob("submissions/*/jobs.json")
    value = read_json(record)
    next(array for array in value["arrays"] if array["stage"] == "train")["job"] = sent(other)["train"]
    write_json(record, value)
    before = queue(slurm)
    assert cancel(slurm, study.folder) == "Nothing of tiny is queued or runs.\n"
    assert queue(slurm)["other-train"] == before["other-train"] == 1


def test_a_job_that_was_given_another_comment_is_still_the_studys(slurm, tmp_path):
    """A site's plugin may do so, and without accounting the queue alone tells of jobs."""
    slurm.call("stop-accounting")
    slurm.run("scontrol", "update", "nodename=node2,node3", "state=drain", "reason=later", check=True)
    study = Submitted(slurm, stub_study(tmp_path))
    number = queue(slurm).total()
    for job in sent(study).values():
        slurm.run("scontrol", "update", f"jobid={job}", "comment=theirs", check=True)
    assert {state for of_stage in states(study).values() for state, _ in of_stage} == {"waiting"}
    assert cancel(slurm, study.folder).startswith(f"cancelled {number} jobs")
    assert not queue(slurm)


@contextmanager
def follower(study: Submitted, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that follows logs."""
    command = [sys.executable, "-m", "runner.logs", str(study.folder), *arguments, "--follow"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=study.slurm.env, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def rest(process: subprocess.Popen[str]) -> str:
    """What it prints until it ends by itself, and well; not communicate, which knows nothing of what was read ahead."""
    out = process.stdout.read()
    assert process.wait(150) == 0
    return out


def test_the_log_of_a_running_task_is_followed_to_its_end(slurm, tmp_path):
    study = halted(slurm, tmp_path)
    paths = StudyPaths(study.folder)
    (attempts,) = paths.folder.glob("runs/*/attempts")
    run = attempts.parent.name
    with follower(study, run, "--stage", "train", "--lines", "0") as process:
        heading = process.stdout.readline().rstrip("\n")
        let_go(study.file)
        *lines, end = rest(process).splitlines()
    log = last_attempt(attempts, "train", run).log
    assert heading == f"==> train tiny: attempt 1: {log} <=="
    assert end == "==> train tiny: done <=="
    assert lines == Path(log).read_text().splitlines()
    assert any(line.startswith(f"train {run}: 5/5") for line in lines)


def test_a_task_that_is_put_back_into_the_queue_is_followed_on(slurm, tmp_path):
    study = halted(slurm, tmp_path)
    with follower(study, "train") as process:
        heading = process.stdout.readline()
        slurm.run("scontrol", "requeue", sent(study)["train"], check=True)
        study.wait_for_epoch(1, attempt=2)
        let_go(study.file)
        out = rest(process)
    log = heading.removeprefix("==> train tiny: attempt 1: ")
    assert f"\n==> train tiny: attempt 2: {log}" in out
    assert ": 5/5 " in out.partition("attempt 2: ")[2]
    assert out.endswith("\n==> train tiny: done <==\n")
    shown = done_with(slurm, "logs", study.folder, "train").stdout
    assert "==> train tiny: attempt 2 of 2 (the file holds 1 too): " in shown


def test_a_cancelled_task_ends_its_followers(slurm, tmp_path):
    study = halted(slurm, tmp_path)
    with follower(study, "--stage", "train") as process:
        assert process.stdout.readline().startswith("==> train tiny: attempt 1: ")
        cancel(slurm, study.folder)
        out = rest(process)
    assert out.splitlines()[-1].startswith("==> train tiny: cancelled: ")
