"""On SLURM: what was sent is known, whenever its sender was killed and whatever numbers its jobs have."""

import random
import shutil
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import REPOSITORY

from runner.executors.job_state import QueuedJob
from runner.record import sent
from srcnn.paths import StudyPaths

from .cluster import Cluster, started
from .studies import Submitted, stub_study

# Its parent is the process that submits. What it is told is in files beside it: at which call it kills, and how.
SBATCH = """#!/bin/sh
here=$(dirname "$0")
echo x >> "$here/calls"
[ "$(wc -l < "$here/calls")" = "$(cat "$here/at")" ] || exec {sbatch} "$@"
how=$(cat "$here/how")
# While a process still forks, a signal to it may be taken by another of its threads, and ends no wait of the first.
[ "$how" != interrupted ] || until grep -q "^State:.S" /proc/$PPID/status; do sleep 0.01; done
case $how in after) ;; interrupted) kill -INT $PPID ;; *) kill -9 $PPID ;; esac
[ "$how" = before ] && exit 0
if [ "$how" = late ] || [ "$how" = interrupted ]; then while [ ! -e "$here/go" ]; do sleep 0.1; done; fi
{sbatch} "$@" > "$here/answer"
[ "$how" = after ] && kill -9 $PPID
touch "$here/sent"
"""


class Killer:
    """An sbatch that ends its caller at a call: ``before``, ``meanwhile``, ``after``, ``late`` or ``interrupted``."""

    def __init__(self, folder: Path, slurm: Cluster, file: Path) -> None:
        folder.mkdir()
        self.folder, self.slurm = folder, slurm
        script = folder / "sbatch"
        script.write_text(SBATCH.format(sbatch=shutil.which("sbatch")))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self.command = [sys.executable, "-m", "stub_stages", "submit", str(file), "--executor", "slurm"]
        self.command += ["--root", str(file.parent / "results")]

    def submit(self, at: int = 0, how: str = "") -> subprocess.CompletedProcess[str]:
        """A submission, killed at a call of sbatch, by number from 1; what was begun is waited for."""
        for name in ("calls", "sent"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "at").write_text(str(at))
        (self.folder / "how").write_text(how)
        path = f"{self.folder}:{self.slurm.env['PATH']}"
        environment = {**self.slurm.env, "PYTHONPATH": str(REPOSITORY / "tests"), "PATH": path}
        done = subprocess.run(
            self.command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=300
        )
        if how in ("meanwhile", "after"):
            self.slurm.wait_for((self.folder / "sent").exists, "the answer of sbatch")
        return done


def queued_jobs(paths: StudyPaths) -> list[QueuedJob]:
    """The jobs that the scheduler has of a study."""
    return [job for _, job in sent.queued_jobs(paths)]


@pytest.fixture
def full(slurm):
    """No task starts on this cluster until the job is cancelled that takes all of it."""
    command = ["sbatch", "--parsable", "--partition=cpu", "--nodes=2", "--exclusive", "--output=/dev/null"]
    return slurm.run(*command, "--wrap=sleep 3600", check=True).stdout.strip()


@pytest.fixture
def asks(slurm, monkeypatch):
    """This process asks the test cluster too."""
    monkeypatch.setenv("SLURM_CONF", slurm.env["SLURM_CONF"])


def queue(slurm: Cluster) -> set[str]:
    """The ids of the study's jobs, by their name."""
    lines = slurm.run("squeue", "--noheader", "--array", "--format=%i %j", check=True).stdout.splitlines()
    return {line.split()[0] for line in lines if line.split()[1].startswith("tiny-")}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_submitter_may_be_killed_at_any_time_and_nothing_is_unknown_or_sent_twice(slurm, tmp_path, full, asks, seed):
    study = stub_study(tmp_path, sweep={"grid": {"seed": [1, 2]}})
    killer = Killer(tmp_path / "bin", slurm, study)
    paths = StudyPaths(tmp_path / "results" / "tiny")
    dice = random.Random(seed)
    for how in dice.sample(["before", "meanwhile", "after"], 3):
        killed = killer.submit(dice.choice([1, 2]), how)
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
        known = queued_jobs(paths)
        assert {job.id for job in known} == queue(slurm), how
        assert max(Counter(job.key for job in known).values(), default=1) == 1, how
    last = killer.submit()
    assert last.returncode == 0, last.stdout + last.stderr
    known = queued_jobs(paths)
    assert {job.id for job in known} == queue(slurm)
    assert set(Counter(job.key for job in known).values()) == {1}
    slurm.run("scancel", full, check=True)
    finished = Submitted.of(slurm, study)
    finished.wait_until_done(900)
    for stage in ("train", "render", "evaluate"):
        assert {attempt["number"] for attempt in finished.attempts(stage)} == {1}, stage


def test_an_array_that_comes_through_after_its_tasks_were_sent_again_is_cancelled(slurm, tmp_path, full, asks):
    """The controller took its time, and the one who had asked it was dead."""
    study = stub_study(tmp_path)
    killer = Killer(tmp_path / "bin", slurm, study)
    paths = StudyPaths(tmp_path / "results" / "tiny")
    killer.submit(1, "late")
    assert killer.submit().returncode == 0
    before = queue(slurm)
    (killer.folder / "go").touch()
    slurm.wait_for((killer.folder / "sent").exists, "the late answer of sbatch")
    (late,) = queue(slurm) - before
    assert late in {job.id for job in queued_jobs(paths)}  # so that cancel takes it too
    again = killer.submit()
    assert f"train job {late} was sent by a process that was killed, and sent again since: it is cancelled" in (
        again.stdout.replace("\n", " ")
    )
    slurm.wait_for(lambda: queue(slurm) == before, "the end of the late array")


def test_an_array_that_comes_through_after_its_first_submission_was_interrupted_is_not_sent_again(
    slurm, tmp_path, full, asks
):
    study = stub_study(tmp_path)
    killer = Killer(tmp_path / "bin", slurm, study)
    assert killer.submit(1, "interrupted").returncode == 130
    (killer.folder / "go").touch()
    slurm.wait_for((killer.folder / "sent").exists, "the late answer of sbatch")
    assert killer.submit().returncode == 0
    known = queued_jobs(StudyPaths(tmp_path / "results" / "tiny"))
    assert {job.id for job in known} == queue(slurm)
    assert set(Counter(job.key for job in known).values()) == {1}


def test_a_root_with_a_space_is_as_good_as_any(slurm, tmp_path, full):
    folder = tmp_path / "my results"
    folder.mkdir()
    study = Submitted(slurm, stub_study(folder))
    number = len(queue(slurm))
    assert number == 4
    refused = study.command("clean", str(study.folder), "--yes")
    assert refused.returncode == 2
    assert "SLURM job" in refused.stderr
    assert "Nothing to send." in study.submit(str(study.folder))
    cancelled = study.command("cancel", str(study.folder))
    assert cancelled.stdout.startswith(f"cancelled {number} jobs"), cancelled.stdout + cancelled.stderr
    assert not queue(slurm)
    study.submit(str(study.folder))
    assert len(queue(slurm)) == number


def test_no_job_is_taken_for_another_that_has_had_its_number_or_has_it_since(tmp_path):
    """A cluster with six numbers, of which the job that fills it has the first for good."""
    with started(FIRST_JOB_ID="1000", MAX_JOB_ID="1006", MIN_JOB_AGE="2") as own:
        whole = ["sbatch", "--parsable", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3600"]
        assert own.run(*whole, check=True).stdout == "1000\n"

        def use(*numbers: int) -> None:
            """Have SLURM give these numbers to jobs of somebody else, which wait."""
            job = ["sbatch", "--parsable", "--hold", "--job-name=other", "--output=/dev/null", "--wrap=true"]
            assert [int(own.run(*job, check=True).stdout) for _ in numbers] == list(numbers)

        def forget(*numbers: int) -> None:
            """Cancel jobs, and wait until only accounting knows of any but the first."""
            own.run("scancel", *map(str, numbers))
            states = ["squeue", "--noheader", "--states=all"]
            own.wait_for(lambda: own.run(*states).stdout.count("\n") == 1, "SLURM to forget what is over", 180)

        study = Submitted(own, stub_study(tmp_path))
        number = study.tasks("train")[0]["job"]
        assert number == "1001"
        study.command("cancel", str(study.folder))
        forget()
        use(1005)
        forget(1005)

        # Somebody else's job has the number of our training now, and waits.
        use(1001)
        known = ["sacct", "-nXP", f"--jobs={number}", "--format=JobName"]
        own.wait_for(lambda: own.run(*known).stdout == "other\n", "accounting to know the other job")
        assert study.tasks("train")[0]["state"] in ("failed", "missing")
        assert study.command("cancel", str(study.folder)).stdout == "Nothing of tiny is queued or runs.\n"
        use(1002, 1003, 1004, 1005)
        forget(1001, 1002, 1003, 1004, 1005)

        # Ours has that number again, and accounting tells of the two that had it before.
        study.submit(str(study.folder))
        (train,) = study.tasks("train")
        assert (train["job"], train["state"]) == (number, "waiting")
